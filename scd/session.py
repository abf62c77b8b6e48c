"""What the daemon remembers of one client, and of all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import trio

from assuan.errors import AssuanError, Code
from assuan.server import Conversation
from backends.token import Use
from scd.aliases import is_old_reference
from scd.card import Card
from scd.config import Config
from scd.lock import Lock
from scd.registry import Registry
from scd.tokenmemory import TokenMemory
from scd.view import CardKey


@dataclass(slots=True, eq=False)
class Shared:
    """What all sessions use.

    ``socket_name``: where further clients connect, None without a socket.
    ``synopses``: of all commands, by keyword.
    ``modern``: whether the clients are of GnuPG 2.3 or later; None while that is not known.
    ``agent_asked``: set once that is as known as it will be; None if nobody is asked.
    ``lock``: that of LOCK; sessions own it.  ``memory``: of tokens without slots of their own.
    """

    config: Config
    registry: Registry
    socket_name: str | None
    synopses: Mapping[str, str]
    memory: TokenMemory
    modern: bool | None = None
    agent_asked: trio.Event | None = None
    sessions: set[Session] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)


@dataclass(slots=True, eq=False)
class Session:
    """One client.  ``data`` is what SETDATA left; it survives its use, as in GnuPG's scdaemon.

    ``event_signal``: the signal that the client wants at each change of cards, 0 for none.
    ``ends_daemon``: it said KILLSCD; the daemon ends when the answer has been sent.
    """

    conversation: Conversation
    shared: Shared
    data: bytes = b""
    card: Card | None = None
    event_signal: int = 0
    ends_daemon: bool = False

    @property
    def registry(self) -> Registry:
        return self.shared.registry

    @property
    def locked_out(self) -> bool:
        """Whether another client keeps this one from the cards."""
        return self.shared.lock.refuses(self)

    def unlock(self) -> None:
        """Let go of the cards, if it is this client that keeps others from them."""
        self.shared.lock.release(self)

    def use(self, card: Card) -> None:
        """Make this the client's card, and the one that later clients find first."""
        self.card = card
        self.registry.choose(card)

    async def current(self) -> Card:
        """The client's card; the first one present if it has not chosen any.

        Raises CARD_REMOVED, once, if the chosen card went away; ENODEV if there is none.
        """
        if self.card is not None and self.card.gone:
            self.card = None
            raise AssuanError(Code.CARD_REMOVED)
        if self.card is None:
            self.card = await self.first()
        return self.card

    async def first(self) -> Card:
        """The first card after a look at the readers.  Raises ENODEV if there is none."""
        await self.registry.scan()
        if not self.registry.cards:
            raise AssuanError(Code.ENODEV)
        return self.registry.cards[0]

    async def card_with(self, grip: str) -> Card:
        """The card that holds the key of that keygrip; the client's own, if it is no keygrip.

        Raises as :meth:`current` and :meth:`find_key`."""
        if not is_keygrip(grip):
            return await self.current()
        card, _ = await self.find_key(grip)
        return card

    async def find_key(self, name: str, use: Use | None = None) -> tuple[Card, CardKey]:
        """The key that a client names, and the card that it is on.

        ``use``: what it is wanted for, if one key was put into several slots of a card.
        ``name``: a keygrip, a token's own reference or the one that gnupg-pkcs11-scd made for it
        (found on any card, the client's own preferred), a slot (``OPENPGP.1``, on the client's
        card), or ``<serial>[/<fingerprint>]``, which means the signing key unless the fingerprint
        tells (scd/app-openpgp.c, do_sign).

        Raises NO_SECKEY, CARD_NOT_PRESENT, INV_ID, WRONG_CARD, WRONG_SECKEY, NO_OBJ.
        """
        serial, _, fingerprint = name.partition("/")
        if name.upper().startswith("OPENPGP."):
            return await self._key_in_slot(name)
        if is_hex(serial) and len(serial) == 32:
            return await self._key_by_serial(serial, fingerprint)
        old = is_old_reference(name)
        if not (old or is_keygrip(name) or name.upper().startswith("P11.")):
            raise AssuanError(Code.INV_ID)
        found = await self.registry.by_key(name, self.card, use)
        if found is None:
            # An old serial number let gpg-agent believe that the token is there.
            raise AssuanError(Code.CARD_NOT_PRESENT if old else Code.NO_SECKEY)
        return found

    async def _key_in_slot(self, name: str) -> tuple[Card, CardKey]:
        if name.upper() not in ("OPENPGP.1", "OPENPGP.2", "OPENPGP.3"):
            raise AssuanError(Code.INV_ID)
        card = await self.current()
        key = (await card.view()).find(name)
        if key is None:
            raise AssuanError(Code.NO_OBJ)
        return card, key

    async def _key_by_serial(self, serial: str, fingerprint: str) -> tuple[Card, CardKey]:
        card = await self.registry.by_serial(serial)
        if card is None:
            raise AssuanError(Code.WRONG_CARD)
        view = await card.view()
        if not fingerprint:
            if view.slots[0] is None:
                raise AssuanError(Code.NO_OBJ)
            return card, view.slots[0]
        for key in view.keys:
            if key.fingerprint is not None and key.fingerprint.hex() == fingerprint.lower():
                return card, key
        raise AssuanError(Code.WRONG_SECKEY)


def is_hex(text: str) -> bool:
    return bool(text) and all(c in "0123456789abcdefABCDEF" for c in text)


def is_keygrip(text: str) -> bool:
    """Whether GnuPG would take this argument for a keygrip: 40 hex digits."""
    return len(text) == 40 and is_hex(text)
