"""The PIN of a token that nobody attends: read late, used once, not sent again if it is wrong."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from backends.errors import BadPin
from backends.secret import wipe
from backends.token import PinRef, PinRequest
from scd.pinorigin import Origin, State, Unreadable

_log = logging.getLogger(__name__)

#: The PINs of users.  Nobody's administrator is a file.
_SOURCED = frozenset({PinRef.USER, PinRef.PW1_81, PinRef.PW1_82})


class PinSource:
    """That of one token, as long as the daemon lives: that a PIN was wrong stays known even if the
    token is taken out and put back."""

    def __init__(self, name: str, origin: Origin) -> None:
        self._name = name
        self._origin = origin
        #: How the origin was when its PIN was found wrong.
        self._refused: State | None = None

    @asynccontextmanager
    async def pin(self, request: PinRequest) -> AsyncIterator[bytearray | None]:
        """The PIN for a request, wiped at the end; None if the user must be asked."""
        found = None
        if request.ref in _SOURCED and not request.pinpad:
            found = await trio.to_thread.run_sync(self._found, request)
        if found is None:
            yield None
            return
        state, pin = found
        try:
            yield pin
        except BadPin:
            self._refused = state
            _log.warning("%s: the PIN of its pin-source is wrong, and not sent again", self._name)
            raise
        finally:
            wipe(pin)

    def _found(self, request: PinRequest) -> tuple[State, bytearray] | None:
        if request.tries_left == 1:
            _log.warning("%s: the last try is left to the user, not to pin-source", self._name)
            return None
        try:
            found = self._origin.read(self._refused)
        except Unreadable as error:
            _log.warning("%s: pin-source: %s", self._name, error)
            return None
        if found is None or request.min_length <= len(found[1]) <= request.max_length:
            return found
        wipe(found[1])
        _log.warning("%s: pin-source gives a PIN that is too short or too long", self._name)
        return None
