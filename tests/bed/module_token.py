"""A token of any PKCS#11 module, and putting keys and certificates on it by pkcs11-tool."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bed.process import run


@dataclass(frozen=True, slots=True)
class ModuleToken:
    """A token with its user PIN.

    ``module`` and ``env``: what a program must load, and have in its environment for that.
    ``label``: as the module tells it.
    """

    module: Path
    env: Mapping[str, str]
    label: str
    pin: str

    def generate(self, kind: str, identifier: int, label: str) -> None:
        """Make a key pair.  ``kind``: as pkcs11-tool has it, rsa:2048 or EC:prime256v1,
        EC:secp384r1, EC:secp521r1, EC:edwards25519; ``identifier``: CKA_ID, one byte."""
        words = ["--keypairgen", "--key-type", kind, "--id", f"{identifier:02x}", "--label", label]
        self.pkcs11_tool(*words)

    def write_certificate(self, der: Path, identifier: int, label: str) -> None:
        """Put a certificate in DER beside the key with that CKA_ID."""
        words = ["--write-object", str(der), "--type", "cert", "--id", f"{identifier:02x}"]
        self.pkcs11_tool(*words, "--label", label)

    def public_key(self, identifier: int) -> bytes:
        """SubjectPublicKeyInfo of the key with that CKA_ID."""
        words = ["--read-object", "--type", "pubkey", "--id", f"{identifier:02x}"]
        return self.pkcs11_tool(*words)

    def pkcs11_tool(self, *words: str) -> bytes:
        """Run it, logged in, and return what it wrote."""
        login = ["--token-label", self.label, "--login", "--pin", self.pin]
        return pkcs11_tool(self.module, self.env, *login, *words)


def pkcs11_tool(module: Path, env: Mapping[str, str], *words: str) -> bytes:
    """Run OpenSC's tool on a module and return what it wrote."""
    command = ["pkcs11-tool", "--module", str(module), *words]
    return run(command, env={**os.environ, **env}).stdout
