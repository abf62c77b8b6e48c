"""The workers of one module, which load it each for itself, and what is logged in to in them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from backends.errors import Busy, TokenError
from backends.pkcs11.client import Client
from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.messages import (
    Change,
    Decrypt,
    Done,
    Generate,
    GetStatus,
    LogIn,
    LogOut,
    Message,
    Request,
    Sign,
    TokenRecord,
    Value,
)

_log = logging.getLogger(__name__)

T = TypeVar("T", bound=Message)

#: How many times as long as other things the making of a key may take.
_PATIENCE = 10


class Pool:
    """As many workers as the configuration says.

    The first one answers everything but the use of keys, which any does that is idle.  Only
    :meth:`use` may be called at the same time as others.  ``clock``: for the back-off.
    """

    def __init__(self, config: ModuleConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.config = config
        self._clients = [Client(config, clock) for _ in range(config.workers)]
        self._idle = list(self._clients)
        self._change = threading.Condition()
        #: Logins known of: by token and worker, that worker's generation.
        self._logins: dict[tuple[str, Client], int] = {}

    @property
    def width(self) -> int:
        """How many keys can be at work at the same time."""
        return len(self._clients)

    def prestart(self) -> None:
        """Start the workers and do not wait for them.  Never raises."""
        for client in self._clients:
            client.prestart()

    def close(self) -> None:
        """Kill the workers now, also under requests of other threads, which fail.  For good."""
        for client in self._clients:
            client.close()

    def ask(self, request: Request, answer: type[T]) -> T:
        """Ask the first worker.  Raises as :meth:`Client.ask`."""
        return self._clients[0].ask(request, answer)

    # -- logins --------------------------------------------------------------------------------

    def knows_login(self, token: str) -> bool:
        """Whether the user is known to be logged in to the token, in all workers.  Asks nobody."""
        return all(self._known(token, client) for client in self._clients)

    def finds_login(self, token: str) -> bool:
        """The same, after asking those of which it is not known."""
        return all(self._known(token, c) or self._found(token, c) for c in self._clients)

    def _known(self, token: str, client: Client) -> bool:
        generation = client.generation
        return generation is not None and self._logins.get((token, client)) == generation

    def _found(self, token: str, client: Client) -> bool:
        if client.ask(GetStatus(token), TokenRecord).logged_in:
            self._note(token, client)
        return self._known(token, client)

    def _note(self, token: str, client: Client) -> None:
        if client.generation is not None:
            self._logins[token, client] = client.generation

    def forget_login(self, token: str) -> None:
        for client in self._clients:
            self._logins.pop((token, client), None)

    def log_in(self, token: str, pin: bytearray | None) -> None:
        """Log in anew with that PIN, which is tried once, and used in all workers if it is right.
        None: at the PIN pad, where nobody wants to type twice: in the first worker only."""
        self.forget_login(token)
        first, *others = self._clients
        first.ask(LogIn(token, pin), Done)
        self._note(token, first)
        self._spread(token, pin, others)

    def _spread(self, token: str, pin: bytearray | None, clients: list[Client]) -> None:
        for client in clients if pin is not None else ():
            try:
                client.ask(LogIn(token, pin), Done)
                self._note(token, client)
            except TokenError as error:
                # Not again: whatever it is that is wrong, it might cost the token's tries.
                _log.warning("module %s: a worker cannot log in: %s", self.config.name, error)
                return

    def log_out(self, token: str) -> None:
        """Log out, and close the sessions."""
        self.forget_login(token)
        for client in self._clients:
            if client.running:
                client.ask(LogOut(token), Done)

    # -- requests that may bring a PIN ---------------------------------------------------------

    def use(self, request: Sign | Decrypt) -> bytes | None:
        """Have an idle worker do it: with a PIN, one that is not logged in with it; then the others
        log in with it too."""
        token, pin = request.token, request.pin
        with self._any(lambda client: self._known(token, client) == (pin is None)) as client:
            return self._authorized(client, request, Value).value

    def change(self, request: Change, answer: type[T]) -> T:
        """Have the first worker do it."""
        # Making a key takes some cards minutes.
        slowly = _PATIENCE if isinstance(request, Generate) else 1
        return self._authorized(self._clients[0], request, answer, slowly)

    def _authorized(
        self, client: Client, request: Sign | Decrypt | Change, answer: type[T], patience: int = 1
    ) -> T:
        reply = client.ask(request, answer, patience=patience)
        self._note(request.token, client)
        if request.pin is not None:
            others = [c for c in self._clients if not self._known(request.token, c)]
            self._spread(request.token, request.pin, others)
        return reply

    @contextmanager
    def _any(self, wanted: Callable[[Client], bool]) -> Iterator[Client]:
        """An idle worker, one that is wanted if there is such a one."""
        with self._change:
            if not self._change.wait_for(lambda: self._idle, self.config.timeout):
                raise Busy(f"module {self.config.name} is busy")
            client = next(filter(wanted, self._idle), self._idle[0])
            self._idle.remove(client)
        try:
            yield client
        finally:
            with self._change:
                self._idle.append(client)
                self._change.notify()
