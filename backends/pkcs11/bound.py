"""What the parts of a token on the daemon's side share: whom they ask, and what is known."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from backends.errors import Broken, NotFound, PinNeeded, Removed
from backends.pkcs11 import messages
from backends.pkcs11.cka import CKF
from backends.pkcs11.pool import Pool
from backends.token import TokenInfo

_log = logging.getLogger(__name__)


class Bound:
    """One token of one module, found again by its id whatever becomes of workers and slot."""

    info: TokenInfo

    def __init__(self, pool: Pool, record: messages.TokenRecord) -> None:
        self._pool = pool
        self._token = record.token
        self._keys: list[messages.KeyRecord] | None = None
        #: Read along with the keys.
        self._authorities: list[messages.AuthorityRecord] = []
        self._has_pad = bool(record.flags & CKF.PROTECTED_AUTHENTICATION_PATH)
        #: What the token says of itself, until it turns out to be wrong.
        self._wants_login = bool(record.flags & CKF.LOGIN_REQUIRED)

    def _records(self) -> list[messages.KeyRecord]:
        if self._keys is None:
            answer = self._pool.ask(messages.ListKeys(self._token), messages.Keys)
            for note in answer.notes:
                _log.info("%s: %s", self.info.place, note)
            self._keys, self._authorities = answer.keys, answer.authorities
        return self._keys

    def _record(self, ref: str) -> messages.KeyRecord:
        for record in self._records():
            if record.ref == ref:
                return record
        raise NotFound(f"no key {ref} on this token")

    @property
    def _knows_login(self) -> bool:
        """Whether nobody need log in now, as far as is known."""
        return not self._wants_login or self._pool.knows_login(self._token)

    def _finds_login(self) -> bool:
        """The same, asked of the module."""
        return self._knows_login or self._pool.finds_login(self._token)

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        """After some failures nobody knows what has become of the login: the module is asked next
        time.  And a token that said it wants none may want one after all."""
        try:
            yield
        except (PinNeeded, Removed, Broken) as error:
            self._wants_login |= isinstance(error, PinNeeded)
            self._pool.forget_login(self._token)
            raise

    def _status(self) -> messages.TokenRecord:
        return self._pool.ask(messages.GetStatus(self._token), messages.TokenRecord)
