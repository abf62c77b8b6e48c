"""Using keys: SETDATA, PKSIGN, PKAUTH, PKDECRYPT, CHECKPIN and RANDOM."""

from __future__ import annotations

from assuan.errors import AssuanError, Code
from assuan.options import Options
from assuan.server import Handler
from backends.token import Attribute, PinRef, Use
from scd import digest
from scd.card import Card
from scd.pin import verify, with_pin
from scd.session import Session, is_hex, is_keygrip

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
    await _sign(session, Options(args).rest, None, auth=True)


async def _sign(session: Session, name: bytes, hash_name: str | None, *, auth: bool) -> None:
    _require_data(session)
    use = Use.AUTHENTICATE if auth else Use.SIGN
    card, key = await session.find_key(name.decode("ascii", "replace"), use)
    if not key.key.use & (Use.SIGN | Use.AUTHENTICATE):
        raise AssuanError(Code.WRONG_KEY_USAGE)
    tbs = digest.normalise(key.key.public, session.data, hash_name, auth=auth)
    signature = await with_pin(session.conversation, card, key, card.token.sign, tbs)
    await session.conversation.data(signature)


async def pkdecrypt(session: Session, args: bytes) -> None:
    _require_data(session)
    name = Options(args).rest.decode("ascii", "replace")
    card, key = await session.find_key(name, Use.DECRYPT)
    if Use.DECRYPT not in key.key.use:
        raise AssuanError(Code.WRONG_KEY_USAGE)
    ciphertext = digest.decrypt_input(key.key.public, session.data)
    plain = await with_pin(session.conversation, card, key, card.token.decrypt, ciphertext)
    # Tells gpg-agent that the padding is gone already.
    await session.conversation.status("PADDING", "0")
    await session.conversation.data(digest.decrypt_output(key.key.public, plain))


def _require_data(session: Session) -> None:
    if not session.data:
        raise AssuanError(Code.INV_VALUE)


async def checkpin(session: Session, args: bytes) -> None:
    name = Options(args).rest.decode("ascii", "replace")
    admin = name.endswith("[CHV3]")
    card = await _card_named(session, name.removesuffix("[CHV3]"))
    async with card.lane:
        if admin:
            await _check_admin_tries(card)
        await verify(session.conversation, card, await _pin_ref(card, admin=admin))


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
        card, _ = await session.find_key(name)
        return card
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
        """PKAUTH <keygrip>|<keyref>

Sign the data of SETDATA for authentication, as SSH wants it.""",
    ),
    "PKDECRYPT": Handler(
        pkdecrypt,
        """PKDECRYPT <keygrip>|<keyref>

Decrypt the data of SETDATA: an RSA ciphertext, or the ephemeral public
point of ECDH.  "S PADDING 0" tells that RSA padding was removed.""",
    ),
    "CHECKPIN": Handler(
        checkpin,
        """CHECKPIN <serialno>|<keygrip>

Ask for the PIN of that card and verify it, without using a key.  With
"[CHV3]" behind the serial number, the admin PIN, unless a wrong one could
do harm.""",
    ),
    "RANDOM": Handler(
        random,
        """RANDOM <n>

Return n random bytes from the card, at most 4096.""",
    ),
}
