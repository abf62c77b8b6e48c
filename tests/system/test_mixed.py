"""An OpenPGP card and a PKCS#11 token behind one gpg-agent, at the same time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.bed.card import USER_PIN
from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.recipes import encrypt_and_decrypt, key_of_token, sign_and_verify, ssh_keys
from tests.bed.softhsm import MODULE, SoftHSM
from tests.bed.sshd import Sshd
from tests.bed.virtual_reader import VirtualReader

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

TOKEN_PIN = "271828"

KINDS = ("ed25519", "cv25519", "ed25519")


@pytest.fixture
def home(
    gnupg: GnuPG, softhsm: SoftHSM, reader: VirtualReader, card: OpenPGPCard
) -> Iterator[Home]:
    """A card with Curve25519 keys and a token with RSA keys, both present."""
    for slot, kind in enumerate(KINDS, 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    reader.insert(card)
    token = softhsm.init_token("tok", pin=TOKEN_PIN)
    for identifier in (1, 2):
        token.generate("rsa:2048", identifier, f"key {identifier}")
    home = Home(gnupg, ANYSCD, pins={"tok": TOKEN_PIN, "": USER_PIN}, env=softhsm.env)
    (home.path / "anyscd.toml").write_text(f'[pkcs11.module.softhsm]\npath = "{MODULE}"\n')
    with home:
        yield home


def serial_numbers(home: Home) -> list[str]:
    """Card first."""
    home.connect_agent("SCD SERIALNO --all")
    listing = home.connect_agent("SCD GETINFO card_list").stdout.decode()
    return [line.split()[2] for line in listing.splitlines() if line.startswith("S SERIALNO")]


def test_both_work_side_by_side(home: Home) -> None:
    on_card, on_token = serial_numbers(home)
    fingerprints = []
    for serial, name in ((on_card, "Karla Card"), (on_token, "Tom Token")):
        # Whose keys become an OpenPGP key: those of the card that was looked at last.
        home.gpg("--card-status", serial)
        fingerprints.append(key_of_token(home, name))
    for _ in range(3):
        for fingerprint in fingerprints:
            sign_and_verify(home, fingerprint)
    for fingerprint in fingerprints:
        encrypt_and_decrypt(home, fingerprint)
    offered = ssh_keys(home)
    assert {line.split()[0] for line in offered} == {"ssh-ed25519", "ssh-rsa"}
    for line in offered:
        with Sshd(line + "\n") as sshd:
            assert sshd.login(home.env, "echo", "inside") == "inside\n"
    kinds = [prompt.kind for prompt in home.prompts]
    assert kinds == ["GETPIN", "GETPIN"], "each PIN is asked once, and no card is asked for"


ATTRIBUTES = ("ed25519 cv25519 ed25519", "rsa2048 rsa2048 rsa2048")


def test_card_status_shows_either(home: Home) -> None:
    """With its serial number, its algorithms, and a key in each slot."""
    for serial, attributes in zip(serial_numbers(home), ATTRIBUTES, strict=True):
        shown = home.gpg("--card-status", serial).stdout.decode()
        assert re.search(rf"^Application ID \.*: {serial}$", shown, re.MULTILINE)
        assert re.search(rf"^Key attributes \.*: {attributes}$", shown, re.MULTILINE)
        keys = re.findall(
            r"^(?:Signature|Encryption|Authentication) key\.* ?\.*: (.*)$", shown, re.M
        )
        assert len(keys) == 3
        for fingerprint in keys:
            assert re.fullmatch(r"[0-9A-F ]{50}", fingerprint)
