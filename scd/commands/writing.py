"""Data on a card: SETATTR and WRITECERT."""

from __future__ import annotations

from collections.abc import Callable

from assuan.errors import AssuanError, Code
from assuan.options import Options
from assuan.server import Handler
from backends.changes import Attest, Change, SetAlgorithm, SetAttribute, WriteCertificate
from backends.secret import wipe
from backends.token import Attribute
from scd.algorithms import key_attr, slot_ref
from scd.changing import change, permit_admin, writable
from scd.escape import unescape
from scd.session import Session

#: Bytes of an answer to VALUE and CERTDATA (scd/command.c, MAXLEN_SETATTRDATA, MAXLEN_CERTDATA).
_MAX_VALUE = 16384

#: What a card makes, counts or only sums up.
_READ_ONLY = {
    Attribute.AID,
    Attribute.KEY_FPR,
    Attribute.KEY_TIME,
    Attribute.CA_FPR,
    Attribute.CHV_STATUS,
    Attribute.SIG_COUNTER,
    Attribute.BUTTON,
    Attribute.KEY_STATUS,
    Attribute.ALGORITHM_INFORMATION,
}


def _attribute(attribute: Attribute) -> Callable[[bytes], Change]:
    return lambda value: SetAttribute(attribute, value)


def _certificate(number: int) -> Callable[[bytes], Change]:
    return lambda value: WriteCertificate(f"OPENPGP.{number}", value)


#: What each name means for the card.
_CHANGES: dict[str, Callable[[bytes], Change]] = {
    **{a.value: _attribute(a) for a in Attribute if a not in _READ_ONLY},
    **{f"CERT-{number}": _certificate(number) for number in (1, 2, 3)},
    "KEY-ATTR": lambda value: SetAlgorithm(*key_attr(value)),
    "GEN-ATTST": lambda value: Attest(slot_ref(value.decode("ascii", "replace"))),
}


async def setattr_(session: Session, args: bytes) -> None:
    options = Options(args)
    name, _, text = options.rest.partition(b" ")
    card = await session.current()
    writable(session, card)
    make = _CHANGES.get(name.decode("ascii", "replace").upper())
    if make is None:
        raise AssuanError(Code.INV_NAME)
    if options.has("--inquire"):
        wanted = make(await _inquired(session, "VALUE"))
    else:
        wanted = make(unescape(text.lstrip(b" \t")))
    async with card.lane:
        await change(session, card, wanted)


async def _inquired(session: Session, keyword: str) -> bytes:
    answer = await session.conversation.inquire(keyword, limit=_MAX_VALUE, confidential=True)
    try:
        return bytes(answer)
    finally:
        wipe(answer)


async def writecert(session: Session, args: bytes) -> None:
    ref = slot_ref(Options(args).rest.decode("ascii", "replace").strip())
    card = await session.current()
    writable(session, card)
    if card.native:
        permit_admin(session)
    wanted = WriteCertificate(ref, await _inquired(session, "CERTDATA"))
    async with card.lane:
        await change(session, card, wanted)


COMMANDS: dict[str, Handler[Session]] = {
    "SETATTR": Handler(
        setattr_,
        """SETATTR [--inquire] <name> <value>

Store a value on the current card, which takes the admin PIN, or the PIN
for PRIVATE-DO-1 and PRIVATE-DO-3.  The value is percent-plus-escaped; with
--inquire it is asked for as it is:

  INQUIRE VALUE

Names:

  DISP-NAME, DISP-LANG, DISP-SEX, PUBKEY-URL, LOGIN-DATA
  PRIVATE-DO-1 to -4
  CA-FPR-1 to -3   20 bytes
  CERT-1 to -3     a certificate in DER
  CHV-STATUS-1     one byte; 1: one PIN is good for several signatures
  KDF              how PINs are hashed, as the card wants it
  UIF-1 to -3      two bytes; the first: 0 no touch, 1 touch, 2 for good
  KEY-ATTR         --force <slot> <algorithm> <name>, which deletes the key:
                   --force 1 22 ed25519, --force 2 18 cv25519,
                   --force 3 19 nistp256, --force 1 1 rsa3072
  SM-KEY-ENC, SM-KEY-MAC, AESKEY
  GEN-ATTST        OPENPGP.<n>: have the card certify that it made that key""",
    ),
    "WRITECERT": Handler(
        writecert,
        """WRITECERT <keyref>

Store the X.509 certificate of the key OPENPGP.1, .2 or .3, in place of the
one there.  It is asked for by

  INQUIRE CERTDATA

and an empty answer removes the one there.""",
    ),
}
