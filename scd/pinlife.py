"""How long the verified PINs of a card last: as long as the configuration says, and no longer."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import trio

from backends.changes import PinKeeper
from backends.errors import NotSupported, TokenError
from backends.token import PinRef, Token
from scd.choices import PinOptions
from scd.lane import Lane

_log = logging.getLogger(__name__)

#: What is taken back, by the kind of token.  A security officer's login does not last anyhow.
_LASTING: Mapping[str, tuple[PinRef, ...]] = {
    "openpgp": (PinRef.PW1_81, PinRef.PW1_82, PinRef.PW3),
    "pkcs11": (PinRef.USER,),
}


def forget_pins(token: Token) -> None:
    """Have the token take back all PINs.  Cards before version 3.0 do so only without power."""
    try:
        if not isinstance(token, PinKeeper):
            raise NotSupported("the token cannot take back a PIN")
        for ref in _LASTING[token.info.app]:
            token.forget_pin(ref)
    except NotSupported:
        token.reset()


class PinLife:
    """The times of one card's PINs, and the timer that has them forgotten.

    The callers hold the card's lane.  A deadline only ever moves to a later time, so the timer
    sleeps until the one that it knows, and looks again.
    """

    def __init__(
        self, options: PinOptions, token: Token, lane: Lane, nursery: trio.Nursery
    ) -> None:
        self._options = options
        self._token = token
        self._lane = lane
        self._nursery = nursery
        #: When each PIN was entered, and when any of them was last of use.
        self._entered: dict[PinRef, float] = {}
        self._used = 0.0
        self._timing = False

    @contextmanager
    def entering(self, ref: PinRef) -> Iterator[None]:
        """Around what is done with a PIN.  Whatever comes of it, the PIN may be verified after it;
        and its time is counted from before."""
        now = _now()
        try:
            yield
        finally:
            self._entered[ref] = now
            self.used()

    def used(self) -> None:
        """An operation that can want a PIN has ended."""
        self._used = _now()
        if not self._timing and self._left() < math.inf:
            self._timing = True
            self._nursery.start_soon(self._time)

    @property
    def over(self) -> bool:
        """Whether PINs are to be forgotten before anything else is done with them."""
        return self._left() <= 0

    async def end_if_over(self) -> None:
        """Forget the PINs if it is time.  Raises TokenError if that fails: then nothing that wants
        a PIN may be done."""
        if self.over:
            await trio.to_thread.run_sync(forget_pins, self._token)
            self.ended()
            _log.info("%s: PINs were forgotten after their time", self._token.info.name)

    def ended(self) -> None:
        """The PINs are forgotten, or the card is gone."""
        self._entered.clear()

    def _left(self) -> float:
        """Seconds until the PINs are to be forgotten."""
        if not self._entered:
            return math.inf
        oldest = min(self._entered.values())
        end = min(self._used + self._options.idle, oldest + self._options.absolute)
        return end - _now()

    async def _time(self) -> None:
        while (left := self._left()) < math.inf:
            if left > 0:
                await trio.sleep(left)
                continue
            async with self._lane:
                try:
                    await self.end_if_over()
                except TokenError as error:
                    # The next operation tries again, and is refused if it cannot be done.
                    _log.warning("%s: PINs can't be forgotten: %s", self._token.info.name, error)
                    break
        self._timing = False


def _now() -> float:
    """Seconds, also those in which the machine was suspended: trio's clock leaves them out."""
    suspended = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    return trio.current_time() + suspended
