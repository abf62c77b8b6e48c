"""A token in memory, for what no real part can be made to do: waiting, failing and vanishing on
command.  It obeys the contract tests like the real ones."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from backends.curves import ED25519, NIST_P256
from backends.errors import BadInput, BadPin, PinBlocked, PinNeeded, Removed, TokenError
from backends.token import (
    Algorithm,
    Attribute,
    Capabilities,
    ECPublicKey,
    Key,
    PinRef,
    PinRequest,
    Place,
    Token,
    TokenInfo,
    Use,
)

PIN = b"314159"

_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
_POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


class FakeToken:
    """Two software keys: Ed25519 to sign with and P-256 to decrypt with.

    ``before``: called at the beginning of every operation; may wait or raise a TokenError.
    """

    def __init__(self, number: int = 1) -> None:
        self._signer = ed25519.Ed25519PrivateKey.generate()
        self._decrypter = ec.generate_private_key(ec.SECP256R1())
        self._verified = False
        self._closed = False
        self.tries = 3
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

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        signer = self._signer.public_key().public_bytes(*_RAW)
        decrypter = self._decrypter.public_key().public_bytes(*_POINT)
        keys = (
            Key("P11.5167", Use.SIGN | Use.AUTHENTICATE, ECPublicKey(ED25519, signer)),
            Key("P11.DEC0", Use.DECRYPT, ECPublicKey(NIST_P256, decrypter)),
        )
        return keys[:1] if self.hides and not self._verified else keys

    def algorithms(self) -> Sequence[Algorithm | None]:
        return ()

    def attributes(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        return {}

    def remembered(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        return {}

    def certificate(self, ref: str) -> bytes | None:
        return None

    def pin_for(self, key: Key) -> PinRequest | None:
        return None if self._verified else self.pin_named(PinRef.USER)

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
        if not self.tries:
            raise PinBlocked("no tries left")
        return PinRequest(ref, self.info.name, self.tries, min_length=4)

    def verify_pin(self, ref: PinRef, pin: bytearray | None) -> None:
        assert pin is not None
        self._verified = bytes(pin) == PIN
        self.tries = 3 if self._verified else self.tries - 1
        if not self._verified:
            raise BadPin(tries_left=self.tries)

    def is_verified(self, ref: PinRef) -> bool:
        return self._verified

    def touch_wanted(self, key: Key) -> bool:
        return False

    def random(self, n: int) -> bytes:
        return secrets.token_bytes(n)

    def reset(self) -> None:
        self._verified = False

    def close(self) -> None:
        self._closed = True

    def _authorize(self, pin: bytearray | None) -> None:
        if self._closed:
            raise Removed("the token was closed")
        self.before()
        if pin is not None:
            self.verify_pin(PinRef.USER, pin)
        if not self._verified:
            raise PinNeeded("the PIN is not verified")


class FakeProvider:
    """Tokens by the name of their place.  ``gate``: present() waits until it is set."""

    def __init__(self, name: str, **tokens: FakeToken) -> None:
        self.name = name
        self.tokens: dict[str, FakeToken] = tokens
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.looks = 0

    def present(self) -> Sequence[Place]:
        self.looks += 1
        self.gate.wait()
        if self.error is not None:
            raise self.error
        return [Place(name, token.info.serial) for name, token in self.tokens.items()]

    def open(self, place: Place) -> Token | None:
        token = self.tokens.get(place.name)
        if token is None:
            raise TokenError("gone again")
        return token

    def close(self) -> None:
        self.gate.set()


class FakeReaders(FakeProvider):
    """A provider that is told of changes, as the PC/SC one is."""

    def __init__(self, name: str, **tokens: FakeToken) -> None:
        super().__init__(name, **tokens)
        self._change = threading.Semaphore(0)
        self._closed = False

    def tell(self) -> None:
        """Something has changed."""
        self._change.release()

    def wait_for_change(self) -> bool:
        self._change.acquire()
        return not self._closed

    def close(self) -> None:
        super().close()
        self._closed = True
        self._change.release()
