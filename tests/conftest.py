"""Fixtures of the test bed: one pcscd for the whole run, a reader and a card for each test; and the
module that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bed.card import openpgp_card
from tests.bed.pcsc import Pcscd
from tests.bed.pinpad import Keys
from tests.bed.virtual_reader import VirtualReader
from tests.pkcs11.stub import VARIABLE, Orders, build_stub

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard


@pytest.fixture(scope="session")
def pcscd() -> Iterator[Pcscd]:
    """A private pcscd with two readers, and two more that have a pinpad; who stops it starts it
    again."""
    with Pcscd(pinpad=True) as running:
        yield running


@pytest.fixture
def reader(pcscd: Pcscd) -> Iterator[VirtualReader]:
    """An empty reader, and no card in any other."""
    reader = pcscd.readers[0]
    reader.apdus.clear()
    yield reader
    for other in pcscd.readers:
        other.fault, other.latency = None, 0.0
        other.wait_unused()
        other.remove()


@pytest.fixture
def pinpad_reader(pcscd: Pcscd, reader: VirtualReader) -> VirtualReader:
    """An empty reader with a pinpad, and no card in any other."""
    pinpad_reader = pcscd.pinpad_readers[0]
    pinpad_reader.apdus.clear()
    return pinpad_reader


@pytest.fixture
def keys(pcscd: Pcscd) -> Keys:
    """The user in front of the pinpad, who has not typed anything."""
    assert pcscd.keys is not None
    pcscd.keys.be()
    return pcscd.keys


@pytest.fixture
def card(tmp_path: Path) -> OpenPGPCard:
    """A factory-fresh OpenPGP card, not inserted."""
    return openpgp_card(tmp_path / "card")


@pytest.fixture(scope="session")
def stub_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PKCS#11 module that misbehaves on demand."""
    return build_stub(tmp_path_factory.mktemp("stub"))


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Orders:
    orders = Orders(tmp_path / "orders")
    monkeypatch.setenv(VARIABLE, str(orders.path))
    return orders
