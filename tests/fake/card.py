"""An OpenPGP card in memory that can be changed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence

from backends import changes
from backends.errors import BadInput, NoButton, NotFound, NotSupported, PinNeeded, Removed
from backends.token import (
    Algorithm,
    Attribute,
    Capabilities,
    Key,
    PinRef,
    PinRequest,
    PublicKey,
    TokenInfo,
)
from scd.view import slot_algorithm
from tests.fake import keys as soft
from tests.fake.pins import FakePins
from tests.fake.slots import USES, Slot, empty_slots, key_in, pin_of

USER_PIN, ADMIN_PIN = b"123456", b"12345678"

_SWITCHES = (Attribute.UIF_1, Attribute.UIF_2, Attribute.UIF_3)
_BY_USER = (Attribute.PRIVATE_DO_1, Attribute.PRIVATE_DO_3)

_CA_FINGERPRINTS = (Attribute.CA_FPR_1, Attribute.CA_FPR_2, Attribute.CA_FPR_3)

#: Longest values; of others, what any data object may have.
_LIMITS = {Attribute.DISP_NAME: 39, Attribute.DISP_LANG: 8, Attribute.CHV_STATUS_1: 1}
_LIMIT = 254
_CERTIFICATE_LIMIT = 1152


class FakeCard:
    """Slots for Ed25519, Cv25519 and Ed25519, empty.

    ``before``: called at the beginning of every operation; may wait or raise a TokenError.
    ``done``: the changes made, in order.  As on real cards, other algorithm attributes delete the
    key and take back that PINs were verified.
    """

    def __init__(self, number: int = 1, *, button: bool = False) -> None:
        self.pins = FakePins({PinRef.PW1_81: USER_PIN, PinRef.PW3: ADMIN_PIN, PinRef.RC: b""})
        self.slots = empty_slots()
        self.data: dict[Attribute, bytes] = {}
        self.done: list[changes.Change] = []
        self.before: Callable[[], None] = lambda: None
        self.touch = False
        self._closed = False
        self.info = TokenInfo(
            serial=f"D276000124010304FF01{number:08X}0000",
            app="openpgp",
            place=f"fake reader {number}",
            name=f"fake card {number}",
            display_serial=f"FF01 {number:08X}",
            version=0x0304,
            manufacturer=0xFF01,
            capabilities=Capabilities(
                key_import=True,
                private_dos=True,
                max_certificate=_CERTIFICATE_LIMIT,
                algorithm_changeable=True,
                button=button,
            ),
        )

    # -- reading and using ---------------------------------------------------------------------

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        return [key_in(ref, slot) for ref, slot in self.slots.items() if slot.key is not None]

    def algorithms(self) -> Sequence[Algorithm | None]:
        return [slot.algorithm for slot in self.slots.values()]

    def attributes(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        tries = [self.pins.tries[ref] for ref in (PinRef.PW1_81, PinRef.RC, PinRef.PW3)]
        several = self.data.get(Attribute.CHV_STATUS_1, b"\x01")
        status = several + bytes([64, 64, 64, *tries])
        button = bytes([self.info.capabilities.button])
        told = {Attribute.CHV_STATUS: status, Attribute.BUTTON: button} | self.data
        return {name: told[name] for name in names if name in told}

    def remembered(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        return {}

    def certificate(self, ref: str) -> bytes | None:
        return self._slot(ref).certificate

    def pin_for(self, key: Key) -> PinRequest | None:
        return self._unless_verified(pin_of(key))

    def sign(self, key: Key, tbs: bytes, pin: bytearray | None) -> bytes:
        self._authorize(pin_of(key), pin)
        return soft.sign(self._private(key.ref), tbs)

    def decrypt(self, key: Key, ciphertext: bytes, pin: bytearray | None) -> bytes:
        self._authorize(pin_of(key), pin)
        return soft.decrypt(self._private(key.ref), ciphertext)

    def settle(self) -> None:
        """Nothing is ever put off."""

    def touch_wanted(self, key: Key) -> bool:
        return self.touch

    def random(self, n: int) -> bytes:
        return secrets.token_bytes(n)

    def transmit(self, apdu: bytes) -> bytes:
        return b"\x90\x00"

    def reset(self) -> None:
        self.pins.verified.clear()

    def close(self) -> None:
        self._closed = True

    # -- PINs ----------------------------------------------------------------------------------

    def pin_named(self, ref: PinRef) -> PinRequest:
        return self.pins.request(ref)

    def verify_pin(self, ref: PinRef, pin: bytearray | None) -> None:
        self.pins.verify(ref, pin)

    def is_verified(self, ref: PinRef) -> bool:
        return ref in self.pins.verified

    def new_pin(self, ref: PinRef) -> PinRequest:
        return self.pins.limits(ref)

    def change_pin(self, ref: PinRef, old: bytearray | None, new: bytearray | None) -> None:
        self.pins.change(ref, old, new)

    def reset_pin(self, ref: PinRef, pin: bytearray | None, new: bytearray) -> None:
        if PinRef.PW3 not in self.pins.verified:
            self.pins.verify(PinRef.PW3, pin)
        self.pins.set(ref, new)

    def unblock_pin(self, code: bytearray, new: bytearray) -> None:
        self.pins.verify(PinRef.RC, code)
        self.pins.set(PinRef.PW1_81, new)

    def forget_pin(self, ref: PinRef) -> None:
        self.pins.verified.discard(ref)

    # -- changing ------------------------------------------------------------------------------

    def is_occupied(self, ref: str) -> bool:
        return self._slot(ref).key is not None

    def pin_for_change(self, change: changes.Change) -> PinRequest | None:
        match change:
            case changes.SetAttribute(attribute, value):
                _require_fit(value, _LIMITS.get(attribute, _LIMIT))
                if attribute in _SWITCHES and not self.info.capabilities.button:
                    raise NoButton("this card has no button")
                by_user = attribute in _BY_USER
                return self._unless_verified(PinRef.PW1_82 if by_user else PinRef.PW3)
            case changes.WriteCertificate(_, der):
                _require_fit(der, _CERTIFICATE_LIMIT)
            case changes.WriteKey(_, _, private):
                soft.load(private)
            case changes.Attest():
                raise NotSupported("this card makes no attestations")
        self._slot(change.ref)
        return self._unless_verified(PinRef.PW3)

    def change(self, change: changes.Change, pin: bytearray | None) -> PublicKey | None:
        by_user = isinstance(change, changes.SetAttribute) and change.attribute in _BY_USER
        self._authorize(PinRef.PW1_82 if by_user else PinRef.PW3, pin)
        public = self._make(change)
        self.done.append(change)
        return public

    def _make(self, change: changes.Change) -> PublicKey | None:
        match change:
            case changes.SetAttribute(attribute, value):
                self._set(attribute, value)
            case changes.SetAlgorithm(ref, algorithm):
                self._set_algorithm(self._slot(ref), algorithm)
            case changes.WriteCertificate(ref, der):
                self._slot(ref).certificate = der or None
            case changes.WriteKey(ref, stamp, private):
                slot = self._slot(ref)
                self._require_algorithm(slot, slot_algorithm(private.public, USES[ref]))
                slot.key, slot.stamp = soft.load(private), stamp
            case changes.GenerateKey(ref, stamp, algorithm):
                slot = self._slot(ref)
                self._require_algorithm(slot, algorithm or slot.algorithm)
                slot.key, slot.stamp = soft.generate(slot.algorithm), stamp
                return soft.public_key(slot.key)
        return None

    def _set(self, attribute: Attribute, value: bytes) -> None:
        self.data[attribute] = value
        if attribute in _CA_FINGERPRINTS:
            told = bytearray(self.data.get(Attribute.CA_FPR, bytes(60)))
            start = 20 * _CA_FINGERPRINTS.index(attribute)
            told[start : start + 20] = value
            self.data[Attribute.CA_FPR] = bytes(told)

    def _require_algorithm(self, slot: Slot, algorithm: Algorithm) -> None:
        if slot.algorithm != algorithm:
            self._set_algorithm(slot, algorithm)
            raise PinNeeded("the algorithm was changed")

    def _set_algorithm(self, slot: Slot, algorithm: Algorithm) -> None:
        slot.algorithm, slot.key, slot.stamp = algorithm, None, None
        self.pins.verified.clear()

    # -- in common -----------------------------------------------------------------------------

    def _slot(self, ref: str) -> Slot:
        if ref not in self.slots:
            raise NotFound(f"no slot {ref}")
        return self.slots[ref]

    def _private(self, ref: str) -> soft.SoftKey:
        key = self._slot(ref).key
        if key is None:
            raise NotFound(f"no key in {ref}")
        return key

    def _unless_verified(self, ref: PinRef) -> PinRequest | None:
        return None if self.is_verified(ref) else self.pin_named(ref)

    def _authorize(self, ref: PinRef, pin: bytearray | None) -> None:
        if self._closed:
            raise Removed("the card was closed")
        self.before()
        if pin is not None or (self.pins.pad is not None and not self.is_verified(ref)):
            self.pins.verify(ref, pin)
        if not self.is_verified(ref):
            raise PinNeeded("the PIN is not verified")


def _require_fit(value: bytes, limit: int) -> None:
    if len(value) > limit:
        raise BadInput(f"longer than {limit} bytes")
