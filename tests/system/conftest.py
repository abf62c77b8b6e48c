"""Fixtures that run a test once for each generation of GnuPG."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed.gnupg import GnuPG, generations
from tests.bed.softhsm import SoftHSM


@pytest.fixture(params=generations(), ids=str)
def gnupg(request: pytest.FixtureRequest) -> GnuPG:
    """The machine's own GnuPG, and the one under .bed/."""
    generation: GnuPG = request.param
    return generation


@pytest.fixture
def softhsm(tmp_path: Path) -> SoftHSM:
    """An empty token store."""
    return SoftHSM(tmp_path / "softhsm")
