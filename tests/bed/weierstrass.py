"""Keys of the NIST, brainpool and secp256k1 curves for jcecard, which makes only Curve25519's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from backends.curves import (
    BRAINPOOL_P256,
    BRAINPOOL_P384,
    BRAINPOOL_P512,
    NIST_P256,
    NIST_P384,
    NIST_P521,
    SECP256K1,
    Curve,
)
from backends.openpgp import tlv
from tests.bed.virtual_reader import Card

if TYPE_CHECKING:
    from jcecard.crypto_backend import DecryptionResult, GeneratedKey, SignatureResult

CURVES: dict[Curve, ec.EllipticCurve] = {
    NIST_P256: ec.SECP256R1(),
    NIST_P384: ec.SECP384R1(),
    NIST_P521: ec.SECP521R1(),
    BRAINPOOL_P256: ec.BrainpoolP256R1(),
    BRAINPOOL_P384: ec.BrainpoolP384R1(),
    BRAINPOOL_P512: ec.BrainpoolP512R1(),
    SECP256K1: ec.SECP256K1(),
}

#: By the length of what is signed; any will do, since the card is given the bare hash.
HASHES: dict[int, hashes.HashAlgorithm] = {
    32: hashes.SHA256(),
    48: hashes.SHA384(),
    64: hashes.SHA512(),
}

_SLOTS = {"SIGNATURE": 1, "DECRYPTION": 2, "AUTHENTICATION": 3}


class WeierstrassKeys:
    """Puts one key of a curve into some slots of a jcecard, by pyca/cryptography.

    It gives signatures and shared secrets as openpgp/cards/yubikey-5.4.3.txt shows a real card
    doing; or the latter as 04 X Y, if ``whole_point``, which other cards do.
    """

    def __init__(
        self,
        card: Card,
        curve: Curve,
        slots: Collection[int] = (1, 2, 3),
        whole_point: bool = False,
    ) -> None:
        self._private = ec.generate_private_key(CURVES[curve])
        self._curve = curve
        self._slots = slots
        self._whole_point = whole_point
        backend = card._crypto  # type: ignore[attr-defined]
        methods: dict[str, Callable[..., object]] = {
            "generate_curve25519_key": self._generate,
            "has_key": lambda: True,
            "sign": self._sign,
            "decrypt_ecdh": self._agree,
        }
        for name, ours in methods.items():
            setattr(backend, name, self._for_our_slots(ours, getattr(backend, name)))

    def _for_our_slots(
        self, ours: Callable[..., object], others: Callable[..., object]
    ) -> Callable[..., object]:
        """A method of the backend, whose last argument is always the slot."""

        def method(*args: Any) -> object:
            own = _SLOTS[args[-1].name] in self._slots
            return ours(*args[:-1]) if own else others(*args)

        return method

    def _generate(self) -> GeneratedKey:
        point = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        from jcecard.crypto_backend import GeneratedKey

        template = tlv.encode(0x7F49, tlv.encode(0x86, point))
        return GeneratedKey(template, b"elsewhere", bytes(20), 0)

    def _sign(self, digest: bytes) -> SignatureResult:
        from jcecard.crypto_backend import SignatureResult

        algorithm = ec.ECDSA(utils.Prehashed(HASHES[len(digest)]))
        r, s = utils.decode_dss_signature(self._private.sign(digest, algorithm))
        size = self._curve.size
        return SignatureResult(r.to_bytes(size) + s.to_bytes(size), True)

    def _agree(self, point: bytes) -> DecryptionResult:
        from jcecard.crypto_backend import DecryptionResult

        peer = ec.EllipticCurvePublicKey.from_encoded_point(CURVES[self._curve], point)
        x = self._private.exchange(ec.ECDH(), peer)
        # Y is of no interest to anybody: its place is what counts.
        return DecryptionResult(b"\4" + x + bytes(len(x)) if self._whole_point else x, True)
