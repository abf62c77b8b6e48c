"""How a card is changed: what may be asked for, the PIN, the change itself, and who is told."""

from __future__ import annotations

from dataclasses import replace

from assuan.errors import AssuanError, Code
from backends.changes import Change, Writable, WriteCertificate
from backends.token import PinRequest, PublicKey
from scd.card import Card
from scd.pin import with_pin
from scd.session import Session
from scd.waiting import Attendant


def writable(card: Card) -> Writable:
    """The token, if it can be changed at all."""
    if not isinstance(card.token, Writable):
        raise AssuanError(Code.UNSUPPORTED_OPERATION, "this token cannot be changed")
    return card.token


def permit_admin(session: Session) -> None:
    """Raises EACCES where the configuration forbids what takes an admin PIN."""
    if session.shared.config.deny_admin:
        raise AssuanError(Code.EACCES, "admin commands are denied by the configuration")


async def _of_key(card: Card, wanted: Change) -> Change:
    """A card has places for certificates; on a PKCS#11 token they belong to the key that fills
    the slot of the view."""
    if card.native or not isinstance(wanted, WriteCertificate):
        return wanted
    key = (await card.view_in_lane()).find(wanted.ref)
    return wanted if key is None else replace(wanted, ref=key.key.ref)


async def change(
    session: Session, card: Card, wanted: Change, attend: Attendant | None = None
) -> PublicKey | None:
    """Ask for the PIN that the change takes, and make it.  The caller holds the card's lane."""
    token = writable(card)
    wanted = await _of_key(card, wanted)

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
