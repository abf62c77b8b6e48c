"""Setting the KDF-DO (F9) of a card: from then on other bytes stand for the same PINs."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass

from backends.errors import BadInput, BadPin, TokenError, Unfinished
from backends.openpgp.application import put_data
from backends.openpgp.data_objects import DO
from backends.openpgp.interrupted import ENDINGS, Interrupted, plain
from backends.openpgp.kdf import KDF
from backends.openpgp.objects import Objects
from backends.openpgp.pin_changes import PinChanges
from backends.openpgp.pins import Pin, Pins
from backends.openpgp.session import Session
from backends.secret import wipe
from backends.token import PinRef

#: PW1 as cards leave the factory, which is what clients assume when they set the KDF-DO up.
_FACTORY_PW1 = b"123456"


@dataclass(frozen=True, slots=True)
class Habits:
    """``adjusts``: the card itself sets its PINs to the hashes in the DO, and to the factory's if
    there are none; on others they are set first, else nobody would get in again.
    ``off``: what takes the DO away; None: what the client sends."""

    adjusts: bool = False
    off: bytes | None = None


#: By the type of the card (GnuPG scd/app-openpgp.c, do_setattr).
_HABITS = {"yubikey": Habits(adjusts=True), "gnuk": Habits(adjusts=True, off=b"")}


def habits(card_type: str) -> Habits:
    """Those of the cards that we know."""
    return _HABITS.get(card_type, Habits())


def check_kdf(value: bytes) -> None:
    """What can be said without a PIN.  Raises BadInput."""
    try:
        kdf = KDF.parse(value)
    except TokenError as exc:
        raise BadInput(f"no KDF-DO that could be used: {exc}") from None
    if kdf is None:
        return
    size = hashlib.new(kdf.hash_name).digest_size
    if {len(kdf.initial_pw1), len(kdf.initial_pw3)} != {size}:
        raise BadInput("the KDF-DO lacks the hashes of the PINs that it is made for")


class KDFChange:
    """One KDF-DO, to be set once.

    PW3 must be the PIN that the DO is made for; PW1 becomes the one that it is made for, and the
    resetting code is taken away.
    """

    def __init__(
        self,
        session: Session,
        objects: Objects,
        pins: Pins,
        changes: PinChanges,
        value: bytes,
        habits: Habits,
    ) -> None:
        self._session = session
        self._objects = objects
        self._pins = pins
        self._changes = changes
        self._new = KDF.parse(value)
        self._value = value if self._new or habits.off is None else habits.off
        self._adjusts = habits.adjusts
        self._before, self._after, self._pw1 = bytearray(), bytearray(), bytearray()
        #: What the card takes for PW3; None: one of the two.
        self._pw3: bytearray | None = None
        self._pw1_touched = self._put = False

    def make(self, admin: Pin) -> None:
        """Within an operation.  Raises BadInput, with no try spent, for another PW3 than that of
        the DO; Interrupted."""
        old = self._pins.kdf()
        self._session.prove()
        pin = admin.take()
        assert pin is not None
        with ExitStack() as stack:
            stack.callback(self._wipe)
            self._derive(pin, old)
            self._pins.verify_secret(PinRef.PW3, self._before)
            try:
                self._steps()
            except ENDINGS as exc:
                raise self._interrupted(exc, stack.pop_all()) from None
            finally:
                self._objects.drop(DO.KDF)
                self._pins.forget()

    def _derive(self, pin: bytearray, old: KDF | None) -> None:
        new = self._new
        self._after = new.derive(PinRef.PW3, pin) if new else bytearray(pin)
        if new and self._after != new.initial_pw3:
            raise BadInput(
                "the KDF-DO is made for another admin PIN: set the factory's PIN first (not tried)"
            )
        self._pw3 = self._before = self._pins.secret(PinRef.PW3, pin, old)
        self._pw1 = bytearray(new.initial_pw1 if new else _FACTORY_PW1)

    def _wipe(self) -> None:
        for secret in (self._before, self._after, self._pw1):
            wipe(secret)

    def _steps(self) -> None:
        if not self._adjusts:
            self._pw3 = None
            self._changes.exchange_values(PinRef.PW3, self._before, self._after)
            self._pw3 = self._after
            self._pins.verify_secret(PinRef.PW3, self._after)
            self._pw1_touched = True
            self._changes.reset_pw1(self._pw1)
            self._changes.put_code(bytearray())
        self._put = True
        self._session.command(put_data(DO.KDF, self._value))

    def _interrupted(self, cause: Exception, secrets: ExitStack) -> Interrupted:
        return Interrupted(
            lambda: self._explained(cause),
            f"the admin PIN may be hashed while the KDF-DO is not set: {cause}",
            secrets.close,
        )

    def _explained(self, cause: Exception) -> TokenError | None:
        """All is well if the DO came to be set, for it came last.  If not, PW3 is set back."""
        if self._put and self._pins.kdf() == self._new:
            return None
        if not self._adjusts:
            self._set_back()
        if not self._pw1_touched:
            return plain(cause)
        return Unfinished(
            "the KDF-DO and the admin PIN are as they were; PIN and resetting code have to be "
            f"set anew: {cause}"
        )

    def _set_back(self) -> None:
        """At the cost of one try, which the next one gives back, where it is not known which PW3
        the card takes."""
        if self._pw3 is None:
            self._pw3 = self._before if self._is_pw3(self._before) else self._after
        if self._pw3 is self._after:
            self._changes.exchange_values(PinRef.PW3, self._after, self._before)

    def _is_pw3(self, secret: bytearray) -> bool:
        self._session.prove()
        try:
            self._pins.verify_secret(PinRef.PW3, secret)
        except BadPin:
            return False
        return True
