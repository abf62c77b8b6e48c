"""The cards in the readers of the PC/SC service, as a Provider and a Watcher of the contract."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends.errors import Broken
from backends.openpgp.link import LinkLost
from backends.token import Place, Token

if TYPE_CHECKING:
    from backends.openpgp.memory import Memory
    from backends.openpgp.pcsc import Context, ReaderState
    from backends.openpgp.pinpad import PinpadOptions

#: A reader that comes between the look at the list and the wait is missed by older services;
#: the next round finds it.
_ROUND_MS = 60_000
#: Pauses between attempts to reach a service that is not there: growing up to the last.
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


class PCSCProvider:
    """``reader_port``: serve only readers whose name contains it.  ``memory``: of earlier times.
    ``pinpad``: what to do with a pinpad that a reader has.

    PC/SC itself is loaded by the first call, not by the import.  ``wait_for_change`` may be
    called in a thread of its own at the same time as the rest.
    """

    def __init__(
        self,
        reader_port: str | None = None,
        memory: Memory | None = None,
        pinpad: PinpadOptions | None = None,
    ) -> None:
        self._reader_port = reader_port
        self._memory = memory
        self._pinpad = pinpad
        self._looking: Context | None = None
        self._watch = _Watch()

    @property
    def name(self) -> str:
        return "pcsc"

    def present(self) -> Sequence[Place]:
        from backends.openpgp import pcsc

        if self._looking is None:
            self._looking = pcsc.Context()
        states = _look(self._looking)
        return [
            Place(each.reader, f"{self._looking.generation}.{each.events}")
            for each in states
            if each.holds_card and (self._reader_port or "") in each.reader
        ]

    def open(self, place: Place) -> Token | None:
        from backends.openpgp import opening, pcsc

        return opening.open_card(pcsc.PCSCLink(place.name), self._memory, self._pinpad)

    def wait_for_change(self) -> bool:
        return self._watch.wait()

    def close(self) -> None:
        self._watch.close()
        if self._looking is not None:
            self._looking.release()


def _look(context: Context) -> list[ReaderState]:
    """The readers; a service that was started again meanwhile is connected to again."""
    from backends.openpgp import pcsc

    try:
        return pcsc.reader_states(context)
    except LinkLost:
        context.release()
    try:
        return pcsc.reader_states(context)
    except LinkLost as exc:
        context.release()
        raise Broken(str(exc)) from None


class _Watch:
    """Waits with a context of its own, for the library locks one for as long as it waits."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._waiting = threading.Lock()
        self._context: Context | None = None
        self._known: frozenset[tuple[object, ...]] | None = None
        self._failures = 0

    def wait(self) -> bool:
        """True at once when called for the first time: nothing is known of what was before."""
        from backends.openpgp import pcsc

        with self._waiting:
            if self._context is None:
                self._context = pcsc.Context()
            while not self._closed.is_set():
                try:
                    changed = self._round(self._context)
                except (LinkLost, Broken):
                    changed = self._service_lost(self._context)
                if changed:
                    return not self._closed.is_set()
            return False

    def close(self) -> None:
        """Ends :meth:`wait`.  A cancellation that comes just before the wait begins is lost,
        therefore more than one."""
        self._closed.set()
        for _ in range(100):
            if self._waiting.acquire(timeout=0.01):
                if self._context is not None:
                    self._context.release()
                self._waiting.release()
                return
            if self._context is not None:
                self._context.cancel()

    def _round(self, context: Context) -> bool:
        """Whether it looks different from what was known; if not, block until something happens."""
        from backends.openpgp import pcsc

        states = pcsc.reader_states(context)
        self._failures = 0
        seen = frozenset(
            (context.generation, each.reader, each.holds_card, each.events) for each in states
        )
        if seen != self._known:
            self._known = seen
            return True
        if not self._closed.is_set():
            pcsc.wait(context, states, _ROUND_MS)
        return False

    def _service_lost(self, context: Context) -> bool:
        """Whether that is news; if not, pause, so that a service that stays away costs nothing."""
        context.release()
        if self._known is not None:
            self._known = None
            return True
        self._closed.wait(_PAUSES[min(self._failures, len(_PAUSES) - 1)])
        self._failures += 1
        return False
