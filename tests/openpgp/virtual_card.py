"""Virtual cards with keys: jcecard, put in order by raw APDUs, as a card issuer would."""

from __future__ import annotations

from pathlib import Path

from backends.curves import CURVE25519, ED25519, Curve, Form, encode_oid
from tests.bed.card import ADMIN_PIN, USER_PIN, openpgp_card
from tests.bed.virtual_reader import Card

PIN = USER_PIN.encode()
_ECDH, _ECDSA, _EDDSA = 18, 19, 22
#: SELECT, and VERIFY of PW3.
ADMIN = ("00A4040006D27600012401", f"00200083{len(ADMIN_PIN):02X}{ADMIN_PIN.encode().hex()}")
_CRT = {1: "B600", 2: "B800", 3: "A400"}


def rsa(nbits: int) -> bytes:
    """Algorithm attributes."""
    return b"\1" + nbits.to_bytes(2, "big") + bytes.fromhex("002000")


def ecc(curve: Curve, decrypts: bool = False) -> bytes:
    """Algorithm attributes."""
    signs = _EDDSA if curve.form is Form.EDWARDS else _ECDSA
    return bytes([_ECDH if decrypts else signs]) + encode_oid(curve.oid)


CURVE25519_KEYS = {1: ecc(ED25519), 2: ecc(CURVE25519, decrypts=True), 3: ecc(ED25519)}


def make_card(store: Path, keys: dict[int, bytes], serial: int = 1) -> Card:
    """A card with keys of these algorithm attributes in these slots, made on the card."""
    card: Card = openpgp_card(store, serial)
    make_keys(card, keys)
    return card


def make_keys(card: Card, keys: dict[int, bytes]) -> None:
    card.power_on()
    issue(card, *ADMIN)
    for slot, attributes in keys.items():
        issue(card, put(0xC0 + slot, attributes), "0047800002" + _CRT[slot])
    card.power_off()


def put(tag: int, value: bytes) -> str:
    return f"00DA{tag:04X}{len(value):02X}{value.hex()}"


def issue(card: Card, *apdus: str) -> None:
    for apdu in apdus:
        answer = card.process_apdu(bytes.fromhex(apdu))
        assert answer[-2:] == b"\x90\x00", apdu
