"""Using keys: SETDATA, PKSIGN, PKAUTH, PKDECRYPT and RANDOM."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from assuan.errors import AssuanError, Code
from assuan.options import Options
from assuan.server import Handler
from backends.errors import PinNeeded
from backends.token import Key, Token, Use
from scd import digest
from scd.card import Card
from scd.challenge import challenge, is_answer
from scd.pin import with_pin
from scd.session import Session, is_hex
from scd.view import CardKey
from scd.waiting import ask_for_touch

#: Bytes that SETDATA collects (scd/command.c, MAXLEN_SETDATA).
_MAX_DATA = 4096
_MAX_RANDOM = 4096


async def setdata(session: Session, args: bytes) -> None:
    options = Options(args)
    digits = options.rest.decode("ascii", "replace")
    if not digits:
        raise AssuanError(Code.ASS_PARAMETER, "no data given")
    if not is_hex(digits):
        raise AssuanError(Code.ASS_PARAMETER, "invalid hexstring")
    if len(digits) % 2:
        raise AssuanError(Code.ASS_PARAMETER, "odd number of digits")
    data = (session.data if options.has("--append") else b"") + bytes.fromhex(digits)
    if len(data) > _MAX_DATA:
        raise AssuanError(Code.TOO_LARGE)
    session.data = data


async def pksign(session: Session, args: bytes) -> None:
    options = Options(args)
    name = options.value("--hash")
    hash_name = name.decode("ascii", "replace") if name else None
    if hash_name not in (None, *digest.BY_NAME, *digest.RAW_HASHES):
        raise AssuanError(Code.ASS_PARAMETER, "invalid hash algorithm")
    await _sign(session, options.rest, hash_name, auth=False)


async def pkauth(session: Session, args: bytes) -> None:
    options = Options(args)
    if options.has("--challenge-response"):
        await _prove(session, options.rest)
    else:
        await _sign(session, options.rest, None, auth=True)


async def _prove(session: Session, name: bytes) -> None:
    """Have the key sign what nobody knew before, and tell no more than that it did."""
    session.data = b""
    card, key = await _signing_key(session, name, Use.AUTHENTICATE)
    tbs = challenge(key.key.public)
    signature = await _use(session, card, key, card.token.sign, tbs)
    if not is_answer(key.key.public, tbs, signature):
        raise AssuanError(Code.BAD_SIGNATURE)


async def _signing_key(session: Session, name: bytes, use: Use) -> tuple[Card, CardKey]:
    card, key = await session.find_key(name.decode("ascii", "replace"), use)
    if not key.key.use & (Use.SIGN | Use.AUTHENTICATE):
        raise AssuanError(Code.WRONG_KEY_USAGE)
    return card, key


async def _sign(session: Session, name: bytes, hash_name: str | None, *, auth: bool) -> None:
    _require_data(session)
    use = Use.AUTHENTICATE if auth else Use.SIGN
    card, key = await _signing_key(session, name, use)
    tbs = digest.normalise(key.key.public, session.data, hash_name, auth=auth)
    signature = await _use(session, card, key, card.token.sign, tbs)
    await session.conversation.data(signature)


async def pkdecrypt(session: Session, args: bytes) -> None:
    _require_data(session)
    name = Options(args).rest.decode("ascii", "replace")
    card, key = await session.find_key(name, Use.DECRYPT)
    if Use.DECRYPT not in key.key.use:
        raise AssuanError(Code.WRONG_KEY_USAGE)
    ciphertext = digest.decrypt_input(key.key.public, session.data)
    plain = await _use(session, card, key, card.token.decrypt, ciphertext)
    # Tells gpg-agent that the padding is gone already.
    await session.conversation.status("PADDING", "0")
    await session.conversation.data(digest.decrypt_output(key.key.public, plain))


async def _use(
    session: Session,
    card: Card,
    key: CardKey,
    operation: Callable[[Key, bytes, bytearray | None], bytes],
    data: bytes,
) -> bytes:
    """Run an operation of the card's token, with the PIN and the touch that it wants.

    The card's lane is held from the question to the answer.  What needs no PIN is tried at first
    where several clients may be at work on one token.
    """
    if card.lane.width > 1:
        with suppress(PinNeeded):
            async with card.lane.shared():
                if not card.pins.over:
                    result = await card.call(_without_pin, card.token, operation, key.key, data)
                    card.pins.used()
                    return result
    async with card.lane:
        return await with_pin(
            session.conversation,
            card,
            partial(card.token.pin_for, key.key),
            partial(operation, key.key, data),
            ask_for_touch if card.token.touch_wanted(key.key) else None,
        )


def _without_pin(
    token: Token,
    operation: Callable[[Key, bytes, bytearray | None], bytes],
    key: Key,
    data: bytes,
) -> bytes:
    """Do it, or raise PinNeeded: both in one go, which costs one change of threads."""
    if token.pin_for(key) is not None:
        raise PinNeeded("the PIN must be asked for")
    return operation(key, data, None)


def _require_data(session: Session) -> None:
    if not session.data:
        raise AssuanError(Code.INV_VALUE)


async def random(session: Session, args: bytes) -> None:
    count = Options(args).rest
    if not count.isdigit() or not 0 < int(count) <= _MAX_RANDOM:
        raise AssuanError(Code.ASS_PARAMETER, "number of bytes required")
    card = await session.current()
    async with card.lane:
        await session.conversation.data(await card.call(card.token.random, int(count)))


COMMANDS: dict[str, Handler[Session]] = {
    "SETDATA": Handler(
        setdata,
        """SETDATA [--append] <hexstring>

Set the data for PKSIGN, PKAUTH and PKDECRYPT, or append to them.""",
    ),
    "PKSIGN": Handler(
        pksign,
        """PKSIGN [--hash=[rmd160|sha{1,224,256,384,512}|md5|none]] <keygrip>|<keyref>

Sign the data of SETDATA: a DigestInfo, or a bare hash of that kind.  The
raw signature is returned as data.  Asks for the PIN by

  INQUIRE NEEDPIN <text>""",
    ),
    "PKAUTH": Handler(
        pkauth,
        """PKAUTH [--challenge-response] <keygrip>|<keyref>

Sign the data of SETDATA for authentication, as SSH wants it.  With
--challenge-response random data are signed instead, the signature is
verified, and nothing is returned.""",
    ),
    "PKDECRYPT": Handler(
        pkdecrypt,
        """PKDECRYPT <keygrip>|<keyref>

Decrypt the data of SETDATA: an RSA ciphertext, or the ephemeral public
point of ECDH.  "S PADDING 0" tells that RSA padding was removed.""",
    ),
    "RANDOM": Handler(
        random,
        """RANDOM <n>

Return n random bytes from the card, at most 4096.""",
    ),
}
