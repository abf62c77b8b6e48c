"""What YubiKeys have that other OpenPGP cards do not."""

from __future__ import annotations

from backends.openpgp.apdu import SHORT_ANSWER, Command
from backends.openpgp.data_objects import AID
from backends.openpgp.session import Session
from backends.openpgp.status import is_ok

_YUBICO = 0x0006
#: Of the OpenPGP application.  YubiKeys NEO have 2.0 and are not what GnuPG calls a YubiKey; from
#: the fifth generation on numbers are printed in groups, and keys attested.
_FOURTH, _FIFTH = 0x0201, 0x0300
_GET_VERSION, _ATTEST = 0xF1, 0xFB
#: CLA of an instruction that is the maker's own.
_PROPRIETARY = 0x80


def is_yubikey(aid: AID) -> bool:
    """Whether GnuPG calls it so."""
    return aid.manufacturer == _YUBICO and aid.version >= _FOURTH


def attests(aid: AID) -> bool:
    """Whether it can tell of its keys that they were made on it."""
    return aid.manufacturer == _YUBICO and aid.version >= _FIFTH


def attest(number: int) -> Command:
    """Puts a certificate in the place of that of the key with this number (YubiKey 5 technical
    manual, OpenPGP attestation)."""
    return Command(_ATTEST, number, 0, le=SHORT_ANSWER, cla=_PROPRIETARY)


def printed_serial(aid: AID) -> str | None:
    """The number as it stands on the token, whose decimal digits are in the AID (GnuPG scd/app.c,
    card_get_dispserialno); None if they are not."""
    digits = aid.raw[10:14].hex()
    if not digits.isdecimal():
        return None
    number = int(digits)
    return f"{number:,}".replace(",", " ") if aid.version >= _FIFTH else str(number)


class Firmware:
    """The version of the firmware, three bytes: asked for when it is wanted, and once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: bytes | None = None

    @property
    def known(self) -> bytes | None:
        """What was told before."""
        return self._read or None

    def read(self) -> bytes | None:
        """Within an operation.  The digits of the answer are decimal (yubikit.openpgp)."""
        if self._read is None:
            response = self._session.channel.send(Command(_GET_VERSION, 0, 0, le=SHORT_ANSWER))
            if not is_ok(response.sw):
                self._session.prove()
            told = is_ok(response.sw) and len(response.data) == 3
            self._read = bytes(map(_from_bcd, response.data)) if told else b""
        return self.known


def _from_bcd(octet: int) -> int:
    return 10 * (octet >> 4) + (octet & 0x0F)
