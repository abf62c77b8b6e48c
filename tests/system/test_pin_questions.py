"""How often people are asked for a PIN: counted at the pinentry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.bed.card import USER_PIN
from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.recipes import key_of_token, sign_and_verify
from tests.bed.softhsm import MODULE, SoftHSM
from tests.bed.virtual_reader import VirtualReader

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

TOKEN_PIN = "271828"

#: So short that it is over when the next operation begins.
BRIEF = "[pin]\nabsolute = 0.001\n"


def two_keys(softhsm: SoftHSM, label: str) -> None:
    token = softhsm.init_token(label, pin=TOKEN_PIN)
    for identifier in (1, 2):
        token.generate("rsa:2048", identifier, f"key {identifier}")


@contextmanager
def token_home(gnupg: GnuPG, softhsm: SoftHSM, settings: str = "") -> Iterator[Home]:
    home = Home(gnupg, ANYSCD, pins={"": TOKEN_PIN}, env=softhsm.env)
    with (home.path / "scdaemon.conf").open("a") as options:
        options.write("disable-application openpgp\n")
    module = f'[pkcs11.module.softhsm]\npath = "{MODULE}"\n'
    (home.path / "anyscd.toml").write_text(module + settings)
    with home:
        yield home


def test_token_is_logged_out_after_its_time(gnupg: GnuPG, softhsm: SoftHSM) -> None:
    two_keys(softhsm, "tok")
    with token_home(gnupg, softhsm, BRIEF) as home:
        asked_each_time(home)


def test_card_takes_the_pin_back_after_its_time(
    gnupg: GnuPG, reader: VirtualReader, card: OpenPGPCard
) -> None:
    for slot, kind in enumerate(("ed25519", "cv25519", "ed25519"), 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    reader.insert(card)
    home = Home(gnupg, ANYSCD, pins={"": USER_PIN})
    (home.path / "anyscd.toml").write_text("[pkcs11]\nuse-p11-kit = false\n" + BRIEF)
    with home:
        asked_each_time(home)
    taken_back = [sent[3] for sent, _ in reader.apdus if sent[:3] == b"\x00\x20\xff"]
    assert set(taken_back) == {0x81, 0x82, 0x83}


def asked_each_time(home: Home) -> None:
    fingerprint = key_of_token(home, "Tom Token")
    for _ in range(2):
        before = len(home.prompts)
        sign_and_verify(home, fingerprint)
        assert len(home.prompts) == before + 1
