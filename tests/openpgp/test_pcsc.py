"""The provider and its cards behind a real pcscd: other programs, pulled cards, restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from backends.errors import Broken, Busy, PinNeeded, Removed
from backends.openpgp import pcsc
from backends.openpgp.provider import PCSCProvider
from backends.token import PinRef, Provider, Token, Watcher
from tests.bed import faults
from tests.bed.pcsc import Pcscd
from tests.bed.virtual_reader import Card, VirtualReader
from tests.contract.oracle import check_signature
from tests.openpgp.rival import SELECT_PIV, Rival
from tests.openpgp.virtual_card import CURVE25519_KEYS, PIN, make_card

MESSAGE = b"what is signed"
PSO, VERIFY = 0x2A, 0x20


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return make_card(tmp_path / "card", CURVE25519_KEYS)


@pytest.fixture
def provider(pcscd: Pcscd) -> Iterator[PCSCProvider]:
    provider = PCSCProvider()
    yield provider
    provider.close()


@pytest.fixture
def token(reader: VirtualReader, card: Card, provider: PCSCProvider) -> Iterator[Token]:
    reader.insert(card)
    token = only_token(provider)
    yield token
    token.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def only_token(provider: PCSCProvider) -> Token:
    (place,) = provider.present()
    token = provider.open(place)
    assert token is not None
    return token


def sign(token: Token, pin: bytes | None = None) -> None:
    key = token.keys()[0]
    signature = token.sign(key, MESSAGE, bytearray(pin) if pin else None)
    check_signature(key.public, MESSAGE, signature)


def test_it_meets_the_contract(provider: PCSCProvider) -> None:
    checked: Provider = provider
    assert isinstance(checked, Watcher)
    assert provider.name == "pcsc"


def test_present_tells_insertions_apart_and_sends_nothing(
    reader: VirtualReader, card: Card, provider: PCSCProvider
) -> None:
    assert provider.present() == []
    reader.insert(card)
    (first,) = provider.present()
    assert provider.present() == [first]
    assert first.name == reader.name
    reader.remove()
    assert provider.present() == []
    reader.insert(card)
    (second,) = provider.present()
    assert second.name == first.name
    assert second != first
    assert reader.apdus == []


def test_reader_port(pcscd: Pcscd, reader: VirtualReader, card: Card) -> None:
    reader.insert(card)
    for port, count in ((reader.name, 1), ("Virtual PCD", 1), ("Yubico", 0)):
        provider = PCSCProvider(reader_port=port)
        assert len(provider.present()) == count
        provider.close()


class NoOpenPGP:
    """Another card."""

    def power_on(self) -> None: ...

    def power_off(self) -> None: ...

    def get_atr(self) -> bytes:
        return bytes.fromhex("3B8001")

    def process_apdu(self, apdu: bytes, /) -> bytes:
        return b"\x6a\x82"


def test_other_cards_are_not_ours(reader: VirtualReader, provider: PCSCProvider) -> None:
    reader.insert(NoOpenPGP())
    (place,) = provider.present()
    assert provider.open(place) is None
    assert len(reader.apdus) == 1


def test_costs(reader: VirtualReader, token: Token) -> None:
    assert len(reader.apdus) == 2
    sign(token, PIN)
    reader.apdus.clear()
    sign(token)
    assert len(reader.apdus) == 1


def test_place_and_atr(reader: VirtualReader, card: Card, token: Token) -> None:
    assert token.info.place == reader.name
    assert token.info.atr == card.get_atr()


def test_close_leaves_the_card_as_it_is(reader: VirtualReader, token: Token) -> None:
    sign(token, PIN)
    with Rival(reader.name) as rival:
        token.close()
        assert rival.transmit("00200081") == "9000"


def test_other_program_uses_the_card_between(reader: VirtualReader, token: Token) -> None:
    sign(token, PIN)
    with Rival(reader.name) as rival:
        assert rival.transmit("00CA004F00").endswith("9000")
        sign(token)


def test_other_program_resets_the_card(reader: VirtualReader, token: Token) -> None:
    sign(token, PIN)
    with Rival(reader.name) as rival:
        rival.reset()
        with pytest.raises(PinNeeded):
            sign(token)
        rival.reset()
        assert token.pin_for(token.keys()[0]) is not None
        sign(token, PIN)


def test_pin_with_a_card_that_was_reset_meanwhile(reader: VirtualReader, token: Token) -> None:
    token.pin_for(token.keys()[0])
    with Rival(reader.name) as rival:
        rival.reset()
        sign(token, PIN)
    sign(token)


def test_other_program_selects_its_application(reader: VirtualReader, token: Token) -> None:
    sign(token, PIN)
    with Rival(reader.name) as rival:
        assert rival.transmit(SELECT_PIV).endswith("9000")
        with pytest.raises(PinNeeded):
            sign(token)
        assert rival.transmit(SELECT_PIV).endswith("9000")
        reader.apdus.clear()
        sign(token, PIN)
    instructions = [command[1] for command, _ in reader.apdus]
    assert instructions.index(0xA4) < instructions.index(VERIFY)


def test_transaction_of_another_program_is_waited_for(
    reader: VirtualReader, token: Token, pool: ThreadPoolExecutor
) -> None:
    with Rival(reader.name) as rival:
        rival.begin()
        future = pool.submit(sign, token, PIN)
        rival.transmit("00CA004F00")
        assert not future.done()
        rival.end()
        future.result(10)


def test_transaction_without_end_makes_busy(
    reader: VirtualReader, card: Card, provider: PCSCProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pcsc, "TRANSACTION_SECONDS", 0.3)
    reader.insert(card)
    token = only_token(provider)
    with Rival(reader.name) as rival:
        rival.begin()
        for _ in range(2):
            with pytest.raises(Busy, match="transaction"):
                token.keys()
        rival.end()
        assert len(token.keys()) == 3
    token.close()


def test_exclusive_use_by_another_program(
    reader: VirtualReader, card: Card, provider: PCSCProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pcsc, "EXCLUSIVE_SECONDS", 0.2)
    reader.insert(card)
    with (
        Rival(reader.name, exclusive=True),
        pytest.raises(Busy, match="held exclusively by another program"),
    ):
        only_token(provider)
    only_token(provider).close()


def test_exclusive_use_for_a_moment(
    reader: VirtualReader, card: Card, provider: PCSCProvider, pool: ThreadPoolExecutor
) -> None:
    reader.insert(card)
    with Rival(reader.name, exclusive=True) as rival:
        future = pool.submit(only_token, provider)
        rival.transmit("00A4040006D27600012401")
        assert not future.done()
    future.result(10).close()


def test_card_that_was_pulled(
    reader: VirtualReader, card: Card, token: Token, provider: PCSCProvider
) -> None:
    sign(token, PIN)
    reader.remove()
    with pytest.raises(Removed):
        sign(token)
    reader.insert(card)
    with pytest.raises(Removed):
        token.keys()
    again = only_token(provider)
    with pytest.raises(PinNeeded):
        sign(again)
    again.close()


def test_card_that_was_exchanged(
    reader: VirtualReader, token: Token, provider: PCSCProvider, tmp_path: Path
) -> None:
    reader.remove()
    reader.insert(make_card(tmp_path / "other", CURVE25519_KEYS, serial=2))
    with pytest.raises(Removed):
        sign(token, PIN)
    assert VERIFY not in [command[1] for command, _ in reader.apdus]
    again = only_token(provider)
    assert again.info.serial != token.info.serial
    again.close()


def test_card_that_is_pulled_while_it_signs(
    reader: VirtualReader, token: Token, provider: PCSCProvider
) -> None:
    sign(token, PIN)
    reader.fault = faults.pulling(PSO)
    with pytest.raises((Removed, Broken)):  # pcscd looks for the card four times a second.
        sign(token)
    while provider.present():
        provider.wait_for_change()
    with pytest.raises(Removed):
        token.keys()


def test_service_that_was_restarted(
    pcscd: Pcscd, reader: VirtualReader, token: Token, provider: PCSCProvider
) -> None:
    sign(token, PIN)
    (before,) = provider.present()
    pcscd.restart()
    (after,) = provider.present()
    assert after != before
    with pytest.raises(PinNeeded):
        sign(token)
    sign(token, PIN)


def test_service_that_is_away(pcscd: Pcscd, token: Token, provider: PCSCProvider) -> None:
    pcscd.stop()
    try:
        for _ in range(2):
            with pytest.raises(Broken, match="not running"):
                provider.present()
            with pytest.raises(Broken, match="not running"):
                token.keys()
    finally:
        pcscd.start()
    assert len(token.keys()) == 3
    assert len(provider.present()) == 1


def test_reset(reader: VirtualReader, token: Token) -> None:
    sign(token, PIN)
    token.reset()
    assert not token.is_verified(PinRef.PW1_81)
    with pytest.raises(PinNeeded):
        sign(token)
    with Rival(reader.name):
        token.reset()
        sign(token, PIN)


@pytest.fixture
def watching(provider: PCSCProvider, pool: ThreadPoolExecutor) -> Callable[[], Future[bool]]:
    assert provider.wait_for_change()  # What was before is news, too.
    return lambda: pool.submit(provider.wait_for_change)


def test_watcher_tells_of_cards(
    reader: VirtualReader, card: Card, watching: Callable[[], Future[bool]]
) -> None:
    future = watching()
    reader.insert(card)
    assert future.result(10)
    future = watching()
    reader.remove()
    assert future.result(10)


def test_watcher_misses_nothing_between_calls(
    reader: VirtualReader, card: Card, watching: Callable[[], Future[bool]]
) -> None:
    reader.insert(card)
    reader.remove()
    assert watching().result(10)


def test_watcher_does_not_mind_other_programs(
    reader: VirtualReader, card: Card, provider: PCSCProvider, watching: Callable[[], Future[bool]]
) -> None:
    reader.insert(card)
    assert watching().result(10)
    future = watching()
    with Rival(reader.name) as rival:
        rival.reset()
    provider.present()
    assert not future.done()
    reader.remove()
    assert future.result(10)


def test_watcher_outlives_the_service(pcscd: Pcscd, watching: Callable[[], Future[bool]]) -> None:
    future = watching()
    pcscd.stop()
    try:
        assert future.result(10)
        future = watching()
        assert not future.done()
    finally:
        pcscd.start()
    assert future.result(20)


def test_watcher_ends_with_the_provider(
    provider: PCSCProvider, watching: Callable[[], Future[bool]]
) -> None:
    future = watching()
    provider.close()
    assert not future.result(10)
    assert not provider.wait_for_change()


def test_watcher_ends_while_the_service_is_away(
    pcscd: Pcscd, provider: PCSCProvider, watching: Callable[[], Future[bool]]
) -> None:
    pcscd.stop()
    try:
        assert watching().result(10)
        future = watching()
        provider.close()
        assert not future.result(10)
    finally:
        pcscd.start()


def test_other_threads_run_while_the_card_thinks(
    reader: VirtualReader, token: Token, pool: ThreadPoolExecutor
) -> None:
    sign(token, PIN)
    reached, release = threading.Event(), threading.Event()
    reader.fault = faults.holding(PSO, reached, release)
    future = pool.submit(sign, token)
    assert reached.wait(10)
    assert not future.done()
    release.set()
    future.result(10)
