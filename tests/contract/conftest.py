"""The specimens: one of each family of devices, fresh for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from backends.token import Token
from tests import fake


@dataclass(frozen=True)
class Specimen:
    """A token whose PIN is not verified.  ``tries_left``: asks the device itself, if it tells."""

    token: Token
    pin: bytes
    wrong_pin: bytes
    tries_left: Callable[[], int | None]


def fake_specimen(request: pytest.FixtureRequest) -> Iterator[Specimen]:
    token = fake.FakeToken()
    yield Specimen(token, fake.PIN, b"271828", lambda: token.tries)


_FAMILIES = {"fake": fake_specimen}


@pytest.fixture(params=_FAMILIES)
def specimen(request: pytest.FixtureRequest) -> Iterator[Specimen]:
    yield from _FAMILIES[request.param](request)
