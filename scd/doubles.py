"""Keys that are seen twice: on an OpenPGP card, and on a PKCS#11 token that is the same card by way
of a module, such as OpenSC's.  The native road wins as long as it is there."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator

from scd.card import Card
from scd.view import View

_log = logging.getLogger(__name__)


class Doubles:
    """``cards``: those that are present, as they come and go.

    Only tokens are measured, and only against cards: one key on two OpenPGP cards is a copy that
    was made on purpose, and both serve.
    """

    def __init__(self, cards: Collection[Card]) -> None:
        self._cards = cards
        #: Whose keys are being read in order to compare them, and whose were.
        self._reading: set[Card] = set()
        self._read: set[Card] = set()
        #: What was told of: the doubles on each token.
        self._told: dict[Card, frozenset[str]] = {}

    @property
    def reading(self) -> bool:
        return bool(self._reading)

    def hides(self, card: Card) -> bool:
        """Whether a token is left out of listings: all its keys are doubles, or it is not known yet
        whether they are."""
        if card.native:
            return False
        return card in self._reading or (bool(card.grips) and card.grips <= self._native_grips())

    def without(self, card: Card, view: View) -> View:
        """The view without doubles.  Of a token that is hidden as a whole all is shown, to whoever
        reaches it by its serial number."""
        if card.native or self.hides(card):
            return view
        return view.without(self._native_grips())

    def to_read(self) -> Iterator[Card]:
        """The cards that must be read, each once, before it is known what is a double.  One that is
        at work is passed over: it may be waiting for its user."""
        self._read &= set(self._cards)
        if len({card.native for card in self._cards}) < 2:
            return
        for card in self._cards:
            if not (card.grips or card in self._read or card.lane.locked()):
                self._reading.add(card)
                self._read.add(card)
                yield card

    def was_read(self, card: Card) -> None:
        """Whether or not it went well."""
        self._reading.discard(card)

    def changed(self) -> bool:
        """Whether anything is, or is no more, a double since the last call; it is logged once."""
        native = self._native_grips()
        shared = {c: c.grips & native for c in self._cards if not c.native}
        now = {card: grips for card, grips in shared.items() if grips}
        for card in (card for card in now if self._told.get(card) != now[card]):
            count = f"{len(now[card])} of {len(card.grips)}"
            _log.info(
                "token %s: %s keys are also on an OpenPGP card, which wins", card.serial, count
            )
        before, self._told = self._told, now
        return before != now

    def _native_grips(self) -> frozenset[str]:
        return frozenset[str]().union(*(card.grips for card in self._cards if card.native))
