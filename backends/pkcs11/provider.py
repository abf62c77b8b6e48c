"""One PKCS#11 module as a provider of tokens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.messages import ListTokens, TokenRecord, Tokens
from backends.pkcs11.pool import Pool
from backends.pkcs11.token import PKCS11Token, place_name
from backends.token import Place

_log = logging.getLogger(__name__)


class PKCS11Provider:
    """The tokens of one module, which runs in worker processes of its own.

    Nothing is started before the first call.  Any thread may call; the module is asked one thing
    at a time, and each within the limits of the configuration.  A module that crashes or hangs
    makes the call under way raise Broken and is started again by the next one, but one that fails
    at its start rests for a while first: 5 seconds, doubling up to 60.  ``clock``: for that.
    """

    def __init__(self, module: ModuleConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = Pool(module, clock)

    @property
    def name(self) -> str:
        return self._pool.config.name

    @property
    def config(self) -> ModuleConfig:
        return self._pool.config

    def prestart(self) -> None:
        """Start the workers in the background, so that they have loaded the module, or nearly so,
        when the first question comes.  Waits for nothing and never raises."""
        self._pool.prestart()

    def present(self) -> Sequence[Place]:
        return [self._place(record) for record in self._records()]

    def open(self, place: Place) -> PKCS11Token | None:
        """The token at that place; None if it is not there any more."""
        for record in self._records():
            if self._place(record) == place:
                return PKCS11Token(self._pool, record)
        return None

    def close(self) -> None:
        self._pool.close()

    def _records(self) -> list[TokenRecord]:
        answer = self._pool.ask(ListTokens(), Tokens)
        for note in answer.notes:
            _log.info("module %s: %s", self.name, note)
        return answer.tokens

    def _place(self, record: TokenRecord) -> Place:
        # A module tells nothing of insertions: a token put back is the same token, logged out.
        return Place(place_name(self.name, record), f"{record.token} in slot {record.slot}")
