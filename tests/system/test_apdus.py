"""What everyday work costs, counted at the card: on a real one an APDU takes tens of
milliseconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed import everyday
from tests.bed.gnupg import ANYSCD, GnuPG
from tests.bed.virtual_reader import VirtualReader

#: The most that a step may cost with either generation.  GnuPG's scdaemon of 2.2 takes 24, 8, 21,
#: 19 and 19, then 2, 1 and 1.
AT_MOST = {
    everyday.EMPTY_CARD: 8,
    everyday.AGAIN: 2,
    everyday.THREE_KEYS: 11,
    everyday.UNKNOWN_CARD: 9,
    everyday.KNOWN_CARD: 5,
    everyday.SIGNATURE: 1,
    everyday.DECRYPTION: 1,
    everyday.SSH: 1,
}

#: GnuPG 2.4 shows buttons and touch switches, which belong into DO 6E; the card of the bed tells
#: each of them apart: 7F74, D6, D7, D8.
TOUCH = {everyday.EMPTY_CARD: 4, everyday.THREE_KEYS: 4}


@pytest.fixture
def costs(gnupg: GnuPG, reader: VirtualReader, tmp_path: Path) -> dict[str, int]:
    count = everyday.counting(reader)
    return everyday.everyday(reader, tmp_path / "card", gnupg, ANYSCD, count)


def test_everyday_work_is_cheap(gnupg: GnuPG, costs: dict[str, int]) -> None:
    extra = TOUCH if gnupg.name != "2.2" else {}
    assert tuple(costs) == everyday.STEPS
    assert {
        step: cost for step, cost in costs.items() if cost > AT_MOST[step] + extra.get(step, 0)
    } == {}
