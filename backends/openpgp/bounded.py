"""A time limit for a call that nothing can end: it is left behind in its thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedCall(Generic[T]):
    """Makes a call in a daemon thread.  ``undo``: what is done with a result that comes too late.

    While a call that was left behind still runs, no other is begun: so there is one such thread
    at most, however often somebody tries.
    """

    def __init__(self, call: Callable[[], T], undo: Callable[[T], None]) -> None:
        self._call = call
        self._undo = undo
        self._left_behind: Future[T] | None = None

    def within(self, seconds: float) -> T:
        """The result.  Raises TimeoutError, or what the call raises."""
        if self._left_behind is not None and not self._left_behind.done():
            self._await_the_end_of(self._left_behind, seconds)
        future: Future[T] = Future()
        threading.Thread(target=self._run, args=(future,), daemon=True).start()
        try:
            return future.result(seconds)
        except TimeoutError:
            self._left_behind = future
            future.add_done_callback(self._came_too_late)
            raise

    def _run(self, future: Future[T]) -> None:
        try:
            future.set_result(self._call())
        except BaseException as exc:
            future.set_exception(exc)

    def _await_the_end_of(self, future: Future[T], seconds: float) -> None:
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        if not ended.wait(seconds):
            raise TimeoutError

    def _came_too_late(self, future: Future[T]) -> None:
        if future.exception() is None:
            self._undo(future.result())
