"""SoftHSM: a private token store, tokens, and keys without certificates on them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.bed.process import run

_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",  # Debian, Ubuntu: a link
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)

#: The module to load.
MODULE = next((Path(path) for path in _MODULES if Path(path).exists()), Path(_MODULES[0]))

SO_PIN = "12345678"


@dataclass(frozen=True, slots=True)
class SoftHSMToken:
    """A token with its user PIN.  ``env``: what a program needs that loads the module."""

    label: str
    pin: str
    env: dict[str, str]

    def generate(self, kind: str, identifier: int, label: str) -> None:
        """Make a key pair.  ``kind``: as pkcs11-tool has it, rsa:2048 or EC:prime256v1,
        EC:secp384r1, EC:secp521r1, EC:edwards25519; ``identifier``: CKA_ID, one byte."""
        words = ["--keypairgen", "--key-type", kind, "--id", f"{identifier:02x}", "--label", label]
        self._pkcs11_tool(*words)

    def write_certificate(self, der: Path, identifier: int, label: str) -> None:
        """Put a certificate in DER beside the key with that CKA_ID."""
        words = ["--write-object", str(der), "--type", "cert", "--id", f"{identifier:02x}"]
        self._pkcs11_tool(*words, "--label", label)

    def _pkcs11_tool(self, *words: str) -> None:
        login = ["--module", str(MODULE), "--token-label", self.label, "--login", "--pin", self.pin]
        run(["pkcs11-tool", *login, *words], env={**os.environ, **self.env})


class SoftHSM:
    """A token store in a folder of its own."""

    def __init__(self, directory: Path) -> None:
        store = directory / "tokens"
        store.mkdir(parents=True)
        configuration = directory / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {store}\nlog.level = ERROR\n")
        self.env = {"SOFTHSM2_CONF": str(configuration)}

    def init_token(self, label: str, pin: str = "123456", so_pin: str = SO_PIN) -> SoftHSMToken:
        """Make a token in the next free slot."""
        pins = ["--so-pin", so_pin, "--pin", pin]
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, *pins]
        run(command, env={**os.environ, **self.env})
        return SoftHSMToken(label, pin, self.env)

    def delete_token(self, label: str) -> None:
        """Remove a token with everything on it."""
        command = ["softhsm2-util", "--delete-token", "--token", label]
        run(command, env={**os.environ, **self.env})
