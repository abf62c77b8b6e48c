"""The lane: alone, or a few at the same time, in the order of coming."""

from __future__ import annotations

from functools import partial

import trio
import trio.testing

from scd.lane import Lane


async def hold(lane: Lane, name: str, log: list[str], end: trio.Event, *, shared: bool) -> None:
    async with lane.shared() if shared else lane:
        log.append(name)
        await end.wait()


async def test_one_alone_or_two_together() -> None:
    lane, log, end = Lane(2), list[str](), trio.Event()
    async with trio.open_nursery() as nursery:
        for name, shared in (("a", True), ("b", True), ("c", True), ("alone", False), ("d", True)):
            nursery.start_soon(partial(hold, lane, name, log, end, shared=shared))
            await trio.testing.wait_all_tasks_blocked()
        assert log == ["a", "b"]
        assert lane.locked()
        end.set()
    assert log == ["a", "b", "c", "alone", "d"]
    assert not lane.locked()


async def test_a_narrow_lane_is_a_lock() -> None:
    lane, log, end = Lane(), list[str](), trio.Event()
    async with trio.open_nursery() as nursery:
        for name in "ab":
            nursery.start_soon(partial(hold, lane, name, log, end, shared=True))
            await trio.testing.wait_all_tasks_blocked()
        assert log == ["a"]
        end.set()


async def test_who_gives_up_waiting_leaves_the_lane_as_it_was() -> None:
    lane, log, end = Lane(2), list[str](), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(hold, lane, "a", log, end, shared=True))
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0):
            await hold(lane, "never", log, end, shared=False)
        nursery.start_soon(partial(hold, lane, "b", log, end, shared=True))
        await trio.testing.wait_all_tasks_blocked()
        assert log == ["a", "b"]
        end.set()
    async with lane:
        assert lane.locked()
