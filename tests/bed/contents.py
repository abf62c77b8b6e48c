"""What is on an OpenPGP card, object by object, read by raw commands past any daemon.

What no two cards share is put into words: key material, fingerprints, times, salts.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.errors import Broken
from backends.openpgp import tlv
from backends.openpgp.algorithms import parse_algorithm, parse_public_key
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use
from scd.fingerprint import fingerprint
from tests.bed.raw_card import SUCCESS, RawCard

_CONSTRUCTED = frozenset({0x65, 0x6E, 0x73, 0x7A})
#: For GET DATA.  Some of them stand in constructed ones too: cards may say different things there.
_TAGS = (
    *(0x4F, 0x5E, 0x65, 0x6E, 0x7A, 0xC4, 0xF9, 0xFA, 0x5F50, 0x5F52, 0x7F74),
    *(0xD6, 0xD7, 0xD8, 0x0101, 0x0102, 0x0103, 0x0104),
)
_APPLICATION, _DISCRETIONARY, _FINGERPRINTS, _TIMES, _KDF = 0x6E, 0x73, 0xC5, 0xCD, 0xF9
_CRT = {1: "B600", 2: "B800", 3: "A400"}
_USE = {1: Use.SIGN, 2: Use.DECRYPT, 3: Use.AUTHENTICATE}


def contents(card: RawCard) -> dict[str, str]:
    """All objects, and status words where nothing can be read."""
    found: dict[str, str] = {}
    for tag in _TAGS:
        data, status = card.send(f"00CA{tag:04X}00")
        found |= dict(_described(tag, data)) if status == SUCCESS else {f"{tag:04X}": status}
    for occurrence in (2, 1, 0):  # the first stays selected: it is that of slot 3
        card.send(f"00A5{occurrence:02X}040660045C027F21")
        data, status = card.send("00CA7F2100")
        found[f"7F21 of slot {3 - occurrence}"] = data.hex() if status == SUCCESS else status
    return found | {f"key {slot}": _key(card, slot) for slot in _CRT}


def _described(tag: int, data: bytes) -> Iterator[tuple[str, str]]:
    """The object, or those in it."""
    if tag in _CONSTRUCTED:
        for inner, value in tlv.parse(tlv.unwrap(tag, data)):
            yield from _described(inner, value)
    elif tag == _KDF:
        for inner, value in tlv.parse(tlv.unwrap(tag, data)):
            yield f"00F9 {inner:02X}", value.hex() if inner == 0x81 else f"{len(value)} bytes"
    elif tag not in (_FINGERPRINTS, _TIMES):
        yield f"{tag:04X}", data.hex()


def _key(card: RawCard, slot: int) -> str:
    """What key is in a slot, and whether fingerprint and time are those of this key."""
    application = tlv.unwrap(_APPLICATION, card.send("00CA006E00")[0])
    objects = dict(tlv.parse(tlv.find(application, _DISCRETIONARY) or b""))
    stored = objects[_FINGERPRINTS][20 * slot - 20 : 20 * slot]
    created = int.from_bytes(objects[_TIMES][4 * slot - 4 : 4 * slot])
    known = f"{'some' if any(stored) else 'no'} fingerprint, {'some' if created else 'no'} time"
    answer, status = card.send(f"0047810002{_CRT[slot]}00")
    if status != SUCCESS:
        return f"{status}, {known}"
    try:
        public = parse_public_key(answer, parse_algorithm(objects[0xC0 + slot]))
    except Broken:
        return f"does not fit its attributes, {known}"
    if fingerprint(public, created, _USE[slot]) == stored:
        known = "with its own fingerprint and time"
    return f"{_kind(public)}, {known}"


def _kind(public: PublicKey) -> str:
    match public:
        case RSAPublicKey(n=n):
            return f"rsa{n.bit_length()}"
        case ECPublicKey(curve=curve):
            return curve.algo
