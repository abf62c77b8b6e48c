"""``gpg --card-status`` says the same through anyscd as through GnuPG's own scdaemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from backends.curves import NIST_P256
from tests.bed.card import ADMIN_PIN, USER_PIN
from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.recipes import CARD_KEYS, generate_on_card
from tests.bed.virtual_reader import VirtualReader
from tests.bed.weierstrass import WeierstrassKeys

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

PINS = {"Admin": ADMIN_PIN, "": USER_PIN}


def card_status(home: Home, *options: str) -> list[str]:
    return home.gpg(*options, "--card-status").stdout.decode().splitlines()


def test_empty_card(gnupg: GnuPG, reader: VirtualReader, card: OpenPGPCard) -> None:
    reader.insert(card)
    with Home(gnupg) as home:
        expected = card_status(home)
    with Home(gnupg, ANYSCD) as home:
        assert card_status(home) == expected


@pytest.mark.parametrize("kind", CARD_KEYS)
def test_card_with_keys(gnupg: GnuPG, reader: VirtualReader, card: OpenPGPCard, kind: str) -> None:
    """Also the second time, and in the form for programs; both homes know the OpenPGP key."""
    if kind == "nistp256":
        WeierstrassKeys(card, NIST_P256)
    reader.insert(card)
    with Home(gnupg, pins=PINS) as home:
        generate_on_card(home, kind, "Karla Card")
        public_key = home.gpg("--export").stdout
    said = []
    for scdaemon in (gnupg.scdaemon, ANYSCD):
        with Home(gnupg, scdaemon) as home:
            home.gpg("--import", input=public_key)
            said.append([card_status(home), card_status(home), card_status(home, "--with-colons")])
    assert said[1] == said[0]
