"""The PIN dialogue: what is asked of the user, in the words that gpg-agent knows how to show.

Prompts are those of GnuPG's scdaemon (scd/app-openpgp.c, get_prompt_info and verify_a_chv): flags
between bars, then text in which %0A is a new line and 0x1E and 0x1F mark an aligned block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from functools import partial
from typing import TypeVar

from assuan.errors import AssuanError, Code
from assuan.server import Conversation
from backends.errors import PinNeeded, TokenError
from backends.secret import wipe
from backends.token import Attribute, PinRef, PinRequest
from scd.card import Card
from scd.waiting import Attendant, attended

T = TypeVar("T")

#: Bytes of an answer to NEEDPIN; gpg-agent sends 90, padded with NUL (scd/command.c, MAXLEN_PIN).
_MAX_ANSWER = 100

#: How often one command tries without asking for a PIN, and how often with: another program may
#: take a verified PIN away, and cards forget theirs when algorithm attributes are changed (GnuPG
#: scd/app-openpgp.c, change_keyattr).
_ATTEMPTS = 2

#: Characters of a name or label in a prompt.
_MAX_VALUE = 64

_ALL_TRIES = 3

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
    wanted: Callable[[], PinRequest | None],
    operation: Callable[[bytearray | None], T],
    attend: Attendant | None = None,
) -> T:
    """Ask for the PIN that the token wants for an operation, then run it.  The caller holds the
    card's lane.

    ``wanted`` and ``operation`` are the token's.  If it wants another PIN after all, the user is
    asked once more; a wrong PIN is never sent again.
    """
    attempts: Counter[bool] = Counter()
    while True:
        await card.pins.end_if_over()
        request = await card.call(wanted)
        attempts[request is None] += 1
        try:
            async with obtained(conversation, card, request) as pin:
                result = await _run(conversation, card, partial(operation, pin), attend)
        except PinNeeded:
            if attempts[request is None] == _ATTEMPTS:
                raise
        else:
            await _look_again(card, request)
            return result
        finally:
            card.pins.used()


async def _run(
    conversation: Conversation, card: Card, function: Callable[[], T], attend: Attendant | None
) -> T:
    if attend is None:
        return await card.call(function)
    return await attended(conversation, card, function, attend)


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
    """The PIN for a request, from where the configuration has one, else from the user: None if
    there is no request, or if the reader's pinpad takes it."""
    if request is None:
        yield None
        return
    async with _sourced(card, request) as pin:
        if pin is not None:
            yield pin
            return
    async with entered(conversation, card, request) as pin:
        yield pin


@asynccontextmanager
async def _sourced(card: Card, request: PinRequest) -> AsyncIterator[bytearray | None]:
    if card.pin_source is None:
        yield None
        return
    async with card.pin_source.pin(request) as pin:
        with _in_use(card, request) if pin is not None else nullcontext():
            yield pin


@asynccontextmanager
async def entered(
    conversation: Conversation, card: Card, request: PinRequest
) -> AsyncIterator[bytearray | None]:
    """The PIN from the user: None if the reader's pinpad takes it."""
    text = await _prompt(card, request)
    if request.pinpad:
        async with at_pinpad(conversation, text):
            with card.pins.entering(request.ref):
                yield None
    else:
        async with asked(conversation, text, request) as pin:
            # The answer may have taken longer than another PIN of the card lasts.
            await card.pins.end_if_over()
            with _in_use(card, request):
                yield pin


@contextmanager
def _in_use(card: Card, request: PinRequest) -> Iterator[None]:
    try:
        with card.pins.entering(request.ref):
            yield
    finally:
        card.settle_soon()


@asynccontextmanager
async def at_pinpad(conversation: Conversation, text: str) -> AsyncIterator[None]:
    """Show that the pinpad is waiting.  gpg-agent leaves the message on the screen until it is told
    to take it away, whatever became of the PIN; what became of it is what matters then."""
    await conversation.inquire("POPUPPINPADPROMPT", text, limit=0)
    try:
        yield
    except Exception:
        with suppress(AssuanError):
            await conversation.inquire("DISMISSPINPADPROMPT", limit=0)
        raise
    await conversation.inquire("DISMISSPINPADPROMPT", limit=0)


@asynccontextmanager
async def asked(
    conversation: Conversation, text: str, request: PinRequest, *, optional: bool = False
) -> AsyncIterator[bytearray]:
    """A PIN from the user, wiped at the end.

    Raises BAD_PIN for one that cannot be right by its length, so that it costs no try.
    ``optional``: it may be empty as well.
    """
    pin = await _answer(conversation, text)
    try:
        if not pin and not optional:
            raise AssuanError(Code.INV_RESPONSE, "empty PIN")
        if pin and not request.min_length <= len(pin) <= request.max_length:
            raise AssuanError(Code.BAD_PIN, "PIN too short or too long, not tried")
        yield pin
    finally:
        wipe(pin)


async def _answer(conversation: Conversation, text: str) -> bytearray:
    answer = await conversation.inquire("NEEDPIN", text, limit=_MAX_ANSWER, confidential=True)
    end = answer.find(0)
    if end >= 0:
        del answer[end:]
    return answer


async def _prompt(card: Card, request: PinRequest) -> str:
    block = await (_card_block if card.native else _token_block)(card, request)
    lines = "%0A".join(f"{name}\x1f: {_quote(value)}" for name, value in block)
    return with_tries(f"{_ASK[request.ref]}%0A%0A\x1e{lines}", request)


def with_tries(text: str, request: PinRequest) -> str:
    """The prompt, saying how many tries are left when they are running out."""
    if request.tries_left is None or request.tries_left >= _ALL_TRIES:
        return text
    return f"{text}%0A%0ARemaining attempts: {request.tries_left}"


async def _card_block(card: Card, request: PinRequest) -> list[tuple[str, str]]:
    """The counter is read, and shown, where each signature is confirmed: there it has a meaning."""
    wanted = {Attribute.DISP_NAME}
    known = card.token.remembered(wanted)
    if request.ref is PinRef.PW1_81 and request.each_time:
        wanted.add(Attribute.SIG_COUNTER)
    missing = wanted - known.keys()
    values = {**known, **(await card.call(card.token.attributes, missing) if missing else {})}
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
