"""A token of any PKCS#11 module, and putting keys and certificates on it by pkcs11-tool."""

from __future__ import annotations

import json
import os
import sys
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

    def public_keys(self) -> dict[int, bytes]:
        """Public keys in DER by CKA_ID, of RSA and Weierstrass curves."""
        told = json.loads(self.python_work("public-keys"))
        return {int(identifier, 16): bytes.fromhex(info) for identifier, info in told.items()}

    def python_work(self, verb: str, *arguments: str) -> bytes:
        """See :mod:`tests.bed.python_work`."""
        program = [sys.executable, "-m", "tests.bed.python_work", verb]
        words = [str(self.module), self.label, self.pin, *arguments]
        return run([*program, *words], env={**os.environ, **self.env}).stdout

    def pkcs11_tool(self, *words: str) -> bytes:
        """Run it, logged in, and return what it wrote."""
        login = ["--token-label", self.label, "--login", "--pin", self.pin]
        return pkcs11_tool(self.module, self.env, *login, *words)


def pkcs11_tool(module: Path, env: Mapping[str, str], *words: str) -> bytes:
    """Run OpenSC's tool on a module and return what it wrote."""
    command = ["pkcs11-tool", "--module", str(module), *words]
    return run(command, env={**os.environ, **env}).stdout
