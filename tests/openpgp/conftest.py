"""Virtual cards with Curve25519 keys, fresh for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.openpgp.bench import Bench, Faulty
from tests.openpgp.links import VirtualLink
from tests.openpgp.virtual_card import ADMIN, CURVE25519_KEYS, issue, make_card, put


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(VirtualLink(make_card(tmp_path / "card", CURVE25519_KEYS)))


@pytest.fixture
def forced(tmp_path: Path) -> Bench:
    """A card that wants its PIN for each signature."""
    card = make_card(tmp_path / "card", CURVE25519_KEYS)
    card.power_on()
    issue(card, *ADMIN, put(0xC4, b"\0"))
    card.power_off()
    return Bench(VirtualLink(card))


@pytest.fixture
def faulty(tmp_path: Path) -> tuple[Bench, Faulty]:
    link = Faulty(make_card(tmp_path / "card", CURVE25519_KEYS))
    return Bench(link), link
