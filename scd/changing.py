"""How a card is changed: what may be asked for, the PIN, the change itself, and who is told."""

from __future__ import annotations

from assuan.errors import AssuanError, Code
from backends.changes import Change, Writable
from backends.token import PinRequest, PublicKey
from scd.card import Card
from scd.pin import with_pin
from scd.session import Session
from scd.slots import SlottedToken
from scd.waiting import Attendant


def writable(session: Session, card: Card) -> Writable:
    """The token, if it can be changed at all, with the slots that GnuPG sees on it."""
    if not isinstance(card.token, Writable):
        raise AssuanError(Code.UNSUPPORTED_OPERATION, "this token cannot be changed")
    if card.native:
        return card.token
    return SlottedToken(card.token, card.serial, card.read_view, session.shared.memory)


def permit_admin(session: Session) -> None:
    """Raises EACCES where the configuration forbids what takes an admin PIN."""
    if session.shared.config.deny_admin:
        raise AssuanError(Code.EACCES, "admin commands are denied by the configuration")


async def change(
    session: Session, card: Card, wanted: Change, attend: Attendant | None = None
) -> PublicKey | None:
    """Ask for the PIN that the change takes, and make it.  The caller holds the card's lane."""
    token = writable(session, card)

    def pin_for_change() -> PinRequest | None:
        request = token.pin_for_change(wanted)
        if request is not None and request.admin:
            permit_admin(session)
        return request

    def make(pin: bytearray | None) -> PublicKey | None:
        return token.change(wanted, pin)

    try:
        return await with_pin(session.conversation, card, pin_for_change, make, attend)
    finally:
        # Also after a failure, which may have come half-way.
        session.registry.altered(card)
