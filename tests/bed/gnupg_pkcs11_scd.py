"""gnupg-pkcs11-scd, and a token that it can serve: RSA keys, each with its certificate."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.bed import unpacked
from tests.bed.authority import authority
from tests.bed.gnupg import Home
from tests.bed.module_token import ModuleToken
from tests.bed.process import ProgramFailed
from tests.bed.softhsm import SoftHSM


def write_program(folder: Path) -> Path:
    """A program that runs it with the libraries that were unpacked with it."""
    program = folder / "gnupg-pkcs11-scd"
    path = shlex.quote(unpacked.library_path()["LD_LIBRARY_PATH"])
    real = shlex.quote(str(unpacked.find("usr/bin/gnupg-pkcs11-scd")))
    program.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={path} exec {real} "$@"\n')
    program.chmod(0o755)
    return program


def certified_token(softhsm: SoftHSM, label: str, names: list[str], folder: Path) -> ModuleToken:
    """A token with an RSA key for each of these people."""
    token = softhsm.init_token(label)
    for number, name in enumerate(names, 1):
        token.generate("rsa:2048", number, name)
    for number, public in token.public_keys().items():
        key = load_der_public_key(public)
        assert isinstance(key, rsa.RSAPublicKey)
        certificate = folder / f"{number}.der"
        certificate.write_bytes(authority().certify(key, names[number - 1]))
        token.write_certificate(certificate, number, names[number - 1])
    return token


def keygrips(home: Home) -> dict[str, str]:
    """By the names in the certificates, as it tells them."""
    told = home.connect_agent("SCD LEARN --force").stdout.decode()
    lines = re.findall(r"^S KEY-FRIEDNLY (\w+) /CN=(.*) on ", told, re.MULTILINE)
    return {name: grip for grip, name in lines}


def openpgp_key(home: Home, owner: str, signer: str, decrypter: str) -> str:
    """Make an OpenPGP key of the two keys with these keygrips; its fingerprint."""
    email = f"{owner.split()[0]}@example.org"
    lines = ["Key-Type: RSA", f"Key-Grip: {signer}", "Key-Usage: sign"]
    lines += ["Subkey-Type: RSA", f"Subkey-Grip: {decrypter}", "Subkey-Usage: encrypt"]
    lines += [f"Name-Real: {owner}", f"Name-Email: {email}", "Expire-Date: 0", "%commit", ""]
    made = home.gpg("--status-fd", "1", "--full-gen-key", input="\n".join(lines))
    found = re.search(r"KEY_CREATED B ([0-9A-F]{40})", made.stdout.decode())
    if found is None:
        raise ProgramFailed(f"no key was made\n{home.log_end}")
    return found[1]
