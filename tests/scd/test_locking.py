"""LOCK and UNLOCK, and what they leave to other clients."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from assuan.errors import Code
from scd.commands import COMMANDS
from tests.fake import FakeCard
from tests.scd.bed import bed, fails

#: What needs no card.
OPEN = {
    b"GETINFO version",
    b"KEYINFO --list",
    b"DEVINFO",
    b"RESTART",
    b"RESET",
    b"OPTION event-signal=0",
    b"NOP",
}


@pytest.mark.parametrize("keyword", [k for k in COMMANDS if k not in ("LOCK", "UNLOCK", "KILLSCD")])
async def test_other_clients_get_no_card(keyword: str, tmp_path: Path) -> None:
    async with bed(tmp_path, FakeCard()) as b:
        mine, other = await b.client(), await b.client()
        await mine.transact(b"SERIALNO")
        await mine.transact(b"LOCK")
        lines = [line for line in OPEN if line.split()[0] == keyword.encode()]
        for line in lines:
            await other.transact(line)
        if keyword == "DISCONNECT":
            await fails(other, b"DISCONNECT", Code.UNSUPPORTED_OPERATION)
        elif not lines:
            await fails(other, keyword.encode() + b" x", Code.LOCKED)
        await mine.transact(b"GETATTR SERIALNO")


async def test_status_tells_who_can_use_the_card(tmp_path: Path) -> None:
    async with bed(tmp_path, FakeCard()) as b:
        mine, other = await b.client(), await b.client()
        await mine.transact(b"LOCK")
        assert (await mine.transact(b"GETINFO status")).data == b"u"
        assert (await other.transact(b"GETINFO status")).data == b"r"


async def test_only_the_owner_unlocks(tmp_path: Path) -> None:
    async with bed(tmp_path, FakeCard()) as b:
        mine, other = await b.client(), await b.client()
        await mine.transact(b"LOCK")
        await mine.transact(b"LOCK")
        await fails(other, b"LOCK", Code.LOCKED)
        await fails(other, b"UNLOCK", Code.LOCKED)
        await mine.transact(b"UNLOCK")
        await fails(mine, b"UNLOCK", Code.NOT_LOCKED)
        await other.transact(b"LOCK")


@pytest.mark.parametrize("line", [b"UNLOCK", b"RESTART", b"RESET", b"BYE", None])
async def test_what_ends_a_lock(line: bytes | None, tmp_path: Path) -> None:
    async with bed(tmp_path, FakeCard()) as b:
        mine, other = await b.client(), await b.client()
        await mine.transact(b"LOCK")
        if line is None:
            await mine.aclose()
        else:
            await mine.transact(line)
        await other.transact(b"LOCK --wait")
        await other.transact(b"SERIALNO")


async def test_reset_can_keep_the_lock(tmp_path: Path) -> None:
    async with bed(tmp_path, FakeCard()) as b:
        mine, other = await b.client(), await b.client()
        await mine.transact(b"LOCK")
        await mine.transact(b"RESET --keep-lock")
        await fails(other, b"SERIALNO", Code.LOCKED)


async def test_reset_by_another_client_resets_no_card(tmp_path: Path) -> None:
    card = FakeCard()
    async with bed(tmp_path, card) as b:
        mine, other = await b.client(), await b.client()
        await other.transact(b"SERIALNO")
        await mine.transact(b"LOCK")
        card.reset = pytest.fail  # type: ignore[method-assign]
        await other.transact(b"RESET")


async def test_who_waits_gets_a_sign_each_second_and_the_lock_at_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with bed(tmp_path, FakeCard()) as b:
        mine, other = await b.client(), await b.client()
        await mine.transact(b"LOCK")
        signs: list[bytes] = []

        async def wait() -> None:
            reply = await other.transact(b"LOCK --wait")
            signs.extend(s.text for s in reply.status)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(2.5)
            began = trio.current_time()
            await mine.transact(b"UNLOCK")
        assert trio.current_time() == began
        assert signs == [b"scd_locked . 0 0"] * 2
        await fails(mine, b"LOCK", Code.LOCKED)


async def test_who_waits_and_leaves_gets_nothing(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with bed(tmp_path, FakeCard()) as b:
        mine, other, third = await b.client(), await b.client(), await b.client()
        await mine.transact(b"LOCK")
        with trio.move_on_after(1.5):
            await other.transact(b"LOCK --wait")
        await other.aclose()
        await trio.sleep(2)
        await mine.transact(b"UNLOCK")
        await third.transact(b"LOCK")
