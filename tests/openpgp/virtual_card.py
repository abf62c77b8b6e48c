"""Virtual cards with keys: jcecard, put in order by raw APDUs, as a card issuer would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from backends.curves import (
    BRAINPOOL_P256,
    CURVE25519,
    ED25519,
    NIST_P256,
    NIST_P384,
    NIST_P521,
    SECP256K1,
    Curve,
    Form,
)
from backends.openpgp import tlv
from backends.openpgp.algorithms import encode_oid
from tests.bed.card import ADMIN_PIN, USER_PIN, openpgp_card
from tests.bed.virtual_reader import Card

if TYPE_CHECKING:
    from jcecard.crypto_backend import DecryptionResult, GeneratedKey, SignatureResult

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


WEIERSTRASS = {
    NIST_P256: ec.SECP256R1(),
    NIST_P384: ec.SECP384R1(),
    NIST_P521: ec.SECP521R1(),
    BRAINPOOL_P256: ec.BrainpoolP256R1(),
    SECP256K1: ec.SECP256K1(),
}
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


class WeierstrassKeys:
    """Puts keys of one curve into a jcecard, which has none but Curve25519's, by pyca/cryptography.

    It gives signatures and shared secrets as cards/yubikey-5.4.3.txt shows a real card doing; or
    the latter as 04 X Y, if ``whole_point``, which other cards do.
    """

    def __init__(self, card: Card, curve: Curve, whole_point: bool = False) -> None:
        self._private = ec.generate_private_key(WEIERSTRASS[curve])
        self._curve = curve
        self._whole_point = whole_point
        backend = card._crypto  # type: ignore[attr-defined]
        backend.generate_curve25519_key = self._generate
        backend.has_key = lambda slot: True
        backend.sign = self._sign
        backend.decrypt_ecdh = self._agree

    def _generate(self, slot: object) -> GeneratedKey:
        point = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        from jcecard.crypto_backend import GeneratedKey

        template = tlv.encode(0x7F49, tlv.encode(0x86, point))
        return GeneratedKey(template, b"elsewhere", bytes(20), 0)

    def _sign(self, digest: bytes, slot: object = None) -> SignatureResult:
        from jcecard.crypto_backend import SignatureResult

        algorithm = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
        r, s = utils.decode_dss_signature(self._private.sign(digest, algorithm))
        size = self._curve.size
        return SignatureResult(r.to_bytes(size, "big") + s.to_bytes(size, "big"), True)

    def _agree(self, point: bytes, slot: object) -> DecryptionResult:
        from jcecard.crypto_backend import DecryptionResult

        peer = ec.EllipticCurvePublicKey.from_encoded_point(WEIERSTRASS[self._curve], point)
        x = self._private.exchange(ec.ECDH(), peer)
        # Y is of no interest to anybody: its place is what counts.
        return DecryptionResult(b"\4" + x + bytes(len(x)) if self._whole_point else x, True)
