"""One token in the worker: its session, its login, its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from backends.errors import NotFound, PinNeeded, TokenError
from backends.pkcs11.cka import CKF, CKO
from backends.pkcs11.cryptoki import MechanismInfo
from backends.pkcs11.module import Module, Session, Slot
from backends.pkcs11.objects import Contents, Pair, RawObject, read_contents
from backends.secret import wipe

T = TypeVar("T")


class Pin:
    """A PIN on its way to the token, for one request; None: it is typed at the token's PIN pad."""

    def __init__(self, secret: bytearray | None) -> None:
        self._secret = secret
        #: It has been handed to the module, and must not be handed over again by itself.
        self.spent = False

    def __bool__(self) -> bool:
        return self._secret is not None

    def spend(self) -> bytearray | None:
        self.spent = True
        return self._secret

    def wipe(self) -> None:
        wipe(self._secret)

    def use_up(self) -> None:
        """Wipe it, and be no PIN any more."""
        self.wipe()
        self._secret = None


class TokenSession:
    """One session with a token, opened at once.

    It believes that a login lasts until the token refuses something for the lack of one, so that
    an operation costs no question about it.
    """

    def __init__(self, module: Module, slot: Slot) -> None:
        self.module = module
        self.slot = slot
        self.session: Session = module.open(slot)
        #: Whether the user is logged in, as far as is known.
        self.believed = self.logged_in
        self._contents: Contents | None = None
        self._mechanisms: Mapping[int, MechanismInfo] | None = None
        self.notes: list[str] = []

    @property
    def logged_in(self) -> bool:
        """As the module says."""
        self.believed = self.module.cryptoki.logged_in(self.session.number)
        return self.believed

    @property
    def open(self) -> bool:
        """Whether private keys can be used without a login, or after the one that was made."""
        return not self.slot.flags & CKF.LOGIN_REQUIRED or self.believed

    @property
    def has_pad(self) -> bool:
        return bool(self.slot.flags & CKF.PROTECTED_AUTHENTICATION_PATH)

    @property
    def mechanisms(self) -> Mapping[int, MechanismInfo]:
        if self._mechanisms is None:
            self._mechanisms = self.module.mechanisms(self.slot)
        return self._mechanisms

    def log_in(self, pin: Pin) -> None:
        """C_Login, once.  Raises PinNeeded without a PIN on a token that has no PIN pad."""
        if not pin and not self.has_pad:
            raise PinNeeded("the token wants its PIN")
        self.forget_pairs()
        self.module.cryptoki.log_in(self.session.number, pin.spend())
        self.believed = True

    def log_out(self) -> None:
        self.forget_pairs()
        self.believed = False
        self.module.cryptoki.log_out(self.session.number)

    def authorized(self, pin: Pin, operation: Callable[[], T]) -> T:
        """Run the operation after a login, if one is needed; also if that is only found out, as
        the token has ended the login by itself."""
        if not self.open:
            self.log_in(pin)
        try:
            return operation()
        except PinNeeded:
            if pin.spent or self.logged_in:
                raise
        self.log_in(pin)
        return operation()

    def renew(self) -> None:
        """A new session for the old one; the login stays, as there is always one session open."""
        old, self.session = self.session, self.module.open(self.slot)
        self.forget_pairs()
        with suppress(TokenError):
            old.close()

    def close(self) -> None:
        with suppress(TokenError):
            self.session.close()

    def random(self, n: int) -> bytes:
        return self.session.random(n)

    # -- keys ----------------------------------------------------------------------------------

    def pairs(self) -> list[Pair]:
        """All key pairs that can be told now; read afresh after a login."""
        return self._read().pairs

    def authorities(self) -> list[Pair]:
        """Certificates of others, which may have signed those of the keys."""
        return self._read().authorities

    def _read(self) -> Contents:
        if self._contents is None:
            self.notes = []
            objects = [raw for kind in CKO for raw in self.session.objects(kind)]
            note = self.notes.append
            self._contents = read_contents(objects, all_visible=self.open, note=note)
        return self._contents

    def forget_pairs(self) -> None:
        self._contents = None

    def certificate(self, ref: str) -> bytes | None:
        found = next((each for each in self.authorities() if each.ref == ref), None)
        return (found or self.pair(ref)).der

    def pair(self, ref: str) -> Pair:
        found = self._find(ref)
        if found is None:
            self.forget_pairs()  # It may be new: made in another process.
            found = self._find(ref)
        if found is not None:
            return found
        raise NotFound(f"no key {ref} on this token")

    def _find(self, ref: str) -> Pair | None:
        return next((pair for pair in self.pairs() if pair.ref == ref), None)

    def private(self, ref: str) -> tuple[Pair, RawObject]:
        pair = self.pair(ref)
        if pair.private_object is None:
            raise NotFound(f"the private key of {ref} is not on this token")
        return pair, pair.private_object
