"""A token of the PKCS#11 kind."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from backends.curves import ED25519, NIST_P256
from backends.errors import BadInput, NotSupported, PinNeeded, Removed
from backends.token import (
    Algorithm,
    Attribute,
    Capabilities,
    ECPublicKey,
    Key,
    PinRef,
    PinRequest,
    TokenInfo,
    Use,
)
from tests.fake.pins import FakePins

PIN, SO_PIN = b"314159", b"27182818"

_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
_POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


class FakeToken:
    """Two software keys: Ed25519 to sign with and P-256 to decrypt with.

    ``before``: called at the beginning of every operation; may wait or raise a TokenError.
    """

    def __init__(self, number: int = 1) -> None:
        self._signer = ed25519.Ed25519PrivateKey.generate()
        self._decrypter = ec.generate_private_key(ec.SECP256R1())
        self.pins = FakePins({PinRef.USER: PIN, PinRef.SO: SO_PIN})
        self._closed = False
        #: Whether the second key is seen after the login only.
        self.hides = False
        self.before: Callable[[], None] = lambda: None
        self.info = TokenInfo(
            serial=f"D2760001240103 04FF00 {number:08X} 0000".replace(" ", ""),
            app="pkcs11",
            place=f"fake {number}",
            name=f"fake {number}",
            display_serial=f"FF00 {number:08X}",
            version=0x0304,
            manufacturer=0xFF00,
            capabilities=Capabilities(get_challenge=True),
        )

    @property
    def tries(self) -> int:
        return self.pins.tries[PinRef.USER]

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        signer = self._signer.public_key().public_bytes(*_RAW)
        decrypter = self._decrypter.public_key().public_bytes(*_POINT)
        keys = (
            Key("P11.5167", Use.SIGN | Use.AUTHENTICATE, ECPublicKey(ED25519, signer)),
            Key("P11.DEC0", Use.DECRYPT, ECPublicKey(NIST_P256, decrypter)),
        )
        return keys[:1] if self.hides and not self.pins.verified else keys

    def algorithms(self) -> Sequence[Algorithm | None]:
        return ()

    def attributes(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        return {}

    def remembered(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        return {}

    def certificate(self, ref: str) -> bytes | None:
        return None

    def pin_for(self, key: Key) -> PinRequest | None:
        return None if self.is_verified(PinRef.USER) else self.pin_named(PinRef.USER)

    def sign(self, key: Key, tbs: bytes, pin: bytearray | None) -> bytes:
        self._authorize(pin)
        return self._signer.sign(tbs)

    def decrypt(self, key: Key, ciphertext: bytes, pin: bytearray | None) -> bytes:
        self._authorize(pin)
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ciphertext)
        except ValueError:
            raise BadInput("not a point of the curve") from None
        return self._decrypter.exchange(ec.ECDH(), peer)

    def pin_named(self, ref: PinRef) -> PinRequest:
        return self.pins.request(ref, self.info.name)

    def verify_pin(self, ref: PinRef, pin: bytearray | None) -> None:
        self.pins.verify(ref, pin)

    def is_verified(self, ref: PinRef) -> bool:
        return ref in self.pins.verified

    def new_pin(self, ref: PinRef) -> PinRequest:
        return self.pins.limits(ref)

    def change_pin(self, ref: PinRef, old: bytearray | None, new: bytearray | None) -> None:
        self.pins.change(ref, old, new)

    def reset_pin(self, ref: PinRef, pin: bytearray | None, new: bytearray) -> None:
        self.pins.verify(PinRef.SO, pin)
        self.pins.set(ref, new)

    def unblock_pin(self, code: bytearray, new: bytearray) -> None:
        raise NotSupported("there is no resetting code")

    def forget_pin(self, ref: PinRef) -> None:
        self.pins.verified.discard(ref)

    def settle(self) -> None:
        """Nothing is ever put off."""

    def touch_wanted(self, key: Key) -> bool:
        return False

    def random(self, n: int) -> bytes:
        return secrets.token_bytes(n)

    def reset(self) -> None:
        self.pins.verified.clear()

    def close(self) -> None:
        self._closed = True

    def _authorize(self, pin: bytearray | None) -> None:
        if self._closed:
            raise Removed("the token was closed")
        self.before()
        if pin is not None:
            self.verify_pin(PinRef.USER, pin)
        if not self.is_verified(PinRef.USER):
            raise PinNeeded("the PIN is not verified")
