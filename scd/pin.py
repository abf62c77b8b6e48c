"""The PIN dialogue: what is asked of the user, in the words that gpg-agent knows how to show.

Prompts are those of GnuPG's scdaemon (scd/app-openpgp.c, get_prompt_info and verify_a_chv): flags
between bars, then text in which %0A is a new line and 0x1E and 0x1F mark an aligned block.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from assuan.errors import AssuanError, Code
from assuan.server import Conversation
from backends.errors import PinNeeded, TokenError
from backends.token import Attribute, Key, PinRef, PinRequest, Token
from scd.card import Card
from scd.view import CardKey

T = TypeVar("T")

#: Bytes of an answer to NEEDPIN; gpg-agent sends 90, padded with NUL (scd/command.c, MAXLEN_PIN).
_MAX_ANSWER = 100

#: Characters of a name or label in a prompt.
_MAX_VALUE = 64

_ASK = {
    PinRef.PW1_81: "||Please unlock the card",
    PinRef.PW1_82: "||Please unlock the card",
    PinRef.PW3: "|A|Please enter the Admin PIN",
    PinRef.USER: "||Please unlock the token",
    PinRef.SO: "|A|Please enter the Security Officer PIN",
}


async def with_pin(
    conversation: Conversation,
    card: Card,
    key: CardKey,
    operation: Callable[..., T],
    data: bytes,
) -> T:
    """Run ``operation(key, data, pin)`` of the card's token, asking for the PIN that it wants.

    The card's lane is held from the question to the answer.  If the token lost the verified PIN
    to another program just before, the user is asked once more; a wrong PIN is never sent again.
    What needs no PIN is tried at first where several clients may be at work on one token.
    """
    if card.lane.width > 1:
        with suppress(PinNeeded):
            async with card.lane.shared():
                return await card.call(_without_pin, card.token, operation, key.key, data)
    async with card.lane:
        with suppress(PinNeeded):
            return await _asking(conversation, card, key.key, operation, data)
        return await _asking(conversation, card, key.key, operation, data)


async def _asking(
    conversation: Conversation, card: Card, key: Key, operation: Callable[..., T], data: bytes
) -> T:
    request = await card.call(card.token.pin_for, key)
    async with obtained(conversation, card, request) as pin:
        result = await card.call(operation, key, data, pin)
    await _look_again(card, request)
    return result


def _without_pin(token: Token, operation: Callable[..., T], key: Key, data: bytes) -> T:
    """Do it, or raise PinNeeded: both in one go, which costs one change of threads."""
    if token.pin_for(key) is not None:
        raise PinNeeded("the PIN must be asked for")
    return operation(key, data, None)


async def verify(conversation: Conversation, card: Card, ref: PinRef) -> None:
    """Ask for this very PIN and verify it.  The caller holds the lane."""
    request = await card.call(card.token.pin_named, ref)
    async with obtained(conversation, card, request) as pin:
        await card.call(card.token.verify_pin, ref, pin)
    await _look_again(card, request)


async def _look_again(card: Card, request: PinRequest | None) -> None:
    """After a login: PKCS#11 tokens hide keys, and what keys are for, until then."""
    if request is not None and not card.native:
        with suppress(TokenError):
            await card.refresh_view()


@asynccontextmanager
async def obtained(
    conversation: Conversation, card: Card, request: PinRequest | None
) -> AsyncIterator[bytearray | None]:
    """The PIN for a request: None if there is no request, or if the reader's pinpad takes it.

    The PIN is wiped at the end.  Raises BAD_PIN for one that cannot be right by its length, so
    that it costs no try.
    """
    if request is None:
        yield None
    elif request.pinpad:
        await conversation.inquire("POPUPPINPADPROMPT", await _prompt(card, request), limit=0)
        try:
            yield None
        finally:
            await conversation.inquire("DISMISSPINPADPROMPT", limit=0)
    else:
        pin = await _ask(conversation, card, request)
        try:
            yield pin
        finally:
            wipe(pin)


async def _ask(conversation: Conversation, card: Card, request: PinRequest) -> bytearray:
    answer = await conversation.inquire(
        "NEEDPIN", await _prompt(card, request), limit=_MAX_ANSWER, confidential=True
    )
    end = answer.find(0)
    if end >= 0:
        del answer[end:]
    if not answer:
        raise AssuanError(Code.INV_RESPONSE, "empty PIN")
    if not request.min_length <= len(answer) <= request.max_length:
        wipe(answer)
        raise AssuanError(Code.BAD_PIN, "PIN too short or too long, not tried")
    return answer


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in place."""
    secret[:] = bytes(len(secret))


async def _prompt(card: Card, request: PinRequest) -> bytes:
    block = await (_card_block if card.native else _token_block)(card, request)
    lines = "%0A".join(f"{name}\x1f: {_quote(value)}" for name, value in block)
    text = f"{_ASK[request.ref]}%0A%0A\x1e{lines}"
    if request.tries_left is not None and request.tries_left < 3:
        text += f"%0A%0ARemaining attempts: {request.tries_left}"
    return text.encode()


async def _card_block(card: Card, request: PinRequest) -> list[tuple[str, str]]:
    wanted = {Attribute.DISP_NAME}
    if request.ref is PinRef.PW1_81:
        wanted.add(Attribute.SIG_COUNTER)
    values = await card.call(card.token.attributes, wanted)
    holder = _holder(values.get(Attribute.DISP_NAME, b""))
    block = [("Number", card.info.display_serial), ("Holder", holder)]
    if Attribute.SIG_COUNTER in values:
        block.append(("Counter", str(int.from_bytes(values[Attribute.SIG_COUNTER]))))
    return block


async def _token_block(card: Card, request: PinRequest) -> list[tuple[str, str]]:
    return [("Number", card.info.display_serial), ("Token", request.label or card.info.name)]


def _holder(name: bytes) -> str:
    """``Doe<<Jane`` of DO 5B as ``Jane Doe`` (ISO/IEC 7501-1 name form)."""
    surname, _, given = name.decode(errors="replace").partition("<<")
    return " ".join(part.replace("<", " ").strip() for part in (given, surname) if part)


def _quote(text: str) -> str:
    """For the INQUIRE line, which gpg-agent percent-decodes: no control characters, no bare %,
    and no longer than a line of the prompt."""
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return printable[:_MAX_VALUE].replace("%", "%25")
