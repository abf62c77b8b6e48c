"""The registry on providers that wait, fail and change on command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from backends.errors import Broken
from backends.token import Provider, Token
from scd.registry import Registry
from scd.view import Birth, View, token_view
from tests.fake import FakeProvider, FakeReaders, FakeToken

#: Seconds after which a wait that should have ended has failed.
DEADLINE = 5


def make_view(token: Token, thorough: bool) -> View:
    return token_view(token.keys(), lambda use, key: False, lambda grip, told: Birth(1))


@asynccontextmanager
async def running(*providers: Provider, settle: float = DEADLINE) -> AsyncIterator[Registry]:
    with trio.fail_after(2 * DEADLINE):
        async with trio.open_nursery() as nursery:
            registry = Registry(providers, make_view, settle, nursery)
            try:
                yield registry
            finally:
                registry.close()
                nursery.cancel_scope.cancel()


def serials(registry: Registry) -> list[str]:
    return [card.serial for card in registry.cards]


async def test_nothing_is_touched_before_the_first_scan() -> None:
    provider = FakeProvider("one", a=FakeToken())
    async with running(provider) as registry:
        assert not registry.cards
        assert provider.looks == 0


async def test_first_scan_waits_for_all_providers() -> None:
    one, two = FakeProvider("one", a=FakeToken(1)), FakeProvider("two", b=FakeToken(2))
    async with running(one, two) as registry:
        await registry.scan()
        assert len(registry.cards) == 2


async def test_slow_provider_is_not_waited_for_beyond_settling_if_another_answers() -> None:
    quick, slow = FakeProvider("quick", a=FakeToken(1)), FakeProvider("slow", b=FakeToken(2))
    slow.gate.clear()
    async with running(quick, slow, settle=0.01) as registry:
        await registry.scan()
        assert serials(registry) == [quick.tokens["a"].info.serial]
        slow.gate.set()
        assert await registry.by_serial(slow.tokens["b"].info.serial)
        assert len(registry.cards) == 2


async def test_slow_provider_is_waited_for_if_nothing_else_answers() -> None:
    slow = FakeProvider("slow", a=FakeToken())
    slow.gate.clear()
    async with running(FakeProvider("empty"), slow, settle=0.01) as registry:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(registry.scan)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert not registry.cards
            slow.gate.set()
        assert len(registry.cards) == 1


async def test_key_on_another_token_is_found_while_a_provider_hangs() -> None:
    quick, slow = FakeProvider("quick", a=FakeToken(1)), FakeProvider("slow", b=FakeToken(2))
    slow.gate.clear()
    async with running(quick, slow, settle=0.01) as registry:
        await registry.scan()
        view = await registry.cards[0].view()
        assert await registry.by_key(view.keys[0].grip)


async def test_failing_provider_spoils_nothing_and_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good, bad = FakeProvider("good", a=FakeToken(1)), FakeProvider("bad", b=FakeToken(2))
    bad.error = Broken("the module crashed")
    async with running(good, bad) as registry:
        await registry.scan()
        assert serials(registry) == [good.tokens["a"].info.serial]
        assert "bad: the module crashed" in caplog.text
        bad.error = None
        await registry.by_serial(bad.tokens["b"].info.serial)
        assert len(registry.cards) == 2


async def test_bug_in_a_provider_spoils_nothing(caplog: pytest.LogCaptureFixture) -> None:
    good, bad = FakeProvider("good", a=FakeToken()), FakeProvider("bad")
    bad.error = ZeroDivisionError()
    async with running(good, bad) as registry:
        await registry.scan()
        assert len(registry.cards) == 1
        assert "ZeroDivisionError" in caplog.text


async def test_change_is_noticed_and_told() -> None:
    token = FakeToken()
    readers = FakeReaders("readers", a=token)
    async with running(readers) as registry:
        told: list[int] = []
        registry.on_change.append(lambda: told.append(len(registry.cards)))
        await registry.scan()
        card = registry.cards[0]
        await changed(registry, readers, readers.tokens.clear)
        assert card.gone
        assert not registry.cards
        await changed(registry, readers, lambda: readers.tokens.update(a=token))
        assert told == [1, 0, 1]


async def changed(registry: Registry, readers: FakeReaders, act: Callable[[], object]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(registry.changed)
        await trio.testing.wait_all_tasks_blocked()
        act()
        readers.tell()


async def test_chosen_card_comes_first() -> None:
    provider = FakeProvider("one", a=FakeToken(1), b=FakeToken(2))
    async with running(provider) as registry:
        await registry.scan()
        first, second = registry.cards
        registry.choose(second)
        assert list(registry.cards) == [second, first]
        registry.choose(first)
        assert list(registry.cards) == [first, second]


async def test_known_key_is_found_while_another_card_is_at_work() -> None:
    provider = FakeProvider("one", a=FakeToken(1), b=FakeToken(2))
    async with running(provider) as registry:
        await registry.scan()
        busy, free = registry.cards
        grip = (await free.view()).keys[0].grip
        async with busy.lane:
            assert await registry.by_key(grip, preferred=busy)


async def test_absent_serial_number_is_none() -> None:
    async with running(FakeProvider("one", a=FakeToken())) as registry:
        assert await registry.by_serial("D276000124010304FF00123456780000") is None
