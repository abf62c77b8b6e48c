"""One application on one card that other programs use too: transactions, and getting it back.

What the application does is not here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from backends.errors import Broken, Removed
from backends.openpgp.apdu import Channel, Command
from backends.openpgp.link import Link, LinkLost
from backends.openpgp.status import is_ok, to_error

log = logging.getLogger(__name__)

T = TypeVar("T")


class Deselected(Exception):
    """Another program selected another application.  Never leaves the session."""


class Session:
    """Runs operations in a transaction each, with the application selected.

    ``select``: selects the application and forgets whatever a reset takes away.
    ``is_selected``: asks the card (one APDU) whether it is our application that answers.
    ``proven``: whether the present transaction knows that it is.
    """

    def __init__(
        self, link: Link, select: Callable[[], None], is_selected: Callable[[], bool]
    ) -> None:
        self.link = link
        self.channel = Channel(self.transmit, link.t0)
        self._select = select
        self._is_selected = is_selected
        self._lost = False
        self._stale = True
        self._dead = False
        self.proven = False

    def run(self, operation: Callable[[], T]) -> T:
        """The result of the operation, which is run again, once, if another program or the
        service came in between.  Raises Removed for good once the card is gone."""
        try:
            return self._attempt(operation)
        except (LinkLost, Deselected) as exc:
            log.info("%s: %s; selecting the application again", self.link.reader, exc)
        try:
            return self._attempt(operation)
        except (LinkLost, Deselected) as exc:
            raise Broken(f"the card cannot be kept: {exc}") from None
        except Removed:
            self._dead = True
            raise

    def run_raw(self, operation: Callable[[], T]) -> T:
        """Like :meth:`run`, but what is selected stays selected and nothing is repeated."""
        try:
            with self._transaction() as fresh:
                if fresh:
                    self._select()
                return operation()
        except LinkLost as exc:
            raise Broken(f"the card cannot be kept: {exc}") from None

    def command(self, command: Command) -> bytes:
        """Send a command within an operation; the data of the answer.

        Raises the TokenError of its status word, once it is certain who answered."""
        response = self.channel.send(command)
        if not is_ok(response.sw):
            self.prove()
            raise to_error(response.sw)
        return response.data

    def prove(self) -> None:
        """Make sure, within an operation, that our application is the one that answers."""
        if not self.proven:
            if not self._is_selected():
                self._stale = True
                raise Deselected("another application was selected")
            self.proven = True

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        with self._watched():
            return self.link.transmit(apdu)

    def control(self, code: int, data: bytes) -> bytes:
        """A command to the reader, not to the card."""
        with self._watched():
            return self.link.control(code, data)

    def disturb(self) -> None:
        """The card may be in any state now: select again before the next operation."""
        self._stale = True

    def reset(self) -> None:
        """Power the card off and on; the next operation selects again."""
        self._stale = True
        with self._watched():
            if self._lost:
                self.link.reconnect()
            self.link.reset()
            self._lost = False

    def _attempt(self, operation: Callable[[], T]) -> T:
        with self._transaction():
            if self._stale:
                self._select()
                self._stale = False
                self.proven = True
            return operation()

    @contextmanager
    def _transaction(self) -> Iterator[bool]:
        """Yields whether the card had to be found again."""
        fresh = self._begin()
        self.proven = False
        try:
            yield fresh
        finally:
            self._end()

    def _begin(self) -> bool:
        if not self._lost:
            try:
                with self._watched():
                    self.link.begin()
                return False
            except LinkLost as exc:
                log.info("%s: %s; connecting again", self.link.reader, exc)
        with self._watched():
            self.link.reconnect()
            self._lost = False
            self.link.begin()
        return True

    def _end(self) -> None:
        """The operation is done either way: what ends badly here concerns the next one."""
        if self._lost or self._dead:
            return
        try:
            self.link.end()
        except (LinkLost, Broken, Removed):
            self._lost = self._stale = True

    @contextmanager
    def _watched(self) -> Iterator[None]:
        if self._dead:
            raise Removed("the card was removed")
        try:
            yield
        except LinkLost:
            self._lost = self._stale = True
            raise
        except Removed:
            self._dead = True
            raise
