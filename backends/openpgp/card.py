"""An OpenPGP card as a Token of the contract: reading and using it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

from backends.errors import (
    BadInput,
    Broken,
    NotFound,
    NotSupported,
    PinNeeded,
    TimedOut,
    UseRefused,
)
from backends.openpgp import operations, tlv
from backends.openpgp.apdu import Command
from backends.openpgp.application import Application
from backends.openpgp.data_objects import ATTRIBUTES, LENGTHS
from backends.openpgp.memory import Memory
from backends.openpgp.pins import Pin
from backends.openpgp.slots import BY_REF, SLOTS, Slot
from backends.token import Algorithm, Attribute, Key, PinRef, PinRequest, TokenInfo

log = logging.getLogger(__name__)

_GET_CHALLENGE = 0x84
#: GnuPG asks for no more at once, so this is what cards have seen (scd/iso7816.c).
_MAX_CHALLENGE = 254
#: GET DATA, its odd twin, GET RESPONSE, GET CHALLENGE: raw APDUs that leave a card as it was.
_HARMLESS = frozenset({0xCA, 0xCB, 0xC0, _GET_CHALLENGE})
_DER_SEQUENCE = 0x30
_TOUCH_SWITCHES = (Attribute.UIF_1, Attribute.UIF_2, Attribute.UIF_3)


class OpenPGPCard:
    """Meets Token and RawCard."""

    def __init__(self, application: Application, info: TokenInfo, memory: Memory) -> None:
        self._application = application
        self._memory = memory
        self._session = application.session
        self._pins = application.pins
        self._info = info

    @property
    def info(self) -> TokenInfo:
        return self._info

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        return self._session.run(lambda: self._keys(thorough))

    def algorithms(self) -> Sequence[Algorithm | None]:
        return self._session.run(lambda: [self._application.algorithm(slot) for slot in SLOTS])

    def attributes(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        return self._session.run(lambda: self._attributes(names))

    def remembered(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        found = {
            name: self._application.objects.kept(ATTRIBUTES[name])
            for name in ATTRIBUTES.keys() & names
        }
        if Attribute.DISP_NAME in names and found[Attribute.DISP_NAME] is None:
            found[Attribute.DISP_NAME] = self._memory.holder(self._info.serial)
        button = self._application.button
        if Attribute.BUTTON in names and button is not None:
            found[Attribute.BUTTON] = bytes([button])
        if Attribute.CARD_VERSION in names:
            found[Attribute.CARD_VERSION] = self._application.firmware.known
        return {name: value for name, value in found.items() if value is not None}

    def certificate(self, ref: str) -> bytes | None:
        slot = _slot(ref)
        if not self._info.capabilities.max_certificate:
            return None
        data = self._session.run(lambda: self._application.certificate(slot))
        return _der(data) if data else None

    def pin_for(self, key: Key) -> PinRequest | None:
        ref = _slot(key.ref).pin
        return None if self._pins.suffices(ref) else self.pin_named(ref)

    def pin_named(self, ref: PinRef) -> PinRequest:
        return self._session.run(lambda: self._pins.request(ref))

    def verify_pin(self, ref: PinRef, pin: bytearray | None) -> None:
        once = Pin(pin)
        self._session.run(lambda: self._pins.verify(ref, once))

    def is_verified(self, ref: PinRef) -> bool:
        return self._pins.is_verified(ref)

    def sign(self, key: Key, tbs: bytes, pin: bytearray | None) -> bytes:
        slot = _slot(key.ref)
        if slot.sign is None:
            raise NotSupported("the decryption key does not sign")
        command = slot.sign(key.public, tbs)
        answer = self._use(slot, command, pin)
        return operations.parse_signature(key.public, answer)

    def decrypt(self, key: Key, ciphertext: bytes, pin: bytearray | None) -> bytes:
        slot = _slot(key.ref)
        if slot.sign is not None:
            raise NotSupported("only the decryption key decrypts")
        answer = self._use(slot, operations.decipher(key.public, ciphertext), pin)
        return operations.parse_deciphered(key.public, answer)

    def settle(self) -> None:
        if not self._pins.settled:
            self._session.run(self._pins.settle)

    def touch_wanted(self, key: Key) -> bool:
        uif = self._application.objects.kept(_slot(key.ref).uif)
        return bool(uif and uif[0])

    def random(self, n: int) -> bytes:
        capabilities = self._session.run(self._application.capabilities)
        if not capabilities.get_challenge:
            raise NotSupported("the card gives no random numbers")
        most = min(capabilities.max_challenge or _MAX_CHALLENGE, _MAX_CHALLENGE)
        return self._session.run(lambda: self._random(n, most))

    def transmit(self, apdu: bytes) -> bytes:
        if len(apdu) < 4:
            raise BadInput("a command APDU has at least four bytes")
        try:
            return self._session.run_raw(lambda: self._session.transmit(apdu))
        finally:
            if apdu[1] not in _HARMLESS:
                self._session.disturb()
                self._pins.forget()

    def reset(self) -> None:
        self._pins.forget()
        self._session.reset()

    def close(self) -> None:
        self._pins.forget()
        self._session.link.close()

    def _use(self, slot: Slot, command: Command, pin: bytearray | None) -> bytes:
        once = Pin(pin)
        return self._session.run(lambda: self._use_within(slot, command, once))

    def _use_within(self, slot: Slot, command: Command, pin: Pin) -> bytes:
        given = bool(pin) or not self._pins.suffices(slot.pin)
        if given:
            self._pins.verify(slot.pin, pin)
        else:
            self._pins.settle_for(slot.pin)
        try:
            answer = self._session.command(command)
        except PinNeeded:
            self._pins.forget(slot.pin)
            if given:
                raise UseRefused("the card does not allow this with the PIN verified") from None
            raise
        except (UseRefused, TimedOut):
            # Some cards mean "PIN used up" by 6985; after a missed touch GnuPG asks anew as well.
            self._pins.forget(slot.pin)
            raise
        self._pins.is_used(slot.pin)
        return answer

    def _keys(self, thorough: bool) -> list[Key]:
        found = (self._key(slot, thorough) for slot in SLOTS)
        return [key for key in found if key is not None]

    def _key(self, slot: Slot, thorough: bool) -> Key | None:
        application = self._application
        holds_key = application.holds_key(slot)
        if holds_key is False or (holds_key is None and not thorough):
            return None
        public = application.public_key(slot)
        if public is None:
            return None
        fingerprint = application.fingerprint(slot)
        known = fingerprint if any(fingerprint) else None
        created = application.created(slot) or None
        return Key(slot.ref, slot.use, public, fingerprint=known, created=created)

    def _attributes(self, names: Collection[Attribute]) -> dict[Attribute, bytes]:
        found = {}
        for name in ATTRIBUTES.keys() & names:
            try:
                value = self._attribute(name) if self._has(name) else None
            except Broken as exc:
                log.warning("%s: left out: %s", name.value, exc)
                continue
            if value is not None:
                found[name] = value[: LENGTHS.get(name)]
        if Attribute.BUTTON in names:
            found[Attribute.BUTTON] = bytes([self._application.has_button()])
        firmware = self._firmware() if Attribute.CARD_VERSION in names else None
        if firmware is not None:
            found[Attribute.CARD_VERSION] = firmware
        if Attribute.DISP_NAME in found:
            self._memory.keep_holder(self._info.serial, found[Attribute.DISP_NAME])
        return found

    def _firmware(self) -> bytes | None:
        """YubiKeys alone tell it."""
        return self._application.firmware.read() if self._info.card_type == "yubikey" else None

    def _attribute(self, name: Attribute) -> bytes | None:
        recent = self._pins.take_recent() if name is Attribute.CHV_STATUS else None
        return recent or self._application.objects.get(ATTRIBUTES[name])

    def _has(self, name: Attribute) -> bool:
        """Whether it makes sense to ask the card: what it cannot have costs no APDU."""
        capabilities = self._info.capabilities
        conditions = {
            Attribute.PRIVATE_DO_1: capabilities.private_dos,
            Attribute.PRIVATE_DO_2: capabilities.private_dos,
            Attribute.PRIVATE_DO_3: capabilities.private_dos and self.is_verified(PinRef.PW1_82),
            Attribute.PRIVATE_DO_4: capabilities.private_dos and self.is_verified(PinRef.PW3),
            Attribute.KDF: capabilities.kdf,
        }
        if name in _TOUCH_SWITCHES:
            return self._application.has_button()
        return conditions.get(name, True)

    def _random(self, n: int, most: int) -> bytes:
        data = b""
        while len(data) < n:
            part = self._session.command(Command(_GET_CHALLENGE, 0, 0, le=min(n - len(data), most)))
            if not part:
                raise Broken("the card gives no random numbers")
            data += part
        return data[:n]


def _slot(ref: str) -> Slot:
    try:
        return BY_REF[ref]
    except KeyError:
        raise NotFound(f"an OpenPGP card has no key {ref}") from None


def _der(data: bytes) -> bytes:
    """A certificate without what pads its data object; anything else as it is."""
    try:
        tag, value = next(tlv.parse(data), (None, b""))
    except Broken:
        return data
    return tlv.encode(_DER_SEQUENCE, value) if tag == _DER_SEQUENCE else data
