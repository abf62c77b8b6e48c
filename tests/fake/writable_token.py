"""A token of the PKCS#11 kind on which keys can be made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backends import changes
from backends.errors import NotFound, NotSupported, Occupied
from backends.token import Algorithm, ECAlgorithm, Key, PinRef, PinRequest, PublicKey, Use
from tests.fake import keys as soft
from tests.fake.token import FakeToken

_SIGN = Use.SIGN | Use.CERTIFY | Use.AUTHENTICATE
_USES = {"OPENPGP.1": _SIGN, "OPENPGP.2": Use.DECRYPT, "OPENPGP.3": _SIGN}


class WritableToken(FakeToken):
    """Empty at first.  Makes keys on elliptic curves only."""

    def __init__(self, number: int = 1) -> None:
        super().__init__(number)
        self._made: list[tuple[Key, soft.SoftKey]] = []
        self._certificates: dict[str, bytes] = {}

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        return [replace(key, certificate=key.ref in self._certificates) for key, _ in self._made]

    def remove(self, ref: str) -> None:
        """As another program may do."""
        self._made = [(key, secret) for key, secret in self._made if key.ref != ref]

    def certificate(self, ref: str) -> bytes | None:
        return self._certificates.get(ref)

    def sign(self, key: Key, tbs: bytes, pin: bytearray | None) -> bytes:
        self._authorize(pin)
        return soft.sign(self._private(key.ref), tbs)

    def decrypt(self, key: Key, ciphertext: bytes, pin: bytearray | None) -> bytes:
        self._authorize(pin)
        return soft.decrypt(self._private(key.ref), ciphertext)

    def is_occupied(self, ref: str) -> bool:
        if ref not in _USES:
            raise NotFound(f"no slot {ref}")
        return False

    def pin_for_change(self, change: changes.Change) -> PinRequest | None:
        match change:
            case changes.GenerateKey(ref, _, algorithm):
                self.is_occupied(ref)
                _curve(algorithm)
            case changes.WriteKey(ref, _, private):
                self.is_occupied(ref)
                self._refuse_twice(private.public)
            case changes.WriteCertificate(ref):
                self._private(ref)
            case _:
                raise NotSupported("a token has no such thing")
        return None if self.is_verified(PinRef.USER) else self.pin_named(PinRef.USER)

    def change(self, change: changes.Change, pin: bytearray | None) -> PublicKey | None:
        self._authorize(pin)
        self.pin_for_change(change)
        match change:
            case changes.GenerateKey(ref, _, algorithm):
                return self._keep(ref, soft.generate(_curve(algorithm)))
            case changes.WriteKey(ref, _, private):
                self._keep(ref, soft.load(private))
            case changes.WriteCertificate(ref, der):
                self._certificates = {**self._certificates, ref: der}
        return None

    def _keep(self, ref: str, secret: soft.SoftKey) -> PublicKey:
        public = soft.public_key(secret)
        key = Key(f"P11.{len(self._made):016X}", _USES[ref], public)
        self._made.append((key, secret))
        return public

    def _private(self, ref: str) -> soft.SoftKey:
        for key, secret in self._made:
            if key.ref == ref:
                return secret
        raise NotFound(f"no key {ref}")

    def _refuse_twice(self, public: PublicKey) -> None:
        if public in [key.public for key, _ in self._made]:
            raise Occupied("the key is there already")


def _curve(algorithm: Algorithm | None) -> ECAlgorithm:
    if not isinstance(algorithm, ECAlgorithm):
        raise NotSupported("the token has no CKM_RSA_PKCS_KEY_PAIR_GEN for this")
    return algorithm
