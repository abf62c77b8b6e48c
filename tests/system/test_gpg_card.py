"""``gpg-card`` of GnuPG 2.4: each of its commands does through anyscd what it does through GnuPG's
own scdaemon, says the same and leaves the same card behind."""

from __future__ import annotations

import pytest

from tests.bed.gnupg import ANYSCD, generation
from tests.system.gpg_card import SCENARIOS
from tests.system.outcome import check
from tests.system.scenario import Scenario
from tests.system.stage import Stage


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_gpg_card(scenario: Scenario, stage: Stage) -> None:
    gnupg = generation("2.4")
    check(scenario, gnupg, *stage.perform(scenario, gnupg, ANYSCD))
