"""An OpenPGP card whose content and PINs can be changed."""

from __future__ import annotations

from dataclasses import replace

from backends.changes import Change, SetAttribute
from backends.errors import PinNeeded, TokenError
from backends.openpgp import key_changes
from backends.openpgp.card import OpenPGPCard
from backends.openpgp.changes import KINDS
from backends.openpgp.data_changes import slot_named
from backends.openpgp.interrupted import Interrupted
from backends.openpgp.kdf_changes import KDFChange, habits
from backends.openpgp.pins import Pin
from backends.token import Attribute, PinRef, PinRequest, PublicKey


class WritableOpenPGPCard(OpenPGPCard):
    """Meets Writable and PinKeeper, besides Token and RawCard."""

    def is_occupied(self, ref: str) -> bool:
        slot = slot_named(ref)
        return self._session.run(lambda: key_changes.is_occupied(self._application, slot))

    def pin_for_change(self, change: Change) -> PinRequest | None:
        return self._session.run(lambda: self._pin_for_change(change))

    def change(self, change: Change, pin: bytearray | None) -> PublicKey | None:
        once = Pin(pin)
        try:
            return self._session.run(lambda: self._change(change, once))
        except Interrupted as interrupted:
            error = self._explained(interrupted)
        if error is not None:
            raise error
        return None

    def new_pin(self, ref: PinRef) -> PinRequest:
        return self._session.run(lambda: self._application.pin_changes.new_pin(ref))

    def change_pin(self, ref: PinRef, old: bytearray | None, new: bytearray | None) -> None:
        once = Pin(old)
        value = new if new is not None else bytearray()
        self._session.run(lambda: self._application.pin_changes.change(ref, once, value))

    def reset_pin(self, ref: PinRef, pin: bytearray | None, new: bytearray) -> None:
        once = Pin(pin)
        self._session.run(lambda: self._application.pin_changes.reset(ref, once, new))

    def unblock_pin(self, code: bytearray, new: bytearray) -> None:
        once = Pin(code)
        self._session.run(lambda: self._application.pin_changes.unblock(once, new))

    def forget_pin(self, ref: PinRef) -> None:
        self._session.run(lambda: self._application.pin_changes.take_back(ref))

    def _pin_for_change(self, change: Change) -> PinRequest | None:
        kind = KINDS[type(change)]
        kind.check(self._application, change)
        ref = kind.pin(self._application, change)
        if _is_kdf(change):
            # The value of the PIN itself is wanted, for the way changes in which it is told.
            return replace(self._pins.request(ref), pinpad=False)
        return None if self._pins.suffices(ref) else self._pins.request(ref)

    def _change(self, change: Change, pin: Pin) -> PublicKey | None:
        kind = KINDS[type(change)]
        kind.check(self._application, change)
        if isinstance(change, SetAttribute) and _is_kdf(change):
            self._set_kdf(change.value, pin)
            return None
        ref = kind.pin(self._application, change)
        if pin or not self._pins.suffices(ref):
            self._pins.verify(ref, pin)
        else:
            self._pins.settle_for(ref)
        # Others may have selected another application: what is written must not go there.
        self._session.prove()
        try:
            public = kind.action(self._application, change)
        except PinNeeded:
            self._pins.forget(ref)
            raise
        if isinstance(change, SetAttribute) and change.attribute is Attribute.DISP_NAME:
            self._memory.keep_holder(self._info.serial, change.value)
        return public

    def _set_kdf(self, value: bytes, pin: Pin) -> None:
        if not pin:
            raise PinNeeded("the admin PIN is needed, even if it is verified")
        application = self._application
        KDFChange(
            self._session,
            application.objects,
            self._pins,
            application.pin_changes,
            value,
            habits(self._info.card_type),
        ).make(pin)

    def _explained(self, interrupted: Interrupted) -> TokenError | None:
        """Look at the card, after contact with it was lost even, and say what is true now."""
        try:
            return self._session.run(interrupted.explain)
        except TokenError:
            return interrupted.unknown
        finally:
            interrupted.wipe()


def _is_kdf(change: Change) -> bool:
    return isinstance(change, SetAttribute) and change.attribute is Attribute.KDF
