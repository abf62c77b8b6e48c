"""Keys that come to a card: GENKEY and WRITEKEY."""

from __future__ import annotations

import time
from calendar import timegm
from collections.abc import Iterator
from functools import partial

import trio

from assuan.errors import AssuanError, Code
from assuan.options import Options
from assuan.server import Handler
from backends.changes import GenerateKey, Stamp, WriteKey
from backends.curves import Form, encode_oid
from backends.secret import wipe
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use
from scd.algorithms import named_algorithm, slot_ref, slot_use
from scd.card import Card
from scd.changing import change, permit_admin, writable
from scd.fingerprint import fingerprint, kek_params
from scd.keydata import KeyData, read_keydata
from scd.session import Session
from scd.sexp import prefixed_point
from scd.waiting import show_progress

#: Bytes of an answer to KEYDATA (scd/command.c, MAXLEN_KEYDATA).
_MAX_KEYDATA = 4096

#: Hex digits of one KEY-DATA line (scd/app-openpgp.c, send_key_data).
_MAX_DIGITS = 768

Line = tuple[str, str]


async def genkey(session: Session, args: bytes) -> None:
    options = Options(args)
    created = _timestamp(options)
    ref = slot_ref(_first_word(options, "no key number given"), number=True)
    name = options.value("--algo")
    algorithm = named_algorithm(name.decode("ascii", "replace"), ref) if name else None
    card = await session.current()
    wanted = GenerateKey(ref, _stamp(created, ref), algorithm)
    async with card.lane:
        await _require_room(session, card, ref, force=options.has("--force"))
        public = await change(session, card, wanted, show_progress)
    assert public is not None
    for keyword, text in _description(public, wanted):
        await session.conversation.status(keyword, text)


def _timestamp(options: Options) -> int:
    """``--timestamp=yyyymmddThhmmss``, in UTC, as seconds since the epoch; else now."""
    value = options.value("--timestamp")
    if value is None:
        return int(time.time())
    if not value:
        raise AssuanError(Code.ASS_PARAMETER, "missing value for option")
    try:
        created = timegm(time.strptime(value.decode("ascii", "replace"), "%Y%m%dT%H%M%S"))
    except ValueError:
        created = 0
    # Four bytes on the card and in the OpenPGP key.
    if not 0 < created < 2**32:
        raise AssuanError(Code.ASS_PARAMETER, "invalid time value")
    return created


def _first_word(options: Options, complaint: str) -> str:
    words = options.rest.split()
    if not words:
        raise AssuanError(Code.ASS_PARAMETER, complaint)
    return words[0].decode("ascii", "replace")


def _stamp(created: int, ref: str, kdf: bytes | None = None) -> Stamp:
    return Stamp(created, partial(fingerprint, created=created, use=slot_use(ref), kdf=kdf))


async def _require_room(session: Session, card: Card, ref: str, *, force: bool) -> None:
    token = writable(session, card)
    if not force and await card.call(token.is_occupied, ref):
        raise AssuanError(Code.EEXIST, f"there is a key in {ref}")


def _description(public: PublicKey, made: GenerateKey) -> Iterator[Line]:
    """What GnuPG tells of a new key, in its order (scd/app-openpgp.c, do_genkey and
    read_public_key)."""
    yield "KEY-CREATED-AT", str(made.stamp.created)
    for name, value in _key_data(public, slot_use(made.ref)):
        digits = value.hex().upper()
        while len(digits) > _MAX_DIGITS:
            yield "KEY-DATA", f"- {digits[:_MAX_DIGITS]}"
            digits = digits[_MAX_DIGITS:]
        yield "KEY-DATA", f"{name} {digits}"
    yield "KEY-FPR", made.stamp.fingerprint(public).hex().upper()


def _key_data(public: PublicKey, use: Use) -> Iterator[tuple[str, bytes]]:
    if isinstance(public, RSAPublicKey):
        yield "n", public.n.to_bytes(public.size, "big")
        yield "e", public.e.to_bytes((public.e.bit_length() + 7) // 8, "big")
        return
    oid = encode_oid(public.curve.oid)
    yield "q", prefixed_point(public)
    yield "curve", bytes([len(oid)]) + oid
    if use is Use.DECRYPT:
        yield "kdf/kek", kek_params(public.curve)


async def writekey(session: Session, args: bytes) -> None:
    options = Options(args)
    ref = slot_ref(_first_word(options, "no keyid given"))
    card = await session.current()
    writable(session, card)
    if card.native:
        permit_admin(session)
    data = await _keydata(session)
    _require_slot(data.private.public, ref)
    wanted = WriteKey(ref, _stamp(data.created, ref, data.kdf), data.private)
    async with card.lane:
        await _require_room(session, card, ref, force=options.has("--force"))
        await change(session, card, wanted)


async def _keydata(session: Session) -> KeyData:
    answer = await session.conversation.inquire("KEYDATA", limit=_MAX_KEYDATA, confidential=True)
    try:
        # Large RSA keys take a moment to check.
        return await trio.to_thread.run_sync(read_keydata, answer)
    finally:
        wipe(answer)


def _require_slot(public: PublicKey, ref: str) -> None:
    """Curves that only sign, or only agree on keys, fit the slots for that and no others."""
    if isinstance(public, ECPublicKey) and public.curve.form is not Form.WEIERSTRASS:
        agrees = public.curve.form is Form.MONTGOMERY
        if agrees is not (slot_use(ref) is Use.DECRYPT):
            raise AssuanError(Code.WRONG_PUBKEY_ALGO, f"no key for {ref}")


COMMANDS: dict[str, Handler[Session]] = {
    "GENKEY": Handler(
        genkey,
        """GENKEY [--force] [--timestamp=<isodate>] [--algo=<algo>] <keyref>

Make a key pair on the current card, in the slot 1, 2 or 3 (or OPENPGP.1 to
OPENPGP.3).  A key that is there already is only replaced with --force.
--timestamp=yyyymmddThhmmss is its time of creation, --algo (rsa2048,
ed25519, cv25519, nistp256 ...) its algorithm if it shall not be the one that
the slot is set to.  Meanwhile and afterwards is told:

  S PROGRESS card_busy . <seconds> 0
  S KEY-CREATED-AT <epoch>
  S KEY-DATA n|e|q|curve|kdf/kek|- <hex>
  S KEY-FPR <hex>

A value that is too long for one line is continued in the next; its first
parts bear the name "-".""",
    ),
    "WRITEKEY": Handler(
        writekey,
        """WRITEKEY [--force] <keyref>

Store a private key in the slot OPENPGP.1, .2 or .3 of the current card.  A
key that is there already is only replaced with --force.  The key, without
protection and with its time of creation, is asked for by

  INQUIRE KEYDATA""",
    ),
}
