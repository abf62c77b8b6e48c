"""How long a verified PIN lasts: the clock jumps when nothing else happens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from assuan.errors import Code
from backends.errors import Busy, NotSupported, TokenError
from backends.token import PinRef, Token
from scd.choices import PinOptions, TokenOptions
from scd.config import Config
from scd.lane import Lane
from scd.pinlife import PinLife
from scd.providers import rule_finder
from tests.fake import PIN, USER_PIN, FakeCard, FakeToken
from tests.scd.bed import Asked, bed, fails
from tests.scd.test_commands import HASH, SIGN, ParallelToken, sign, view_of

LIMITS = PinOptions(idle=600.0, absolute=1500.0)


def about(seconds: float) -> Any:
    """The machine's clocks are read one after the other."""
    return pytest.approx(seconds, abs=1)


class Room:
    """A token with a verified PIN, and when that was taken back."""

    def __init__(self, options: PinOptions, token: Token, nursery: trio.Nursery) -> None:
        self.lane = Lane()
        self.pins = PinLife(options, token, self.lane, nursery)
        self._token = token
        self.began = trio.current_time()
        self._forgotten = trio.Event()
        ended = self.pins.ended

        def tell() -> None:
            ended()
            self._forgotten.set()

        self.pins.ended = tell  # type: ignore[method-assign]

    def enter(self, ref: PinRef, pin: bytes) -> None:
        with self.pins.entering(ref):
            self._token.verify_pin(ref, bytearray(pin))

    async def until_forgotten(self, ref: PinRef) -> float:
        """Seconds since the beginning."""
        await self._forgotten.wait()
        self._forgotten = trio.Event()
        assert not self._token.is_verified(ref)
        return trio.current_time() - self.began


async def test_idle_pin_is_forgotten(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    room = Room(LIMITS, FakeToken(), nursery)
    room.enter(PinRef.USER, PIN)
    assert await room.until_forgotten(PinRef.USER) == about(600)


async def test_pin_in_use_is_forgotten_at_its_end(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    token = FakeToken()
    room = Room(LIMITS, token, nursery)
    room.enter(PinRef.USER, PIN)
    for _ in range(3):
        await trio.sleep(450)
        assert token.is_verified(PinRef.USER)
        room.pins.used()
    assert await room.until_forgotten(PinRef.USER) == about(1500)


async def test_time_begins_anew_with_the_pin(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    token = FakeToken()
    room = Room(LIMITS, token, nursery)
    for _ in range(2):
        room.enter(PinRef.USER, PIN)
        await room.until_forgotten(PinRef.USER)
    assert trio.current_time() - room.began == about(1200)


async def test_operation_under_way_is_waited_for(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    token = FakeToken()
    room = Room(LIMITS, token, nursery)
    room.enter(PinRef.USER, PIN)
    async with room.lane:
        await trio.sleep(2000)
        assert token.is_verified(PinRef.USER)
        room.pins.used()
    assert await room.until_forgotten(PinRef.USER) == about(2000), "the end is absolute"


async def test_all_pins_of_a_card_are_forgotten_without_a_reset(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    card = FakeCard()
    card.reset = pytest.fail  # type: ignore[method-assign]
    room = Room(LIMITS, card, nursery)
    for ref, pin in ((PinRef.PW1_81, USER_PIN), (PinRef.PW1_82, USER_PIN)):
        room.enter(ref, pin)
    await room.until_forgotten(PinRef.PW1_81)
    assert not card.pins.verified


async def test_card_that_takes_nothing_back_is_reset(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    card = FakeCard()
    card.forget_pin = raiser(NotSupported())  # type: ignore[method-assign,assignment]
    room = Room(LIMITS, card, nursery)
    room.enter(PinRef.PW1_81, USER_PIN)
    assert await room.until_forgotten(PinRef.PW1_81) == about(600)


def raiser(error: TokenError) -> Callable[[PinRef], None]:
    def fail(ref: PinRef) -> None:
        raise error

    return fail


async def test_without_a_limit_nothing_is_timed(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    token = FakeToken()
    room = Room(PinOptions(), token, nursery)
    room.enter(PinRef.USER, PIN)
    await trio.sleep(36000)
    assert token.is_verified(PinRef.USER)
    assert not nursery.child_tasks


# -- through the daemon --------------------------------------------------------------------------

#: Shorter than the time limit of the bed.
SHORT = PinOptions(idle=2.0, absolute=5.0)


@pytest.mark.parametrize("kind", [FakeToken, ParallelToken])
async def test_user_is_asked_again_after_the_time(
    kind: type[FakeToken], tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    token, asked = kind(), Asked()
    async with bed(tmp_path, token, pin=SHORT) as b:
        client = await b.client()
        for seconds, questions in ((0, 1), (1.5, 1), (1.5, 1), (1.5, 1), (1.5, 2), (2.1, 3)):
            mock_clock.jump(seconds)
            await sign(client, token, asked)
            assert len(asked.questions) == questions
        mock_clock.jump(0.5)
    assert token.tries == 3


async def test_pin_that_cannot_be_forgotten_is_of_no_more_use(
    tmp_path: Path, mock_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    token = FakeToken()
    works = token.forget_pin
    token.forget_pin = raiser(Busy("not now"))  # type: ignore[method-assign,assignment]
    async with bed(tmp_path, token, pin=SHORT) as b:
        client = await b.client()
        await sign(client, token, Asked())
        mock_clock.jump(3)
        await client.transact(b"SETDATA " + HASH.hex().encode())
        for _ in range(2):
            await fails(client, SIGN + view_of(token).keys[0].grip.encode(), Code.EBUSY, Asked())
        assert "fake 1: PINs can't be forgotten: not now" in caplog.text
        token.forget_pin = works  # type: ignore[method-assign]
        asked = Asked()
        await sign(client, token, asked)
        assert len(asked.questions) == 1


async def test_checkpin_asks_again_after_the_time(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    token, asked = FakeToken(), Asked()
    async with bed(tmp_path, token, pin=SHORT) as b:
        client = await b.client()
        line = b"CHECKPIN " + token.info.serial.encode()
        for seconds, questions in ((0, 1), (1, 1), (2, 2)):
            mock_clock.jump(seconds)
            await client.transact(line, inquire=asked)
            assert len(asked.questions) == questions


# -- by the configuration ------------------------------------------------------------------------


def test_token_has_its_own_limits_or_the_general_ones() -> None:
    named = TokenOptions("fake 1", pin_idle=5.0)
    config = Config(Path("/"), pin=LIMITS, tokens=(named, replace(named, pin_idle=7.0)))
    one, two = (rule_finder(config)(FakeToken(number).info).lifetime for number in (1, 2))
    assert one == PinOptions(idle=5.0, absolute=1500.0)
    assert two == LIMITS
    unlimited = rule_finder(Config(Path("/")))(FakeToken().info).lifetime
    assert unlimited == PinOptions(math.inf, math.inf)
