"""One token in the daemon: its lane, its view, and whether it is still there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import trio

from backends.errors import TokenError
from backends.token import Parallel, Place, Provider, Token
from scd.aliases import is_old_serial_of
from scd.lane import Lane
from scd.pinlife import PinLife
from scd.pinrules import PinRules
from scd.view import View

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: Reads a token's keys (blocking); the second argument as for :meth:`Token.keys`.
ViewMaker = Callable[[Token, bool], View]

#: Seconds after an operation with a PIN in which nothing is done that was put off.
_SETTLING = 1.0


class Card:
    """A token that is present, with everything the daemon keeps for it.

    ``lane`` is held from the question for a PIN to the signature made with it, so that no other
    client slips in between; what needs no PIN shares it, where a token can do several things at a
    time.  Calls into the token go through :meth:`call`, in a thread, with the
    lane held.  ``view`` needs no lane once it is known; ``shown`` makes of it what is to be seen.
    """

    def __init__(
        self,
        token: Token,
        provider: Provider,
        place: Place,
        make_view: ViewMaker,
        nursery: trio.Nursery,
        rules: PinRules,
        shown: Callable[[Card, View], View],
    ) -> None:
        self.token = token
        self.info = token.info
        self.provider = provider
        self.place = place
        self.lane = Lane(token.parallel if isinstance(token, Parallel) else 1)
        self.pin_source = rules.source
        self.pins = PinLife(rules.lifetime, token, self.lane, nursery)
        self.gone = False
        #: Counts up over all cards whenever a client chooses this one; 0: never chosen.
        self.chosen = 0
        #: A client has sent APDUs of its own making: the token may not be what it was.
        self.disturbed = False
        self._make_view = make_view
        self._nursery = nursery
        self._shown = shown
        self._view: View | None = None
        #: The keygrips that were seen here last, whatever is shown of them.
        self.grips: frozenset[str] = frozenset()
        self._thorough = False

    @property
    def serial(self) -> str:
        return self.info.serial

    def is_called(self, serial: str) -> bool:
        """By its serial number, or the one that gnupg-pkcs11-scd made for it."""
        if same_serial(serial, self.serial):
            return True
        return bool(self.info.uri) and is_old_serial_of(serial, self.info.uri)

    @property
    def native(self) -> bool:
        """Whether this is an OpenPGP card, not a token that looks like one."""
        return self.info.app == "openpgp"

    async def call(self, function: Callable[..., T], *args: object) -> T:
        """Run a method of the token in a thread.  The caller holds the lane.

        Even a cancelled caller waits for the thread, and keeps the lane meanwhile: a token's calls
        are made one at a time.  They end by the token's own time limits.
        """
        return await trio.to_thread.run_sync(function, *args)

    @property
    def known_view(self) -> View | None:
        """The view if it has been read already."""
        return None if self._view is None else self._shown(self, self._view)

    async def view(self, *, thorough: bool = False) -> View:
        """The keys, read from the token at the first call.  Takes the lane: do not hold it.

        ``thorough``: also those that the token's own records do not tell of.  Raises TokenError;
        the next call tries again.
        """
        if self._view is None or thorough > self._thorough:
            async with self.lane:
                return await self.view_in_lane(thorough=thorough)
        return self._shown(self, self._view)

    async def view_in_lane(self, *, thorough: bool = False) -> View:
        """As :meth:`view`, for a caller who holds the lane."""
        if self._view is None or thorough > self._thorough:
            await self._read(thorough)
        assert self._view is not None
        return self._shown(self, self._view)

    async def _read(self, thorough: bool) -> None:
        self._view = await self.call(self._make_view, self.token, thorough)
        self._thorough = thorough
        self.grips = frozenset(key.grip for key in self._view.keys)

    @property
    def seen_thoroughly(self) -> bool:
        """Whether the known view is a thorough one."""
        return self._view is not None and self._thorough

    async def refresh_view(self) -> None:
        """Read the keys again now, for a caller who holds the lane."""
        await self._read(self._thorough)

    def read_view(self) -> View:
        """As :meth:`view_in_lane`, for a caller in a thread; the view is not kept."""
        return self._make_view(self.token, self._thorough)

    def settle_soon(self) -> None:
        """After an operation with a PIN: let the token do what it put off, when nobody waits."""
        self._nursery.start_soon(self._settle)

    async def _settle(self) -> None:
        await trio.sleep(_SETTLING)
        async with self.lane:
            try:
                await self.call(self.token.settle)
            except TokenError as error:
                _log.info("%s: %s", self.info.name, error)

    def forget_view(self) -> None:
        """Something may have changed the keys: read them again when they are next wanted."""
        self._view = None
        self._thorough = False


def same_serial(one: str, other: str) -> bool:
    """Whether two serial numbers name one card.

    GnuPG 2.3 and later write zeros for the version bytes of an OpenPGP AID (digits 12 to 15) on
    some cards, so they do not count (g10/card-util.c, agent/divert-scd.c compare likewise).
    """
    one, other = one.upper(), other.upper()
    if one == other:
        return True
    both_openpgp = one.startswith(_OPENPGP_RID) and other.startswith(_OPENPGP_RID)
    return both_openpgp and len(one) == len(other) == 32 and one[16:] == other[16:]


#: FSFE's registered application provider identifier and the OpenPGP application (section 4.2.1).
_OPENPGP_RID = "D27600012401"
