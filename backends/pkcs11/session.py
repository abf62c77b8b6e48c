"""One token in the worker: its session, its login, its keys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from backends.errors import BadPin, NotFound, NotSupported, PinNeeded, TokenError
from backends.pkcs11.cka import CKA, CKF, CKM, CKO
from backends.pkcs11.failures import SessionLost
from backends.pkcs11.mechanisms import (
    check_signature,
    derive_parameter,
    shared_secret,
    sign_mechanism,
)
from backends.pkcs11.messages import wipe
from backends.pkcs11.module import Module, Session, Slot
from backends.pkcs11.objects import Pair, RawObject, read_pairs
from backends.pkcs11.publickey import is_wrapped
from backends.token import ECPublicKey, RSAPublicKey


class Pin:
    """A PIN on its way to the token, for one login; None: it is typed at the token's PIN pad."""

    def __init__(self, secret: bytearray | None) -> None:
        self._secret = secret
        #: It has been handed to the module, and must not be handed over again by itself.
        self.spent = False

    def __bool__(self) -> bool:
        return self._secret is not None

    def spend(self) -> bytearray | None:
        self.spent = True
        return self._secret

    def text(self) -> str | None:
        """As python-pkcs11 wants it, which makes a copy that cannot be wiped."""
        if self._secret is None:
            return None
        try:
            text = self._secret.decode()
        except UnicodeDecodeError:
            raise BadPin("the PIN is not UTF-8") from None
        self.spent = True
        return text

    def wipe(self) -> None:
        wipe(self._secret)


class TokenSession:
    """One session with a token, opened at once.

    It is never a session that logged in by being opened: closing such a one would log out.
    """

    def __init__(self, module: Module, slot: Slot) -> None:
        self._module = module
        self.slot = slot
        self._session: Session = module.open(slot)
        self._pairs: list[Pair] | None = None
        self.notes: list[str] = []

    @property
    def logged_in(self) -> bool:
        """As the module says."""
        return self._module.cryptoki.logged_in(self._session.number)

    @property
    def _open(self) -> bool:
        return not self.slot.flags & CKF.LOGIN_REQUIRED or self.logged_in

    @property
    def _has_pad(self) -> bool:
        return bool(self.slot.flags & CKF.PROTECTED_AUTHENTICATION_PATH)

    def log_in(self, pin: Pin) -> None:
        """C_Login, once.  Raises PinNeeded without a PIN on a token that has no PIN pad."""
        if not pin and not self._has_pad:
            raise PinNeeded("the token wants its PIN")
        self._pairs = None
        self._module.cryptoki.log_in(self._session.number, pin.spend())

    def log_out(self) -> None:
        self._pairs = None
        self._module.cryptoki.log_out(self._session.number)

    def close(self) -> None:
        with suppress(TokenError):
            self._session.close()

    def random(self, n: int) -> bytes:
        return self._session.random(n)

    # -- keys ----------------------------------------------------------------------------------

    def pairs(self) -> list[Pair]:
        """All key pairs that can be told now; read afresh after a login."""
        if self._pairs is None:
            self.notes = []
            objects = [raw for kind in CKO for raw in self._session.objects(kind)]
            self._pairs = read_pairs(objects, all_visible=self._open, note=self.notes.append)
        return self._pairs

    def forget_pairs(self) -> None:
        self._pairs = None

    def certificate(self, ref: str) -> bytes | None:
        return self._pair(ref).der

    def _pair(self, ref: str) -> Pair:
        for pair in self.pairs():
            if pair.ref == ref:
                return pair
        raise NotFound(f"no key {ref} on this token")

    def _private(self, ref: str) -> tuple[Pair, RawObject]:
        pair = self._pair(ref)
        if pair.private_object is None:
            raise NotFound(f"the private key of {ref} is not on this token")
        return pair, pair.private_object

    # -- operations ----------------------------------------------------------------------------

    def sign(self, ref: str, tbs: bytes, pin: Pin) -> bytes:
        pair, key = self._unlocked(ref, pin)
        mechanism = sign_mechanism(pair.public)
        signature = self._with_key(
            key, pin, lambda text: self._session.sign(key, mechanism, tbs, text)
        )
        return check_signature(pair.public, signature)

    def decrypt(self, ref: str, data: bytes, pin: Pin) -> bytes:
        pair, key = self._unlocked(ref, pin)
        if isinstance(pair.public, RSAPublicKey):
            return self._with_key(
                key, pin, lambda text: self._session.decrypt(key, CKM.RSA_PKCS, data, text)
            )
        return self._agree(pair.public, key, data)

    def _agree(self, public: ECPublicKey, key: RawObject, peer: bytes) -> bytes:
        if key.has(CKA.ALWAYS_AUTHENTICATE):
            # C_DeriveKey is one call: there is no moment for the second login.
            raise NotSupported("key agreement with a key that wants its PIN each time")
        own = key.attributes.get(CKA.EC_POINT) or self._public_point(public)
        parameter = derive_parameter(public, peer, wrapped=is_wrapped(public.curve, own))
        return shared_secret(public, self._session.derive(key, parameter, public.curve.size))

    def _public_point(self, public: ECPublicKey) -> bytes:
        for pair in self.pairs():
            if pair.public == public and pair.public_object:
                return pair.public_object.attributes.get(CKA.EC_POINT, public.point)
        return public.point

    def _unlocked(self, ref: str, pin: Pin) -> tuple[Pair, RawObject]:
        """The private key, after a login if one is needed."""
        if not self._open:
            self.log_in(pin)
        pair, key = self._private(ref)
        if key.has(CKA.ALWAYS_AUTHENTICATE) and not pin:
            if self._has_pad:
                # python-pkcs11 has no C_Login without a PIN in the middle of an operation.
                raise NotSupported("a key that wants its PIN each time, at the token's PIN pad")
            raise PinNeeded("the key wants its PIN each time")
        return pair, key

    def _with_key(
        self, key: RawObject, pin: Pin, operation: Callable[[str | None], bytes]
    ) -> bytes:
        """Run the operation, with the PIN if the key wants it each time.

        That may be the PIN which has just been found right by the login: it is the same for both.
        """
        if not key.has(CKA.ALWAYS_AUTHENTICATE):
            return operation(None)
        try:
            return operation(pin.text())
        except SessionLost:
            raise
        except TokenError:
            # SoftHSM leaves the operation active for ever after a wrong PIN.
            self._renew()
            raise

    def _renew(self) -> None:
        """A new session for the old one; the login stays, as there is always one session open."""
        old, self._session = self._session, self._module.open(self.slot)
        self._pairs = None
        with suppress(TokenError):
            old.close()
