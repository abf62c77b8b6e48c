"""Everyday work through anyscd: each generation of GnuPG, each kind of key, card and token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backends.curves import NIST_P256
from tests.bed.card import ADMIN_PIN, USER_PIN
from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.recipes import (
    CARD_KEYS,
    encrypt_and_decrypt,
    generate_on_card,
    key_of_token,
    sign_and_verify,
    ssh_keys,
    ssh_login,
    take_up,
)
from tests.bed.softhsm import MODULE, SoftHSM
from tests.bed.virtual_reader import VirtualReader
from tests.bed.weierstrass import WeierstrassKeys

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

PINS = {"Admin": ADMIN_PIN, "": USER_PIN}
SSH_TYPES = {
    "rsa2048": "ssh-rsa",
    "curve25519": "ssh-ed25519",
    "nistp256": "ecdsa-sha2-nistp256",
}

#: Kinds of tokens, by the keys on them: for signing and SSH, and for decryption.
TOKEN_KEYS = {
    "rsa2048": ("rsa:2048", "rsa:2048"),
    "nistp256": ("EC:prime256v1", "EC:prime256v1"),
    "curve25519": ("EC:edwards25519", "EC:prime256v1"),  # SoftHSM 2.6 derives on X25519 nowhere
}


@pytest.mark.parametrize("kind", CARD_KEYS)
def test_card(gnupg: GnuPG, reader: VirtualReader, card: OpenPGPCard, kind: str) -> None:
    """The keys were made elsewhere, with GnuPG's own scdaemon."""
    if kind == "nistp256":
        WeierstrassKeys(card, NIST_P256)
    reader.insert(card)
    with Home(gnupg, pins=PINS) as elsewhere:
        fingerprint = generate_on_card(elsewhere, kind, "Karla Card")
        public_key = elsewhere.gpg("--export").stdout
    with Home(gnupg, ANYSCD, pins={"": USER_PIN}) as home:
        take_up(home, public_key)
        work(home, fingerprint, kind)


@pytest.mark.parametrize("kind", TOKEN_KEYS)
def test_token(gnupg: GnuPG, softhsm: SoftHSM, kind: str) -> None:
    """No certificate is on the token."""
    token = softhsm.init_token("tok")
    for identifier, algorithm in enumerate(TOKEN_KEYS[kind], 1):
        token.generate(algorithm, identifier, f"key {identifier}")
    home = Home(gnupg, ANYSCD, pins={"": token.pin}, env=softhsm.env)
    (home.path / "anyscd.toml").write_text(
        f'[pkcs11]\nuse-p11-kit = false\n[pkcs11.module.softhsm]\npath = "{MODULE}"\n'
    )
    with home:
        fingerprint = key_of_token(home, "Tom Token")
        work(home, fingerprint, kind)


def work(home: Home, fingerprint: str, kind: str) -> None:
    sign_and_verify(home, fingerprint)
    encrypt_and_decrypt(home, fingerprint)
    assert SSH_TYPES[kind] in [line.split()[0] for line in ssh_keys(home)]
    ssh_login(home)
