"""Fixtures that run a test once for each generation of GnuPG."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bed.card import openpgp_card
from tests.bed.gnupg import GnuPG, generations
from tests.bed.pcsc import Pcscd
from tests.bed.simulated import SimulatedCard
from tests.bed.softhsm import SoftHSM
from tests.bed.software_key import software_key
from tests.bed.stand_in import ATR, StandIn
from tests.bed.virtual_reader import Card
from tests.system.scenario import Scenario
from tests.system.stage import Place, Stage


@pytest.fixture(params=generations(), ids=str)
def gnupg(request: pytest.FixtureRequest) -> GnuPG:
    """The machine's own GnuPG, and the one under .bed/."""
    generation: GnuPG = request.param
    return generation


@pytest.fixture
def softhsm(tmp_path: Path) -> SoftHSM:
    """An empty token store."""
    return SoftHSM(tmp_path / "softhsm")


@pytest.fixture(scope="module")
def places(pcscd: Pcscd) -> Iterator[tuple[Place, Place]]:
    """Two readers in which cards can be exchanged at once."""
    first, second = (Place(reader, StandIn()) for reader in pcscd.readers[:2])
    for place in (first, second):
        place.reader.insert(place.stand_in)
    yield first, second
    for place in (first, second):
        place.reader.wait_unused()
        place.reader.remove()


@pytest.fixture(scope="module")
def stage(places: tuple[Place, Place], tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where every scenario finds cards of its kind as they left the factory."""

    def make_card(scenario: Scenario) -> Card:
        if scenario.profile is not None:
            return SimulatedCard(replace(scenario.profile, atr=ATR))
        card: Card = openpgp_card(tmp_path_factory.mktemp("card") / "card")
        return card

    return Stage(places, make_card, software_key)
