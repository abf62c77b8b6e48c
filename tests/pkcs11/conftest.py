"""A private SoftHSM store for the whole run, and a stub module for each test that wants one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.provider import PKCS11Provider
from backends.pkcs11.token import PKCS11Token
from backends.token import Key
from tests.bed.process import run
from tests.bed.softhsm import MODULE, SoftHSM
from tests.pkcs11.stub import Orders

SOFTHSM = str(MODULE)
PIN = b"123456"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> SoftHSM:
    """A SoftHSM with the tokens that fill.py describes."""
    store = SoftHSM(tmp_path_factory.mktemp("softhsm"))
    for label in ("everyday", "odd", "kinds"):
        store.init_token(label, PIN.decode())
    fill = [sys.executable, "-m", "tests.pkcs11.fill", SOFTHSM, PIN.decode()]
    run(fill, env={**os.environ, **store.env})
    return store


class Clock:
    """For the back-off: goes on only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[..., PKCS11Provider]


@pytest.fixture
def make(clock: Clock) -> Iterator[Make]:
    """Makes providers, and closes them at the end."""
    made: list[PKCS11Provider] = []

    def make(name: str, path: object, **limits: Any) -> PKCS11Provider:
        made.append(PKCS11Provider(ModuleConfig(name, str(path), **limits), clock))
        return made[-1]

    yield make
    for provider in made:
        provider.close()


@pytest.fixture(scope="module")
def softhsm(store: SoftHSM) -> Iterator[PKCS11Provider]:
    """One worker for all tests of a file: each leaves the tokens logged out."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in store.env.items():
            patch.setenv(name, value)
        provider = PKCS11Provider(ModuleConfig("softhsm2", SOFTHSM))
        yield provider
        provider.close()


@pytest.fixture
def everyday(softhsm: PKCS11Provider) -> Iterator[PKCS11Token]:
    yield (token := token_named(softhsm, "everyday"))
    token.close()


@pytest.fixture
def odd(softhsm: PKCS11Provider) -> Iterator[PKCS11Token]:
    yield (token := token_named(softhsm, "odd"))
    token.close()


@pytest.fixture
def kinds(softhsm: PKCS11Provider) -> Iterator[PKCS11Token]:
    yield (token := token_named(softhsm, "kinds"))
    token.close()


@pytest.fixture
def stub(stub_module: Path, orders: Orders, make: Make) -> PKCS11Provider:
    return make("stub", stub_module)


@pytest.fixture
def impatient(stub_module: Path, orders: Orders, make: Make) -> PKCS11Provider:
    """A provider for the stub with short limits, for the tests in which it hangs."""
    return make("stub", stub_module, start_timeout=2.0, timeout=1.0)


def token_named(provider: PKCS11Provider, label: str) -> PKCS11Token:
    tokens = (provider.open(place) for place in provider.present())
    return next(token for token in tokens if token is not None and token.info.name == label)


def key_named(token: PKCS11Token, label: str) -> Key:
    keys = token.keys()
    return next(key for key in keys if key.label == label)


def labels(token: PKCS11Token) -> list[str]:
    return list(map(attrgetter("label"), token.keys()))


def refs(token: PKCS11Token) -> list[str]:
    return list(map(attrgetter("ref"), token.keys()))


def pin() -> bytearray:
    return bytearray(PIN)
