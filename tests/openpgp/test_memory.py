"""A card that is known from before: what is not asked again, and what is not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.openpgp.opening import open_card
from backends.openpgp.writable_card import WritableOpenPGPCard
from backends.token import Attribute, Key
from scd.cardmemory import CardMemory
from tests.bed.card import openpgp_card
from tests.bed.key_maker import make_key
from tests.bed.virtual_reader import Card
from tests.openpgp.links import VirtualLink
from tests.openpgp.virtual_card import ADMIN, issue, put

READ_PUBLIC_KEY = 0x47
KINDS = ("ed25519", "cv25519", "rsa2048")


@pytest.fixture
def card(tmp_path: Path) -> Card:
    card: Card = openpgp_card(tmp_path / "card")
    for slot, kind in enumerate(KINDS, 1):
        make_key(card, slot, kind)
    return card


def opened(card: Card, path: Path) -> tuple[WritableOpenPGPCard, VirtualLink]:
    link = VirtualLink(card)
    token = open_card(link, CardMemory(path))
    assert token is not None
    return token, link


def keys(card: Card, path: Path) -> tuple[list[Key], int]:
    """The keys as a freshly started daemon lists them, and how many of them it read."""
    token, link = opened(card, path)
    return list(token.keys()), sum(apdu[1] == READ_PUBLIC_KEY for apdu in link.sent)


def test_public_keys_are_read_once(card: Card, tmp_path: Path) -> None:
    first, reads = keys(card, tmp_path / "memory")
    assert reads == 3
    assert keys(card, tmp_path / "memory") == (first, 0)


def test_a_key_made_elsewhere_is_read(card: Card, tmp_path: Path) -> None:
    before, _ = keys(card, tmp_path / "memory")
    make_key(card, 1, "ed25519")
    after, reads = keys(card, tmp_path / "memory")
    assert reads == 1
    assert after[0].public != before[0].public
    assert after[1:] == before[1:]


def test_a_key_of_the_old_fingerprint_but_another_algorithm_is_read(
    card: Card, tmp_path: Path
) -> None:
    """Some cards keep the fingerprint when the algorithm attributes, and so the key, change."""
    before, _ = keys(card, tmp_path / "memory")
    fingerprint, created = before[0].fingerprint, before[0].created
    assert fingerprint is not None
    assert created is not None
    make_key(card, 1, "rsa2048")
    card.power_on()
    issue(card, *ADMIN, put(0xC7, fingerprint), put(0xCE, created.to_bytes(4)))
    after, reads = keys(card, tmp_path / "memory")
    assert reads == 1
    assert after[0].public != before[0].public


def test_the_name_is_remembered_for_prompts_and_read_for_answers(
    card: Card, tmp_path: Path
) -> None:
    wanted = {Attribute.DISP_NAME}
    token, _ = opened(card, tmp_path / "memory")
    assert token.remembered(wanted) == {}
    name = token.attributes(wanted)[Attribute.DISP_NAME]
    token, _ = opened(card, tmp_path / "memory")
    assert token.remembered(wanted) == {Attribute.DISP_NAME: name}
    card.power_on()
    issue(card, *ADMIN, put(0x5B, b"Doe<<Jane"))
    assert token.attributes(wanted) == {Attribute.DISP_NAME: b"Doe<<Jane"}
    assert opened(card, tmp_path / "memory")[0].remembered(wanted) == {
        Attribute.DISP_NAME: b"Doe<<Jane"
    }
