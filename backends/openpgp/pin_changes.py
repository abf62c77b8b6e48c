"""Changing the PINs of one card (OpenPGP card 3.4 sections 7.2.3 and 7.2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from backends.errors import NotFound, NotSupported, TokenError, Unfinished
from backends.openpgp.apdu import Command
from backends.openpgp.data_objects import DO
from backends.openpgp.kdf import KDF
from backends.openpgp.pins import Pin, Pins
from backends.openpgp.session import Session
from backends.openpgp.status import SW, to_error, tries_left
from backends.secret import wipe
from backends.token import PinRef, PinRequest

_VERIFY, _CHANGE_REFERENCE_DATA, _RESET_RETRY_COUNTER, _PUT_DATA = 0x20, 0x24, 0x2C, 0xDA
#: P1 of CHANGE REFERENCE DATA in version 1: the data are the new PIN alone.
_NEW_ONLY = 0x01
#: P1 of RESET RETRY COUNTER: by the resetting code, or after VERIFY of PW3.
_BY_CODE, _BY_ADMIN = 0x00, 0x02
#: P1 of VERIFY: take the verification back.
_NOT_VERIFIED = 0xFF


class PinChanges:
    """All methods are called within an operation of ``session``."""

    def __init__(self, session: Session, pins: Pins) -> None:
        self._session = session
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
        if ref is PinRef.RC or (ref is PinRef.PW1_82 and not self._pins.is_version_1):
            raise NotSupported(f"{ref.value} is not changed by itself")
        if not old:
            self._pins.modify_at_pinpad(ref)
            return
        with self._taken(ref, old, ref, new) as (before, after):
            if self._pins.is_version_1:
                self._change_version_1(ref, before, after)
            else:
                self._pins.verify_secret(ref, before)
                self.exchange_values(ref, before, after)

    def exchange_values(self, ref: PinRef, before: bytearray, after: bytearray) -> None:
        """CHANGE REFERENCE DATA, with what the card gets to see of the PINs."""
        both = before + after
        try:
            sw = self._pins.exchange(_CHANGE_REFERENCE_DATA, 0, self._pins.kind(ref).p2, both)
            if sw != SW.OK:
                raise self._pins.refusal(ref, sw)
        finally:
            wipe(both)
            self._pins.forget()

    def _change_version_1(self, ref: PinRef, before: bytearray, after: bytearray) -> None:
        """CHV1 and CHV2 are kept alike, as GnuPG keeps them (scd/app-openpgp.c, do_change_pin)."""
        refs = (ref,) if ref is PinRef.PW3 else (PinRef.PW1_82, PinRef.PW1_81)
        try:
            for each in refs:
                self._pins.verify_secret(each, before)
            self._set_each(refs, _CHANGE_REFERENCE_DATA, _NEW_ONLY, after)
        finally:
            self._pins.forget()

    def reset(self, ref: PinRef, admin: Pin, new: bytearray) -> None:
        """Set PW1 or the resetting code by the right of PW3, which may be verified already."""
        if ref not in (PinRef.PW1_81, PinRef.RC):
            raise NotSupported(f"PW3 does not reset {ref.value}")
        self._pins.kind(ref)
        kdf = self._pins.kdf()
        after = self._pins.secret(ref, new, kdf) if new or ref is not PinRef.RC else bytearray()
        try:
            self._session.prove()
            if not self._pins.is_verified(PinRef.PW3):
                self._pins.verify(PinRef.PW3, admin)
            if ref is PinRef.RC:
                self.put_code(after)
            else:
                self.reset_pw1(after)
        finally:
            wipe(after)

    def reset_pw1(self, after: bytearray) -> None:
        """After VERIFY of PW3, with what the card gets to see."""
        uses = (PinRef.PW1_81, PinRef.PW1_82)
        refs = uses if self._pins.is_version_1 else (PinRef.PW1_81,)
        try:
            self._set_each(refs, _RESET_RETRY_COUNTER, _BY_ADMIN, after)
        finally:
            self._pins.forget(*uses)

    def put_code(self, after: bytearray) -> None:
        """Set the resetting code, after VERIFY of PW3; no code at all takes away the one there."""
        self._by_right(_PUT_DATA, 0, DO.RESETTING_CODE, after)

    def unblock(self, code: Pin, new: bytearray) -> None:
        """Set PW1 by the resetting code."""
        position = self._pins.kind(PinRef.RC).position
        if self._pins.read_status().tries[position] == 0:
            raise NotFound("the card has no resetting code, or no tries are left for it")
        with self._taken(PinRef.RC, code, PinRef.PW1_81, new) as (before, after):
            both = before + after
            p2 = self._pins.kind(PinRef.PW1_81).p2
            try:
                sw = self._pins.exchange(_RESET_RETRY_COUNTER, _BY_CODE, p2, both)
            finally:
                wipe(both)
                self._pins.forget(PinRef.PW1_81, PinRef.PW1_82)
            if sw != SW.OK:
                raise self._pins.refusal(PinRef.RC, sw)

    def take_back(self, ref: PinRef) -> None:
        """The card itself forgets that the PIN was verified; cards before version 3.0 cannot."""
        kind = self._pins.verifiable(ref)
        self._pins.forget(ref)
        self._session.prove()
        sw = self._session.channel.send(Command(_VERIFY, _NOT_VERIFIED, kind.p2)).sw
        # Some tell that it is not verified, with the tries left, where it was not.
        if sw != SW.OK and tries_left(sw) is None:
            raise NotSupported(f"the card cannot take back a PIN ({to_error(sw)})")

    @contextmanager
    def _taken(
        self, ref: PinRef, pin: Pin, new_ref: PinRef, new: bytearray
    ) -> Iterator[tuple[bytearray, bytearray]]:
        """What the card gets to see of a PIN, which is taken, and of a new one; wiped in the end.

        Whatever the session would repeat is done before: a PIN is there to be taken once.
        """
        kdf = self._pins.kdf()
        self._session.prove()
        after = self._pins.secret(new_ref, new, kdf)
        before = bytearray()
        try:
            before = self._secret(ref, pin, kdf)
            yield before, after
        finally:
            wipe(before)
            wipe(after)

    def _secret(self, ref: PinRef, pin: Pin, kdf: KDF | None) -> bytearray:
        value = pin.take()
        assert value is not None
        return self._pins.secret(ref, value, kdf)

    def _set_each(self, refs: tuple[PinRef, ...], ins: int, p1: int, secret: bytearray) -> None:
        """The same value for PINs that are kept alike."""
        first, *others = (self._pins.kind(ref).p2 for ref in refs)
        self._by_right(ins, p1, first, secret)
        try:
            for p2 in others:
                self._by_right(ins, p1, p2, secret)
        except TokenError as exc:
            raise Unfinished(f"only {refs[0].value} has the new value: {exc}") from None

    def _by_right(self, ins: int, p1: int, p2: int, secret: bytearray) -> None:
        """What is refused is the right to do it, not a PIN: that was verified before."""
        sw = self._pins.exchange(ins, p1, p2, secret)
        if sw != SW.OK:
            self._pins.forget()
            raise to_error(sw)
