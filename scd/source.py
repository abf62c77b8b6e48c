"""One provider: what it holds, and how a look at it goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import trio

from backends.errors import TokenError
from backends.token import Place, Provider, Token, Watcher
from scd.card import Card

_log = logging.getLogger(__name__)

CardMaker = Callable[[Token, Provider, Place], Card]


class Source:
    """A provider and the cards that it holds.

    ``make_card``: makes a card of a token that was opened.  ``came`` and ``went`` are told of each
    card that is there now and was not before, or the other way round.  What the provider does to
    its lookers is logged and spoils nothing else.
    """

    def __init__(
        self,
        provider: Provider,
        make_card: CardMaker,
        came: Callable[[Card], None],
        went: Callable[[Card], None],
    ) -> None:
        self.provider = provider
        self._make_card = make_card
        self._came = came
        self._went = went
        #: None: what is there is not ours to serve.
        self._cards: dict[Place, Card | None] = {}
        #: A look is under way; there is never more than one.
        self.busy = False
        #: Somebody wants another look after the one under way.
        self.again = False
        #: Whether a first look has ended, well or badly.
        self.seen = False
        #: What the last look failed with; it is logged when it changes.
        self._trouble = ""

    @property
    def prompt(self) -> bool:
        """Whether a look at it costs next to nothing, so that a scan may always wait for it."""
        return isinstance(self.provider, Watcher)

    def at(self, place: Place) -> Card | None:
        """The card there, as far as the last look saw."""
        return self._cards.get(place)

    async def look(self) -> None:
        """See what is there now."""
        places = await self._places()
        for place in [p for p in self._cards if p not in places]:
            self.drop(place)
        for place in [p for p in places if p not in self._cards]:
            await self._open(place)

    def drop(self, place: Place) -> None:
        """Forget what is there; the next look finds it anew."""
        card = self._cards.pop(place)
        if card is not None:
            self._went(card)

    async def _places(self) -> Sequence[Place]:
        trouble = ""
        try:
            return await trio.to_thread.run_sync(self.provider.present)
        except TokenError as error:
            trouble = str(error)
        except Exception:
            _log.exception("%s failed", self.provider.name)
        finally:
            if trouble and trouble != self._trouble:
                _log.warning("%s: %s", self.provider.name, trouble)
            self._trouble = trouble
        return ()

    async def _open(self, place: Place) -> None:
        try:
            token = await trio.to_thread.run_sync(self.provider.open, place)
        except TokenError as error:
            # Not remembered: the next look tries again.
            _log.warning("%s can't be opened: %s", place.name, error)
            return
        except Exception:
            _log.exception("%s can't be opened", place.name)
            return
        self._cards[place] = None
        if token is not None:
            card = self._make_card(token, self.provider, place)
            self._cards[place] = card
            self._came(card)
