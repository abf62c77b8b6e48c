"""A time limit for calls that cannot be told to give up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watchdog:
    """Calls ``bite``, in a thread of its own, when a watched call lasts longer than ``seconds``.

    A thread per call would cost more than the call.  So there is one, which sleeps without an end
    while nothing is watched, and looks no more often than once in ``seconds`` while much is.
    """

    def __init__(self, seconds: float, bite: Callable[[], None]) -> None:
        self._seconds = seconds
        self._bite = bite
        self._deadline: float | None = None
        self._armed = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.has_bitten = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Of the calls in this context, all together.  One context at a time."""
        self.has_bitten = False
        self._deadline = time.monotonic() + self._seconds
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pcsc-watchdog", daemon=True)
            self._thread.start()
        self._armed.set()
        try:
            yield
        finally:
            self._deadline = None

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._armed.set()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._armed.wait()
            self._armed.clear()
            while (deadline := self._deadline) is not None and not self._closed.is_set():
                left = deadline - time.monotonic()
                if left > 0:
                    self._closed.wait(left)
                elif deadline == self._deadline:
                    self._deadline = None
                    self.has_bitten = True
                    self._bite()
