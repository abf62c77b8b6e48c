"""Puts keys on a virtual card by the card's own commands (OpenPGP card 3.4), past any daemon."""

from __future__ import annotations

from dataclasses import dataclass

from backends.curves import CURVE25519, ED25519, NIST_P256, Curve, Form
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use
from scd.fingerprint import fingerprint
from tests.bed.card import ADMIN_PIN
from tests.bed.virtual_reader import Card
from tests.bed.weierstrass import WeierstrassKeys


@dataclass(frozen=True)
class Kind:
    """``attributes``: algorithm attributes (DO C1 to C3)."""

    attributes: bytes
    curve: Curve | None = None


#: Named as GnuPG names them in KEYPAIRINFO.
KINDS = {
    "rsa2048": Kind(bytes.fromhex("010800002000")),
    "ed25519": Kind(bytes.fromhex("162b06010401da470f01"), ED25519),
    "cv25519": Kind(bytes.fromhex("122b060104019755010501"), CURVE25519),
    "nistp256": Kind(bytes.fromhex("132a8648ce3d030107"), NIST_P256),
    "nistp256-ecdh": Kind(bytes.fromhex("122a8648ce3d030107"), NIST_P256),
}

_CRT = {1: b"\xb6\0", 2: b"\xb8\0", 3: b"\xa4\0"}
_USE = {1: Use.SIGN, 2: Use.DECRYPT, 3: Use.AUTHENTICATE}
_CREATED = 1_700_000_000


def set_algorithm(card: Card, slot: int, kind: str) -> None:
    """Change the algorithm attributes of a slot, 1 to 3; its key is gone."""
    _admin(card)
    _put(card, 0xC0 + slot, KINDS[kind].attributes)


def make_key(card: Card, slot: int, kind: str, created: int = _CREATED) -> PublicKey:
    """Generate a key in a slot, with fingerprint and creation time as GnuPG would set them."""
    curve = KINDS[kind].curve
    jcecard = hasattr(card, "_crypto")
    if jcecard and curve is not None and curve.form is Form.WEIERSTRASS:
        WeierstrassKeys(card, curve, [slot])
    set_algorithm(card, slot, kind)
    answer = _send(card, bytes.fromhex("00478000000002") + _CRT[slot] + b"\0\0")
    public = _public(answer, curve)
    _put(card, 0xC6 + slot, fingerprint(public, created, _USE[slot]))
    _put(card, 0xCD + slot, created.to_bytes(4))
    return public


def allow_several_signatures(card: Card, allow: bool) -> None:
    """Whether one PIN is good for several signatures (first byte of DO C4)."""
    _admin(card)
    _put(card, 0xC4, bytes([allow]))


def _admin(card: Card) -> None:
    card.power_on()
    _send(card, bytes.fromhex("00a4040006d27600012401"))
    pin = ADMIN_PIN.encode()
    _send(card, bytes([0, 0x20, 0, 0x83, len(pin)]) + pin)


def _put(card: Card, tag: int, value: bytes) -> None:
    _send(card, bytes([0, 0xDA, tag >> 8, tag & 255, len(value)]) + value)


def _send(card: Card, command: bytes) -> bytes:
    answer = card.process_apdu(command)
    collected = answer[:-2]
    while answer[-2] == 0x61:
        answer = card.process_apdu(bytes([0, 0xC0, 0, 0, answer[-1]]))
        collected += answer[:-2]
    assert answer[-2:] == b"\x90\0", f"{command[:4].hex()}: {answer[-2:].hex()}"
    return collected


def _public(answer: bytes, curve: Curve | None) -> PublicKey:
    """Read 7F49 { 81 n, 82 e | 86 point } (section 7.2.14)."""
    if curve is not None:
        point = answer[-curve.point_size :]
        return ECPublicKey(curve, point)
    at = answer.index(b"\x81\x82") + 2
    size = int.from_bytes(answer[at : at + 2])
    n, rest = answer[at + 2 : at + 2 + size], answer[at + 2 + size :]
    assert rest[0] == 0x82
    return RSAPublicKey(int.from_bytes(n), int.from_bytes(rest[2 : 2 + rest[1]]))
