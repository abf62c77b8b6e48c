"""Two runs with the same daemon compare equal, and what differs on a card is seen and shown."""

from __future__ import annotations

import pytest

from tests.bed.gnupg import GnuPG, generation
from tests.system.card_edit import SCENARIOS
from tests.system.card_edit.script import edit
from tests.system.masks import masked
from tests.system.outcome import difference
from tests.system.scenario import WRONG_USER_PIN, Scenario
from tests.system.stage import Stage

#: What has most that no two runs share: keys, fingerprints, times, salts.
VARYING = {name: SCENARIOS[name] for name in ("generate", "kdf-setup", "keytocard")}

ONE = edit("admin | lang | de")

#: Something else done, and how the report says so.
OTHERS = {
    "object": (edit("admin | lang | en"), ["-5F2D: 6465", "+5F2D: 656e"]),
    "pin": (
        edit("admin | lang | de | passwd | 1 | q"),
        ["-PW1.82 123456: 9000", "+PW1.82 123456: 63C2", "+PW1.82 654321: 9000"],
    ),
    "tries": (
        edit("admin | lang | de | verify", pins={"": WRONG_USER_PIN}),
        ["-PIN retry counter : 3 0 3"],
    ),
}


@pytest.mark.parametrize("scenario", VARYING.values(), ids=VARYING.keys())
def test_same_daemon(scenario: Scenario, gnupg: GnuPG, stage: Stage) -> None:
    assert difference(*stage.perform(scenario, gnupg, gnupg.scdaemon)) == ""


@pytest.mark.parametrize(("other", "shown"), OTHERS.values(), ids=OTHERS.keys())
def test_difference_is_shown(other: Scenario, shown: list[str], stage: Stage) -> None:
    gnupg = generation("2.2")
    expected, _ = stage.perform(ONE, gnupg, gnupg.scdaemon)
    _, ours = stage.perform(other, gnupg, gnupg.scdaemon)
    assert set(shown) <= set(difference(expected, ours).splitlines())


def test_masks_keep_what_belongs_together() -> None:
    key, other = 40 * "A", 40 * "B"
    text = f"{key} {other}\n{key} since 2026-11-24 21:21:01"
    assert masked(text, {}) == "NUMBER-40-1 NUMBER-40-2\nNUMBER-40-1 since TIME"
