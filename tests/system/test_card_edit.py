"""``gpg --card-edit``: every entry of its menu does through anyscd what it does through GnuPG's own
scdaemon, says the same and leaves the same card behind."""

from __future__ import annotations

import pytest

from tests.bed.gnupg import ANYSCD, GnuPG, generation
from tests.system.card_edit import OF_2_4, SCENARIOS, VARIANTS
from tests.system.outcome import check
from tests.system.scenario import Scenario
from tests.system.stage import Stage


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_card_edit(scenario: Scenario, gnupg: GnuPG, stage: Stage) -> None:
    check(scenario, gnupg, *stage.perform(scenario, gnupg, ANYSCD))


ONE_GENERATION = [
    pytest.param(scenario, generation(name), id=f"{name}-{title}")
    for name, table in (("2.2", VARIANTS), ("2.4", OF_2_4))
    for title, scenario in table.items()
]


@pytest.mark.parametrize(("scenario", "gnupg"), ONE_GENERATION)
def test_variant(scenario: Scenario, gnupg: GnuPG, stage: Stage) -> None:
    check(scenario, gnupg, *stage.perform(scenario, gnupg, ANYSCD))
