"""All tokens of all providers: finding them, noticing that they come and go, choosing among them.

Nothing here speaks Assuan.  Providers are looked at when a client asks and when one of them reports
a change; there is no polling.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import trio

from backends.errors import TokenError
from backends.token import Place, Provider, Token, Use, Watcher
from scd.aliases import is_old_serial
from scd.card import Card, ViewMaker
from scd.doubles import Doubles
from scd.pinrules import PinRules, RuleFinder
from scd.source import Source
from scd.view import CardKey, View

_log = logging.getLogger(__name__)

#: Seconds that a listing waits for keys of slow cards and tokens that are being compared.
_PATIENCE = 5.0


class Registry:
    """The cards that are present, the most recently chosen first.

    ``settle``: seconds that a scan waits for a slow provider's first answer when some other
    card is there already.  ``make_view``: reads a token's keys into a View (blocking).
    ``find_rules``: tells what goes for the PINs of a token.
    """

    def __init__(
        self,
        providers: Sequence[Provider],
        make_view: ViewMaker,
        settle: float,
        nursery: trio.Nursery,
        find_rules: RuleFinder = lambda info: PinRules(),
    ) -> None:
        self._sources = [Source(p, self._card, self._came, self._went) for p in providers]
        self._make_view = make_view
        self._settle = settle
        self._nursery = nursery
        self._find_rules = find_rules
        self._cards: list[Card] = []
        self._doubles = Doubles(self._cards)
        self._choices = 0
        self._turn = trio.Event()
        self._change = trio.Event()
        self._watching = False
        #: Called, in the trio thread, after the set of cards has changed.
        self.on_change: list[Callable[[], None]] = []

    @property
    def cards(self) -> Sequence[Card]:
        """The cards known now, without a look at any provider: the one chosen last comes first,
        those never chosen follow, OpenPGP cards before tokens.  Not the tokens that are one of
        these cards by another road."""
        return [card for card in self._in_order() if not self._doubles.hides(card)]

    def _in_order(self) -> Sequence[Card]:
        return sorted(self._cards, key=lambda c: (-c.chosen, not c.native, c.place.name))

    def choose(self, card: Card) -> None:
        """Let a client that makes no choice of its own find this card first."""
        self._choices += 1
        card.chosen = self._choices

    async def scan(self) -> None:
        """Look at the readers until any card is there or all providers have answered.

        PKCS#11 modules are looked at once, which gets them the settling time, so that the first
        listing is whole; then when the readers change, when something is searched for, or when
        nothing is there: each look may cost dozens of APDUs (OpenSC tries all its card drivers).
        """
        self._look_at_all(prompt=True)
        with trio.move_on_after(self._settle):
            await self._until(self._settled)
        await self._until(lambda: not self._busy(prompt=True))
        await self._insist(lambda: bool(self._cards))

    def _settled(self) -> bool:
        """Whether what is there is known, and also what of it is there twice."""
        looking = self._busy(prompt=True) or self._doubles.reading
        return all(s.seen for s in self._sources) and not looking

    async def search(self, found: Callable[[], bool]) -> None:
        """Look at the providers until ``found()`` or all have answered; at the slow ones only if
        the prompt ones do not have it."""
        self._look_at_all(prompt=True)
        await self._until(lambda: not self._busy(prompt=True))
        await self._insist(found)

    async def _insist(self, found: Callable[[], bool]) -> None:
        if not found():
            self._look_at_all()
            await self._until(lambda: found() or not (self._busy() or self._doubles.reading))

    def look_again(self) -> None:
        """Something went wrong with a card: see, in the background, what is still there."""
        self._look_at_all()

    def altered(self, card: Card) -> None:
        """What is on the card may have changed: read it again when it is next wanted, and tell
        whoever keeps a list of keys."""
        card.forget_view()
        self._tell()

    async def reopen(self, card: Card) -> None:
        """Find the token anew where it is, as if it had been taken out and put back.

        Who had chosen the old one is told that it is gone; who makes no choice finds the new one
        first.  Takes the lane: do not hold it.
        """
        (source,) = (s for s in self._sources if s.provider is card.provider)
        if source.at(card.place) is card:
            source.drop(card.place)
            self._look(source)
        await self._until(lambda: not source.busy)
        found = source.at(card.place)
        if found is not None:
            self.choose(found)

    async def by_serial(self, serial: str) -> Card | None:
        """The card of that serial number, looked for until every provider has answered; also one
        that is not listed.

        gnupg-pkcs11-scd told one number for all tokens, that of the last slot, which may even hold
        an empty one.  So any token will do for such a number, once the right one has had time to
        appear; the key is named later.
        """
        old = is_old_serial(serial)

        def known() -> Card | None:
            named = (c for c in self._in_order() if c.is_called(serial))
            others = (c for c in self.cards if old and not c.native)
            return next(named, None) or next(others, None)

        if old:
            await self.scan()
        await self.search(lambda: known() is not None)
        return known()

    async def by_key(
        self, name: str, preferred: Card | None = None, use: Use | None = None
    ) -> tuple[Card, CardKey] | None:
        """The key of that keygrip or token reference, on the preferred card if that has it, and
        the one for that use if the card has it twice.

        Looked for until every provider has answered.  A card that cannot be read is passed over,
        with a line in the log.
        """
        found = await self._known_key(name, preferred, use)
        if found is None:
            before = set(self.cards)
            await self.search(lambda: False)
            if before != set(self.cards):
                found = await self._known_key(name, preferred, use)
        if found is None and not all(card.seen_thoroughly for card in self.cards):
            found = await self._known_key(name, preferred, use, thorough=True)
        return found

    async def _known_key(
        self, name: str, preferred: Card | None, use: Use | None, *, thorough: bool = False
    ) -> tuple[Card, CardKey] | None:
        # Keys that are known already are looked through first: a card that is at work, or waits
        # for its user, must not hold up the finding of another one's key.
        order = sorted(self.cards, key=lambda c: (c.known_view is None, c is not preferred))
        for card in order:
            view = await self.view(card, thorough=thorough)
            key = view.find(name, use) if view else None
            if key is not None:
                return card, key
        return None

    async def view(self, card: Card, *, thorough: bool = False) -> View | None:
        """The card's view, or None, with a line in the log, if it cannot be read."""
        try:
            return await card.view(thorough=thorough)
        except TokenError as error:
            _log.warning("keys of %s can't be read: %s", card.info.name, error)
            return None

    async def compared(self) -> None:
        """Wait until it is known what is there twice, unless that takes too long."""
        with trio.move_on_after(_PATIENCE):
            await self._until(lambda: not self._doubles.reading)

    async def changed(self) -> None:
        """Wait until the set of cards has changed."""
        await self._change.wait()

    def log_state(self) -> None:
        """Write what is known to the log."""
        for source in self._sources:
            _log.info("%s: %s", source.provider.name, "being looked at" if source.busy else "idle")
        for card in self.cards:
            state = "in use" if card.lane.locked() else "free"
            _log.info("token %s in %s: %s", card.serial, card.place.name, state)

    async def let_go(self) -> None:
        """Leave the cards that are idle as they are.  When a process just ends, pcscd resets the
        cards that it had, under the hands of other programs."""
        for card in self._cards:
            if card.native and not card.lane.locked():
                await trio.to_thread.run_sync(card.token.close, abandon_on_cancel=True)

    def close(self) -> None:
        """Let go of everything, waiting for nothing."""
        for source in self._sources:
            source.provider.close()

    # -- looking -------------------------------------------------------------------------------

    def _busy(self, *, prompt: bool = False) -> bool:
        return any(s.busy for s in self._sources if s.prompt or not prompt)

    def _look_at_all(self, *, prompt: bool = False) -> None:
        self._watch()
        for source in self._sources:
            if source.busy or source.prompt or not (prompt and source.seen):
                self._look(source)

    def _look(self, source: Source) -> None:
        if source.busy:
            source.again = True
        else:
            source.busy = True
            self._nursery.start_soon(self._look_at, source)

    async def _look_at(self, source: Source) -> None:
        while source.busy:
            source.again = False
            before = set(self._cards)
            await source.look()
            for card in self._doubles.to_read():
                self._nursery.start_soon(self._compare_keys, card)
            source.busy, source.seen = source.again, True
            if self._doubles.changed() or before != set(self._cards):
                self._tell()
            self._wake()

    async def _compare_keys(self, card: Card) -> None:
        """Read a card whose keys may be there twice."""
        try:
            await self.view(card)
        except Exception:
            _log.exception("keys of %s can't be read", card.info.name)
        self._doubles.was_read(card)
        # It was hidden until now, or another one is from now on.
        self._doubles.changed()
        self._tell()
        self._wake()

    def _card(self, token: Token, provider: Provider, place: Place) -> Card:
        rules = self._find_rules(token.info)
        shown = self._doubles.without
        return Card(token, provider, place, self._make_view, self._nursery, rules, shown)

    def _came(self, card: Card) -> None:
        self._cards.append(card)
        _log.info("new token %s in %s", card.serial, card.place.name)
        self._wake()

    def _went(self, card: Card) -> None:
        self._cards.remove(card)
        card.gone = True
        _log.info("token %s was removed", card.serial)
        # In a task of its own: the lane may be held by a user who is looking for the PIN.
        self._nursery.start_soon(self._let_go, card)

    async def _let_go(self, card: Card) -> None:
        async with card.lane:
            card.pins.ended()
            await card.call(card.token.close)

    def _tell(self) -> None:
        self._change.set()
        self._change = trio.Event()
        for notify in self.on_change:
            notify()

    # -- waiting -------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._turn.set()
        self._turn = trio.Event()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._turn.wait()

    # -- being told ----------------------------------------------------------------------------

    def _watch(self) -> None:
        """Start to listen for insertions and removals; the first scan does it, so that a daemon
        which is only asked for its version touches no reader."""
        if not self._watching:
            self._watching = True
            for source in self._sources:
                if isinstance(source.provider, Watcher):
                    self._nursery.start_soon(self._listen, source.provider)

    async def _listen(self, watcher: Watcher) -> None:
        while await trio.to_thread.run_sync(watcher.wait_for_change, abandon_on_cancel=True):
            # A change at the readers is also the cue to look at PKCS#11 slots again.
            self._look_at_all()
