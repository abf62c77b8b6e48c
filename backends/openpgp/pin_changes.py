"""Changing the PINs of one card (OpenPGP card 3.4 sections 7.2.3 and 7.2.4), and its KDF-DO."""

from __future__ import annotations

from backends.errors import (
    BadInput,
    NotFound,
    NotSupported,
    TokenError,
    Unfinished,
)
from backends.openpgp.apdu import SHORT_ANSWER, Command
from backends.openpgp.data_objects import DO
from backends.openpgp.kdf import KDF, wipe
from backends.openpgp.objects import Objects
from backends.openpgp.pins import Pin, Pins
from backends.openpgp.session import Session
from backends.openpgp.status import SW, to_error
from backends.token import PinRef, PinRequest

_VERIFY, _CHANGE_REFERENCE_DATA, _RESET_RETRY_COUNTER, _PUT_DATA = 0x20, 0x24, 0x2C, 0xDA
#: P1 of CHANGE REFERENCE DATA in version 1: the data are the new PIN alone.
_NEW_ONLY = 0x01
#: P1 of RESET RETRY COUNTER: by the resetting code, or after VERIFY of PW3.
_BY_CODE, _BY_ADMIN = 0x00, 0x02
#: P1 of VERIFY: take the verification back.
_NOT_VERIFIED = 0xFF

#: PW1 as cards leave the factory, which is what clients assume when they set the KDF-DO up.
_FACTORY_PW1 = b"123456"


class PinChanges:
    """All methods are called within an operation of ``session``."""

    def __init__(self, session: Session, objects: Objects, pins: Pins) -> None:
        self._session = session
        self._objects = objects
        self._pins = pins

    def new_pin(self, ref: PinRef) -> PinRequest:
        """The lengths that a new value may have, and whether :meth:`change` has both values
        entered at the pinpad."""
        kind, status = self._pins.kind(ref), self._pins.status or self._pins.read_status()
        longest = status.max_lengths[kind.position]
        at_pinpad = self._pins.announce_change(ref)
        return PinRequest(ref, min_length=kind.min_length, max_length=longest, pinpad=at_pinpad)

    def change(self, ref: PinRef, old: Pin, new: bytearray) -> None:
        """The old PIN is verified first.  Cards split what CHANGE REFERENCE DATA brings by the
        length of the PIN that they have: a wrong one that begins with the right one would do, and
        its rest become a part of the new one."""
        if not old:
            self._pins.modify_at_pinpad(ref)
            return
        kdf = self._pins.kdf()
        self._session.prove()
        value = old.take()
        assert value is not None
        after = self._pins.secret(ref, new, kdf)
        before = self._pins.secret(ref, value, kdf)
        try:
            if self._pins.is_version_1:
                self._change_version_1(ref, before, after)
            else:
                self._pins.verify_secret(ref, before)
                self._change(ref, before, after)
        finally:
            wipe(before)
            wipe(after)

    def _change(self, ref: PinRef, before: bytearray, after: bytearray) -> None:
        both = before + after
        try:
            self._exchange(ref, _CHANGE_REFERENCE_DATA, 0, both)
        finally:
            wipe(both)
            self._pins.forget()

    def _change_version_1(self, ref: PinRef, before: bytearray, after: bytearray) -> None:
        """CHV1 and CHV2 are kept alike, as GnuPG keeps them (scd/app-openpgp.c, do_change_pin)."""
        both = (PinRef.PW1_82, PinRef.PW1_81)
        refs = (ref,) if ref is PinRef.PW3 else both
        for each in refs:
            self._pins.verify_secret(each, before)
        for each in refs:
            self._exchange(each, _CHANGE_REFERENCE_DATA, _NEW_ONLY, after)
        self._pins.forget()

    def reset(self, ref: PinRef, admin: Pin, new: bytearray) -> None:
        """Set PW1 or the resetting code by the right of PW3, which is asked for every time."""
        if ref not in (PinRef.PW1_81, PinRef.RC):
            raise NotSupported(f"PW3 does not reset {ref.value}")
        kdf = self._pins.kdf()
        after = self._pins.secret(ref, new, kdf) if new else bytearray()
        try:
            self._pins.forget(PinRef.PW3)
            self._pins.verify(PinRef.PW3, admin)
            if ref is PinRef.RC:
                self._put_code(after)
            else:
                self._reset_pw1(after)
        finally:
            wipe(after)

    def _reset_pw1(self, after: bytearray) -> None:
        self._exchange(PinRef.PW1_81, _RESET_RETRY_COUNTER, _BY_ADMIN, after)
        if self._pins.is_version_1:
            self._exchange(PinRef.PW1_82, _RESET_RETRY_COUNTER, _BY_ADMIN, after)
        self._pins.forget(PinRef.PW1_81, PinRef.PW1_82)

    def _put_code(self, after: bytearray) -> None:
        """No code at all takes away the one there."""
        if after:
            sw = self._pins.exchange(_PUT_DATA, 0, DO.RESETTING_CODE, after)
        else:
            sw = self._session.channel.send(_NO_CODE).sw
        if sw != SW.OK:
            raise to_error(sw)

    def unblock(self, code: Pin, new: bytearray) -> None:
        """Set PW1 by the resetting code."""
        kdf = self._pins.kdf()
        if self._pins.read_status().tries[self._pins.kind(PinRef.RC).position] == 0:
            raise NotFound("the card has no resetting code, or no tries are left for it")
        after = self._pins.secret(PinRef.PW1_81, new, kdf)
        value = code.take()
        assert value is not None
        before = self._pins.secret(PinRef.RC, value, kdf)
        both = before + after
        try:
            self._session.prove()
            sw = self._pins.exchange(
                _RESET_RETRY_COUNTER, _BY_CODE, self._pins.kind(PinRef.PW1_81).p2, both
            )
            if sw != SW.OK:
                raise self._pins.refusal(PinRef.RC, sw)
        finally:
            for secret in (before, after, both):
                wipe(secret)
        self._pins.forget(PinRef.PW1_81, PinRef.PW1_82)

    def take_back(self, ref: PinRef) -> None:
        """The card itself forgets that the PIN was verified; cards before version 3.0 cannot."""
        self._pins.forget(ref)
        sw = self._session.channel.send(Command(_VERIFY, _NOT_VERIFIED, self._pins.kind(ref).p2)).sw
        if sw != SW.OK:
            raise NotSupported(f"the card cannot take back a PIN ({to_error(sw)})")

    def _exchange(self, ref: PinRef, ins: int, p1: int, secret: bytearray) -> None:
        sw = self._pins.exchange(ins, p1, self._pins.kind(ref).p2, secret)
        if sw != SW.OK:
            raise self._pins.refusal(ref, sw)

    # -- KDF-DO ----------------------------------------------------------------------------------

    def check_kdf(self, value: bytes) -> None:
        """What can be said without a PIN."""
        try:
            kdf = KDF.parse(value)
        except TokenError as exc:
            raise BadInput(f"no KDF-DO that could be used: {exc}") from None
        if kdf is not None and not (kdf.initial_pw1 and kdf.initial_pw3):
            raise BadInput("the KDF-DO has no hashes of the PINs that it is made for")

    def set_kdf(self, value: bytes, admin: Pin, *, adjusts_pins: bool) -> None:
        """Replace the KDF-DO (F9).  From then on other bytes stand for the same PINs.

        ``adjusts_pins``: the card itself sets its PINs to the hashes in the DO.  On others they are
        set before, else nobody would get in again.  PW3 must be the PIN that the DO is made for;
        PW1 becomes the one that it is made for, and the resetting code is taken away.
        """
        old, new = self._pins.kdf(), KDF.parse(value)
        self._session.prove()
        pin = admin.take()
        assert pin is not None
        if new is not None and new.derive(PinRef.PW3, pin) != new.initial_pw3:
            raise BadInput(
                "the KDF-DO is made for another admin PIN: set the factory's PIN first (not tried)"
            )
        before, after = self._pins.secret(PinRef.PW3, pin, old), _secret(new, PinRef.PW3, pin)
        pw1 = bytearray(new.initial_pw1) if new else bytearray(_FACTORY_PW1)
        try:
            self._pins.verify_secret(PinRef.PW3, before)
            if adjusts_pins:
                self._put_kdf(value)
            else:
                self._move(value, before, after, pw1)
        finally:
            for secret in (before, after, pw1):
                wipe(secret)
            self._objects.drop(DO.KDF)
            self._pins.forget()

    def _move(self, value: bytes, before: bytearray, after: bytearray, pw1: bytearray) -> None:
        """Set the PINs, then the DO; PW3 is set back if the card refuses on the way."""
        self._change(PinRef.PW3, before, after)
        try:
            self._pins.verify_secret(PinRef.PW3, after)
            self._reset_pw1(pw1)
            self._put_code(bytearray())
            self._put_kdf(value)
        except TokenError as exc:
            try:
                self._change(PinRef.PW3, after, before)
            except TokenError:
                raise Unfinished(f"PW3 is hashed already, and the KDF-DO not set: {exc}") from None
            raise Unfinished(f"PW1 has to be reset; the KDF-DO is as it was: {exc}") from None

    def _put_kdf(self, value: bytes) -> None:
        self._session.command(Command(_PUT_DATA, 0, DO.KDF, value))


_NO_CODE = Command(_PUT_DATA, 0, DO.RESETTING_CODE, le=SHORT_ANSWER)


def _secret(kdf: KDF | None, ref: PinRef, pin: bytearray) -> bytearray:
    return kdf.derive(ref, pin) if kdf else bytearray(pin)
