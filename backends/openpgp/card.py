"""An OpenPGP card as a Token of the contract.  Writing is not here."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

from backends.errors import (
    BadInput,
    Broken,
    NotFound,
    NotSupported,
    PinNeeded,
    Terminated,
    TimedOut,
    TokenError,
    UseRefused,
)
from backends.openpgp import operations, tlv
from backends.openpgp.apdu import Command
from backends.openpgp.application import Application
from backends.openpgp.data_objects import ATTRIBUTES, DO, LENGTHS, split
from backends.openpgp.description import describe, describe_terminated
from backends.openpgp.link import Link
from backends.openpgp.pinpad import PinpadOptions
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


def open_card(link: Link, pinpad: PinpadOptions | None = None) -> OpenPGPCard | None:
    """The card at the end of ``link``; None, with the link closed, if it is no OpenPGP card.

    A terminated card is opened too, so that it can be activated by raw APDUs; until it is found
    by the provider again, all else raises Terminated or Removed.
    """
    application = Application(link, pinpad or PinpadOptions())
    try:
        application.open()
        info = application.session.run(lambda: describe(application))
    except NotFound as exc:
        log.debug("%s: %s", link.reader, exc)
        link.close()
        return None
    except Terminated:
        info = describe_terminated(application)
    except TokenError:
        link.close()
        raise
    return OpenPGPCard(application, info)


class OpenPGPCard:
    """Meets Token and RawCard."""

    def __init__(self, application: Application, info: TokenInfo) -> None:
        self._application = application
        self._session = application.session
        self._pins = application.pins
        self._info = info

    @property
    def info(self) -> TokenInfo:
        return self._info

    def keys(self) -> Sequence[Key]:
        return self._session.run(self._keys)

    def algorithms(self) -> Sequence[Algorithm | None]:
        return self._session.run(lambda: [self._application.algorithm(slot) for slot in SLOTS])

    def attributes(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        return self._session.run(lambda: self._attributes(names))

    def certificate(self, ref: str) -> bytes | None:
        slot = _slot(ref)
        if not self._info.capabilities.max_certificate:
            return None
        data = self._session.run(lambda: self._application.certificate(slot))
        return _der(data) if data else None

    def pin_for(self, key: Key) -> PinRequest | None:
        ref = _slot(key.ref).pin
        return None if self._pins.is_verified(ref) else self.pin_named(ref)

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
        self._session.link.close()

    def _use(self, slot: Slot, command: Command, pin: bytearray | None) -> bytes:
        once = Pin(pin)
        return self._session.run(lambda: self._use_within(slot, command, once))

    def _use_within(self, slot: Slot, command: Command, pin: Pin) -> bytes:
        given = bool(pin) or not self._pins.is_verified(slot.pin)
        if given:
            self._pins.verify(slot.pin, pin)
        try:
            return self._session.command(command)
        except PinNeeded:
            self._pins.forget(slot.pin)
            if given:
                raise UseRefused("the card does not allow this with the PIN verified") from None
            raise
        except (UseRefused, TimedOut):
            # Some cards mean "PIN used up" by 6985; after a missed touch GnuPG asks anew as well.
            self._pins.forget(slot.pin)
            raise

    def _keys(self) -> list[Key]:
        objects = self._application.objects
        fingerprints = split(objects.get(DO.FINGERPRINTS) or b"", 20)
        times = split(objects.get(DO.KEY_TIMES) or b"", 4)
        keys = []
        for slot, fingerprint, time in zip(SLOTS, fingerprints, times, strict=True):
            public = self._application.public_key(slot)
            if public is not None:
                known = fingerprint if any(fingerprint) else None
                created = int.from_bytes(time, "big") or None
                keys.append(Key(slot.ref, slot.use, public, fingerprint=known, created=created))
        return keys

    def _attributes(self, names: Collection[Attribute]) -> dict[Attribute, bytes]:
        found = {}
        for name in names:
            try:
                value = self._application.objects.get(ATTRIBUTES[name]) if self._has(name) else None
            except Broken as exc:
                log.warning("%s: left out: %s", name.value, exc)
                continue
            if value is not None:
                found[name] = value[: LENGTHS.get(name)]
        return found

    def _has(self, name: Attribute) -> bool:
        """Whether it makes sense to ask the card: what it cannot have costs no APDU."""
        capabilities = self._info.capabilities
        conditions = {
            Attribute.PRIVATE_DO_1: capabilities.private_dos,
            Attribute.PRIVATE_DO_2: capabilities.private_dos,
            Attribute.PRIVATE_DO_3: capabilities.private_dos and self.is_verified(PinRef.PW1_82),
            Attribute.PRIVATE_DO_4: capabilities.private_dos and self.is_verified(PinRef.PW3),
            Attribute.UIF_1: capabilities.button,
            Attribute.UIF_2: capabilities.button,
            Attribute.UIF_3: capabilities.button,
            Attribute.KDF: capabilities.kdf,
        }
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


def _der(data: bytes) -> bytes | None:
    """A certificate without what pads its data object; None if it is none."""
    try:
        tag, value = next(tlv.parse(data), (None, b""))
    except Broken:
        tag, value = None, b""
    if tag != _DER_SEQUENCE:
        log.warning("what is in the certificate object is no certificate")
        return None
    return tlv.encode(_DER_SEQUENCE, value)
