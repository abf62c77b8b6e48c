"""Keys that wait for a touch: the user is told, and nothing gets out of step."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import trio
import trio.testing

from assuan.client import Client
from assuan.errors import AssuanError, Code
from assuan.events import Inquire
from backends.errors import TimedOut
from backends.token import PinRef
from tests.fake import ADMIN_PIN, USER_PIN, FakeCard
from tests.scd.bed import Asked, Bed, bed

HASH = bytes(32).hex().encode()


class Touching:
    """A card that waits for a touch, and what its user is shown."""

    def __init__(self, *, cancel: bool = False) -> None:
        self.card = FakeCard()
        self.card.touch = True
        self.begun, self.touched = threading.Event(), threading.Event()
        self.shown: list[str] = []
        self.prompted = trio.Event()
        self._cancel = cancel

    def wait(self) -> None:
        self.begun.set()
        assert self.touched.wait(10)

    async def answer(self, question: Inquire) -> bytes | None:
        if question.keyword == b"NEEDPIN":
            return USER_PIN.ljust(90, b"\0")
        self.shown.append(f"{question.keyword.decode()} {question.text.decode()}".strip())
        self.prompted.set()
        return None if self._cancel else b""

    async def ready(self, b: Bed) -> Client:
        client = await b.client()
        await client.transact(b"GENKEY 1", inquire=Asked(ADMIN_PIN))
        await client.transact(b"SETDATA " + HASH)
        self.card.before = self.wait
        return client


async def touch(
    it: Touching, client: Client, clock: trio.testing.MockClock
) -> tuple[bytes, AssuanError | None]:
    """Sign; the touch comes when the user is told, and a moment later."""
    result: list[bytes] = []
    error: list[AssuanError] = []

    async def sign() -> None:
        try:
            reply = await client.transact(b"PKSIGN --hash=sha256 OPENPGP.1", inquire=it.answer)
        except AssuanError as failure:
            error.append(failure)
        else:
            result.append(reply.data)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sign)
        assert await trio.to_thread.run_sync(it.begun.wait, 10)
        await trio.testing.wait_all_tasks_blocked()
        clock.jump(0.5)
        await it.prompted.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert not error, "the card is still at work"
        it.touched.set()
    return b"".join(result), error[0] if error else None


async def test_user_is_told_until_the_touch(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    it = Touching()
    async with bed(tmp_path, it.card) as b:
        signature, error = await touch(it, await it.ready(b), mock_clock)
    assert (len(signature), error) == (64, None)
    assert it.shown == ["POPUPPINPADPROMPT --ack", "DISMISSPINPADPROMPT"]


async def test_quick_answer_shows_nothing(tmp_path: Path) -> None:
    it = Touching()
    it.touched.set()
    async with bed(tmp_path, it.card) as b:
        client = await it.ready(b)
        await client.transact(b"PKSIGN OPENPGP.1", inquire=it.answer)
    assert not it.shown


async def test_key_without_touch_shows_nothing(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    it = Touching()
    async with bed(tmp_path, it.card) as b:
        client = await it.ready(b)
        it.card.touch = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sign_without_questions, client)
            assert await trio.to_thread.run_sync(it.begun.wait, 10)
            mock_clock.jump(5)
            await trio.testing.wait_all_tasks_blocked()
            it.touched.set()


async def sign_without_questions(client: Client) -> None:
    await client.transact(b"PKSIGN OPENPGP.1", inquire=Asked(USER_PIN))


async def test_missed_touch_is_a_timeout(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    it = Touching()
    wait = it.wait

    def miss() -> None:
        wait()
        raise TimedOut("nobody touched")

    async with bed(tmp_path, it.card) as b:
        client = await it.ready(b)
        it.card.before = miss
        _, error = await touch(it, client, mock_clock)
    assert error is not None
    assert error.code == Code.TIMEOUT
    assert it.shown == ["POPUPPINPADPROMPT --ack", "DISMISSPINPADPROMPT"]


async def test_cancel_is_answered_by_one_line_when_the_card_is_done(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    it = Touching(cancel=True)
    async with bed(tmp_path, it.card) as b:
        client = await it.ready(b)
        _, error = await touch(it, client, mock_clock)
        assert error is not None
        assert error.code == Code.ASS_CANCELED
        assert it.shown == ["POPUPPINPADPROMPT --ack"]
        it.card.before = lambda: None
        reply = await client.transact(b"PKSIGN OPENPGP.1", inquire=Asked(USER_PIN))
        assert len(reply.data) == 64
    assert it.card.pins.tries[PinRef.PW1_81] == 3


async def test_client_that_leaves_at_the_touch_leaves_the_lane(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    it = Touching()
    async with bed(tmp_path, it.card) as b:
        client, other = await it.ready(b), await b.client()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def leave() -> None:
                    assert await trio.to_thread.run_sync(it.begun.wait, 10)
                    scope.cancel()

                nursery.start_soon(leave)
                await client.transact(b"PKSIGN OPENPGP.1", inquire=it.answer)
        await client.aclose()
        mock_clock.jump(1)
        await trio.testing.wait_all_tasks_blocked()
        (card,) = b.shared.registry.cards
        assert card.lane.locked()
        it.touched.set()
        await other.transact(b"LEARN --force")


@pytest.mark.parametrize("error", [TimedOut("no touch")])
async def test_error_before_the_prompt(error: Exception, tmp_path: Path) -> None:
    it = Touching()
    async with bed(tmp_path, it.card) as b:
        client = await it.ready(b)

        def fail() -> None:
            raise error

        it.card.before = fail
        with pytest.raises(AssuanError) as caught:
            await client.transact(b"PKSIGN OPENPGP.1", inquire=it.answer)
    assert caught.value.code == Code.TIMEOUT
    assert not it.shown
