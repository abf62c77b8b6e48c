"""The pinpad of the bed's readers: a driver in C around vpcd's, and the user in front of it."""

from __future__ import annotations

import os
import shutil
import weakref
from pathlib import Path

from backends.openpgp.pinpad import GET_FEATURE_REQUEST, Feature, Property
from tests.bed.process import run

#: A vendor whose readers take PINs of any length.
REINER = 0x0C4B

#: SCARD_CTL_CODE(0x330000 + feature), as the CCID driver of pcsc-lite has them.
CODES = {feature: 0x42330000 + feature for feature in Feature}

_KNOWN_VARLEN = {Property.VENDOR: REINER, Property.PRODUCT: 0x0504}
_WIDTHS = {Property.VENDOR: 2, Property.PRODUCT: 2}


class Keys:
    """The user at the readers of one driver, and what these readers are like.

    ``driver``: what pcscd is to load.  The files beside it are those of ifd_pinpad.c.
    """

    def __init__(self, driver: Path, vpcd: Path) -> None:
        self.driver = driver
        flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-O1", "-I/usr/include/PCSC"]
        run(["gcc", *flags, "-o", driver, Path(__file__).with_name("ifd_pinpad.c"), "-ldl"])
        shutil.copy(vpcd, self._beside("vpcd"))
        self.pipe = self._beside("keys")
        self.pipe.unlink(missing_ok=True)
        os.mkfifo(self.pipe)
        # Open for reading too, so that what is typed ahead stays in it.
        self._pipe = os.open(self.pipe, os.O_RDWR | os.O_NONBLOCK)
        weakref.finalize(self, os.close, self._pipe)
        self.be()

    def be(
        self,
        properties: dict[Property, int] | None = None,
        features: tuple[Feature, ...] = (*Feature,),
        pin_properties: bytes = b"\x00\x00\x07\x00",
    ) -> None:
        """What the readers are from now on; and nobody has touched them yet.  Without features they
        are ordinary readers."""
        told = _KNOWN_VARLEN if properties is None else properties
        self._write("features", b"".join(_feature(each) for each in features))
        self._write("properties", b"".join(_property(*each) for each in told.items()))
        self._write("pin", pin_properties)
        self._beside("log").write_text("")
        self.take_back()

    def type(self, line: str) -> None:
        """What the user will do when a PIN is wanted; see ifd_pinpad.c."""
        os.write(self._pipe, line.encode() + b"\n")

    def take_back(self) -> bool:
        """Forget what was typed and not asked for; whether there was any."""
        try:
            return bool(os.read(self._pipe, 4096))
        except BlockingIOError:
            return False

    @property
    def controls(self) -> list[tuple[int, bytes]]:
        """The control codes that came so far, with their data."""
        lines = [line.split(" ") for line in self._log() if line.startswith("control ")]
        return [(int(code, 16), bytes.fromhex(data)) for _, code, data in lines]

    @property
    def entries(self) -> list[bytes]:
        """The structures of the PIN entries that were begun so far."""
        wanted = (CODES[Feature.VERIFY_PIN_DIRECT], CODES[Feature.MODIFY_PIN_DIRECT])
        return [data for code, data in self.controls if code in wanted]

    @property
    def looks(self) -> int:
        """How often the readers were asked what they can do."""
        return [code for code, _ in self.controls].count(GET_FEATURE_REQUEST)

    @property
    def faults(self) -> list[str]:
        """What was wrong with structures that came so far."""
        return [line for line in self._log() if not line.startswith("control ")]

    def _log(self) -> list[str]:
        return self._beside("log").read_text().splitlines()

    def _write(self, name: str, content: bytes) -> None:
        path = self._beside(name)
        if content:
            path.write_bytes(content)
        else:
            path.unlink(missing_ok=True)

    def _beside(self, name: str) -> Path:
        return self.driver.with_name(f"{self.driver.name}.{name}")


def _feature(feature: Feature) -> bytes:
    """Tag, length, and the control code big-endian."""
    return bytes((feature, 4)) + CODES[feature].to_bytes(4, "big")


def _property(tag: Property, value: int) -> bytes:
    """Tag, length, and the value little-endian."""
    width = _WIDTHS.get(tag, 1)
    return bytes((tag, width)) + value.to_bytes(width, "little")
