"""Whose turn it is at a token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType

import trio


class Lane:
    """A lock that can be held by one alone, as ``async with lane``, or by ``width`` at the same
    time, as ``async with lane.shared()``; whoever waits longest comes first."""

    def __init__(self, width: int = 1) -> None:
        self._width = width
        self._turn = trio.Lock()
        self._places = trio.Semaphore(width)

    @property
    def width(self) -> int:
        return self._width

    def locked(self) -> bool:
        """Whether somebody is there, be it alone or not."""
        return self._turn.locked() or self._places.value < self._width

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._turn:
            await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()

    async def __aenter__(self) -> None:
        """Nobody else comes in any more; then those who are there leave."""
        await self._turn.acquire()
        taken = 0
        try:
            while taken < self._width:
                await self._places.acquire()
                taken += 1
        except BaseException:
            self._leave(taken)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave(self._width)

    def _leave(self, places: int) -> None:
        for _ in range(places):
            self._places.release()
        self._turn.release()
