"""Dialogues that end with another PIN on the card.  All hold the card's lane from the first
question to the last answer; whatever can be checked is checked before a PIN is sent."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from assuan.errors import AssuanError, Code
from assuan.server import Conversation
from backends.changes import PinKeeper
from backends.token import PinRef, PinRequest
from scd.card import Card
from scd.pin import asked, at_pinpad, entered, with_tries

#: What GnuPG asks (scd/app-openpgp.c, do_change_pin).  Other old PINs are asked for as usual.
_OLD = {
    PinRef.PW1_81: "||Please enter the PIN",
    PinRef.RC: "|R|Please enter the Reset Code for the card",
}
_NEW = {
    PinRef.PW1_81: "|N|New PIN",
    PinRef.USER: "|N|New PIN",
    PinRef.RC: "|RN|New Reset Code",
    PinRef.PW3: "|AN|New Admin PIN",
    PinRef.SO: "|AN|New Security Officer PIN",
}
_AT_PINPAD = {
    PinRef.PW1_81: "||Please enter the PIN and New PIN",
    PinRef.USER: "||Please enter the PIN and New PIN",
    PinRef.PW3: "||Please enter the Admin PIN and New Admin PIN",
    PinRef.SO: "||Please enter the Security Officer PIN and New Security Officer PIN",
}


def keeper(card: Card) -> PinKeeper:
    """The token, if its PINs can be changed at all."""
    if not isinstance(card.token, PinKeeper):
        raise AssuanError(Code.UNSUPPORTED_OPERATION, "PINs of this token cannot be changed")
    return card.token


async def change_pin(conversation: Conversation, card: Card, ref: PinRef) -> None:
    """By who knows the old one: both at the pinpad, if the reader takes both."""
    token = keeper(card)
    async with card.lane:
        request = await card.call(card.token.pin_named, ref)
        limits = await card.call(token.new_pin, ref)
        if limits.pinpad:
            async with at_pinpad(conversation, _AT_PINPAD[ref]):
                with card.pins.entering(ref):
                    await card.call(token.change_pin, ref, None, None)
            return
        async with _old(conversation, card, request) as old, _new(conversation, limits) as new:
            with card.pins.entering(ref):
                await card.call(token.change_pin, ref, old, new)


async def reset_pin(conversation: Conversation, card: Card, ref: PinRef, right: PinRef) -> None:
    """By the right of another PIN, which is entered even if it is verified, and found right before
    anybody makes up a new one."""
    token = keeper(card)
    async with card.lane:
        # In this order: a pinpad is good for what was asked for last.
        limits = await card.call(token.new_pin, ref)
        request = await card.call(card.token.pin_named, right)

        async def set_new(pin: bytearray | None) -> None:
            async with _new(conversation, limits) as new:
                await card.call(token.reset_pin, ref, pin, new)

        async with entered(conversation, card, request) as pin:
            await card.call(card.token.verify_pin, right, pin)
            if not request.pinpad:
                return await set_new(pin)
        # The message that names the pinpad is gone when the next one is to be answered here.
        await set_new(None)


async def unblock_pin(conversation: Conversation, card: Card) -> None:
    """Set PW1 by the resetting code."""
    token = keeper(card)
    async with card.lane:
        request = await card.call(card.token.pin_named, PinRef.RC)
        limits = await card.call(token.new_pin, PinRef.PW1_81)
        text = with_tries(_OLD[PinRef.RC], request)
        async with asked(conversation, text, request) as code, _new(conversation, limits) as new:
            await card.call(token.unblock_pin, code, new)


def _old(
    conversation: Conversation, card: Card, request: PinRequest
) -> AbstractAsyncContextManager[bytearray | None]:
    if request.ref in _OLD:
        return asked(conversation, with_tries(_OLD[request.ref], request), request)
    return entered(conversation, card, replace(request, pinpad=False))


def _new(conversation: Conversation, limits: PinRequest) -> AbstractAsyncContextManager[bytearray]:
    removable = limits.ref is PinRef.RC
    return asked(conversation, _NEW[limits.ref], limits, optional=removable)
