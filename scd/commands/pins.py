"""PINs of cards and tokens: CHECKPIN and PASSWD."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from assuan.errors import AssuanError, Code
from assuan.options import Options
from assuan.server import Conversation, Handler
from backends.token import Attribute, PinRef
from scd.card import Card
from scd.changing import permit_admin
from scd.newpin import change_pin, keeper, reset_pin, unblock_pin
from scd.pin import verify
from scd.session import Session, is_hex, is_keygrip


async def checkpin(session: Session, args: bytes) -> None:
    name = Options(args).rest.decode("ascii", "replace")
    admin = name.endswith("[CHV3]")
    if admin:
        permit_admin(session)
    card = await _card_named(session, name.removesuffix("[CHV3]"))
    async with card.lane:
        if admin:
            await _check_admin_tries(card)
        await card.pins.end_if_over()
        ref = await _pin_ref(card, admin=admin)
        if not await card.call(card.token.is_verified, ref):
            await verify(session.conversation, card, ref)


async def _pin_ref(card: Card, *, admin: bool) -> PinRef:
    """Which PIN is checked.  PW1 is one PIN with two uses, and the token opens the other one
    along; the one for signing is named where only that is of use (scd/app-openpgp.c,
    verify_chv2)."""
    if not card.native:
        return PinRef.SO if admin else PinRef.USER
    if admin:
        return PinRef.PW3
    values = await card.call(card.token.attributes, {Attribute.KEY_FPR})
    others = values.get(Attribute.KEY_FPR, b"")[20:]
    return PinRef.PW1_82 if any(others) else PinRef.PW1_81


async def _card_named(session: Session, name: str) -> Card:
    """CHECKPIN names a card by ``<serial>[/<fingerprint>]`` or by the keygrip of a key on it."""
    serial = name.partition("/")[0]
    if is_keygrip(name):
        return await session.card_with(name)
    if not (is_hex(serial) and len(serial) == 32):
        raise AssuanError(Code.INV_ID)
    found = await session.registry.by_serial(serial)
    if found is None:
        raise AssuanError(Code.WRONG_CARD)
    return found


async def _check_admin_tries(card: Card) -> None:
    """The admin PIN is only tried when a mistake can do no harm (scd/app-openpgp.c,
    do_check_pin)."""
    values = await card.call(card.token.attributes, {Attribute.CHV_STATUS})
    status = values.get(Attribute.CHV_STATUS)
    if status is not None and status[6] == 0:
        raise AssuanError(Code.PIN_BLOCKED)
    if status is not None and status[6] < 3:
        raise AssuanError(Code.GENERAL, "fewer than three tries are left for the admin PIN")


_Dialogue = Callable[[Conversation, Card], Awaitable[None]]

#: What PASSWD does with an OpenPGP card, and with any other token: by --reset and the number
#: (scd/app-openpgp.c, do_change_pin).
_ON_CARD: Mapping[tuple[bool, int], _Dialogue] = {
    (False, 1): partial(change_pin, ref=PinRef.PW1_81),
    (False, 2): unblock_pin,
    (False, 3): partial(change_pin, ref=PinRef.PW3),
    (True, 1): partial(reset_pin, ref=PinRef.PW1_81, right=PinRef.PW3),
    (True, 2): partial(reset_pin, ref=PinRef.RC, right=PinRef.PW3),
}
_ON_TOKEN: Mapping[tuple[bool, int], _Dialogue] = {
    (False, 1): partial(change_pin, ref=PinRef.USER),
    (False, 2): unblock_pin,
    (False, 3): partial(change_pin, ref=PinRef.SO),
    (True, 1): partial(reset_pin, ref=PinRef.USER, right=PinRef.SO),
    # Refused by the token, in clear words: it has no such code.
    (True, 2): partial(reset_pin, ref=PinRef.RC, right=PinRef.SO),
}

#: What --clear takes back.
_CLEARED_ON_CARD: Mapping[int, tuple[PinRef, ...]] = {
    1: (PinRef.PW1_81, PinRef.PW1_82),
    2: (PinRef.PW1_82,),
    3: (PinRef.PW3,),
}
_CLEARED_ON_TOKEN: Mapping[int, tuple[PinRef, ...]] = {1: (PinRef.USER,), 3: (PinRef.SO,)}


async def passwd(session: Session, args: bytes) -> None:
    options = Options(args)
    number, _, grip = options.rest.decode("ascii", "replace").partition(" ")
    if not number:
        raise AssuanError(Code.ASS_PARAMETER, "no CHV number given")
    reset, clear = options.has("--reset"), options.has("--clear")
    if clear and (reset or options.has("--nullpin")):
        raise AssuanError(Code.UNSUPPORTED_OPERATION, "--clear used with other options")
    card = await session.card_with(grip.strip())
    if clear:
        await _clear(card, _number(number))
    else:
        await _dialogue(session, card, reset, _number(number))


def _number(text: str) -> int:
    digits = text[8:] if text.upper().startswith("OPENPGP.") else text
    if not (digits.isascii() and digits.isdigit()):
        raise AssuanError(Code.INV_ID)
    return int(digits)


async def _dialogue(session: Session, card: Card, reset: bool, number: int) -> None:
    dialogue = (_ON_CARD if card.native else _ON_TOKEN).get((reset, number))
    if dialogue is None:
        raise AssuanError(Code.INV_ID)
    if reset or number == 3:
        permit_admin(session)
    await dialogue(session.conversation, card)


async def _clear(card: Card, number: int) -> None:
    refs = (_CLEARED_ON_CARD if card.native else _CLEARED_ON_TOKEN).get(number)
    if refs is None:
        raise AssuanError(Code.INV_ID)
    async with card.lane:
        for ref in refs:
            await card.call(keeper(card).forget_pin, ref)


COMMANDS: dict[str, Handler[Session]] = {
    "CHECKPIN": Handler(
        checkpin,
        """CHECKPIN <serialno>|<keygrip>

Ask for the PIN of that card and verify it, without using a key.  With
"[CHV3]" behind the serial number, the admin PIN, unless a wrong one could
do harm.""",
    ),
    "PASSWD": Handler(
        passwd,
        """PASSWD [--reset] [--nullpin] [--clear] <chvno> [<keygrip>]

Change a PIN of the current card, or of the card that holds the key of that
keygrip.  <chvno>, or OPENPGP.<chvno>, says which one:

          1  the PIN               --reset 1  the PIN, by the admin PIN
          2  the PIN, by the       --reset 2  the resetting code, by the
             resetting code                   admin PIN; empty: none
          3  the admin PIN         --clear n  take back that it was verified

For a PKCS#11 token 1 is the user's PIN, 3 that of the security officer,
and --reset 1 the user's PIN by that of the security officer.  --nullpin is
accepted and means nothing to these cards.""",
    ),
}
