"""The OpenPGP application on one card: selecting it, its data objects, its public keys.

Using the keys is in :mod:`backends.openpgp.card`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backends.changes import Stamp
from backends.errors import Broken, HardwareFailure, NotFound, Removed, Terminated
from backends.openpgp import tlv
from backends.openpgp.algorithms import (
    is_of,
    parse_algorithm,
    parse_information,
    parse_public_key,
)
from backends.openpgp.apdu import ANY_LENGTH, SHORT_ANSWER, Command
from backends.openpgp.data_objects import (
    AID,
    DO,
    KEY_OBJECTS,
    LONG,
    VERSION_3,
    ExtendedCapabilities,
    HistoricalBytes,
    flatten,
    has_button,
    key_states,
    split,
)
from backends.openpgp.link import Link
from backends.openpgp.memory import Memory
from backends.openpgp.objects import Objects
from backends.openpgp.pin_changes import PinChanges
from backends.openpgp.pinpad import PinpadOptions
from backends.openpgp.pinpad_reader import Pinpad
from backends.openpgp.pins import Pins
from backends.openpgp.session import Session
from backends.openpgp.slots import Slot
from backends.openpgp.status import SW, is_ok, to_error
from backends.openpgp.yubikey import Firmware
from backends.token import Algorithm, PublicKey, RSAAlgorithm

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SlotState:
    """What a card tells of a slot.  ``public``: None if there is no key that can be read."""

    algorithm: bytes
    fingerprint: bytes
    created: int
    public: PublicKey | None

    def since(self, before: SlotState) -> str:
        """What is there now, for people."""
        if self.public is None:
            return "no key"
        if not any(self.fingerprint):
            return "a key without a fingerprint"
        name = self.fingerprint.hex().upper()
        if (self.fingerprint, self.public) != (before.fingerprint, before.public) and (
            self.fingerprint == before.fingerprint
        ):
            return f"a new key beside the fingerprint {name} of the old one"
        return f"a key with the fingerprint {name}"


#: The first six bytes select every version and maker; some cards do not know their own full AID.
PREFIX = bytes.fromhex("D27600012401")
_SELECT, _SELECT_DATA, _GET_DATA, _PUT_DATA, _ASYMMETRIC_KEY_PAIR = 0xA4, 0xA5, 0xCA, 0xDA, 0x47
_READ_PUBLIC_KEY = 0x81
#: Some say so of objects that they do not know at all.
_ABSENT = frozenset(
    {
        SW.FUNCTION_NOT_SUPPORTED,
        SW.FILE_NOT_FOUND,
        SW.RECORD_NOT_FOUND,
        SW.WRONG_PARAMETERS,
        SW.REFERENCED_DATA_NOT_FOUND,
        SW.WRONG_P1_P2,
    }
)
#: No other application has these: an answer proves who gave it.
_TELLING = frozenset({DO.APPLICATION, DO.PW_STATUS, DO.CARDHOLDER, DO.SECURITY_SUPPORT})


class Application:
    """All methods but :meth:`open` are called within an operation of ``session``."""

    def __init__(self, link: Link, memory: Memory, pinpad: PinpadOptions) -> None:
        self.session = Session(link, self._select, self._is_selected)
        self.objects = Objects(self._get_data)
        self.pins = Pins(self.session, self.objects, Pinpad(self.session, pinpad))
        self.pin_changes = PinChanges(self.session, self.pins)
        self.firmware = Firmware(self.session)
        self.aid: AID | None = None
        self.terminated = False
        #: Whether the card has a button; None while it has not been asked.
        self.button: bool | None = None
        self._memory = memory
        self._keys_seen: tuple[bytes | None, ...] = ()
        self._public: dict[Slot, PublicKey | None] = {}

    def open(self) -> AID:
        """Select the application for the first time.

        Raises NotFound if the card has none; Terminated, with ``aid`` set if the card tells it.
        """
        self.session.run(self.capabilities)
        assert self.aid is not None
        return self.aid

    @property
    def version(self) -> int:
        """0x0304 for 3.4."""
        assert self.aid is not None
        return self.aid.version

    def capabilities(self) -> ExtendedCapabilities:
        return ExtendedCapabilities.parse(self.objects.get(DO.EXTENDED_CAPABILITIES) or b"")

    def historical(self) -> HistoricalBytes:
        return HistoricalBytes.parse(self.objects.get(DO.HISTORICAL_BYTES) or b"")

    def has_button(self) -> bool:
        """Asks a card that keeps its features out of 6E for them."""
        if self.button is None:
            self.button = has_button(self.objects.get(DO.GENERAL_FEATURES) or b"")
        return self.button

    def _button_in_6e(self) -> bool | None:
        features = self.objects.in_parent(DO.GENERAL_FEATURES)
        if features is not None:
            return has_button(features)
        return True if self.objects.in_parent(DO.UIF_SIG) is not None else None

    def algorithm(self, slot: Slot) -> Algorithm | None:
        return parse_algorithm(self.objects.get(slot.algorithm) or b"")

    def offered(self, slot: Slot) -> list[Algorithm]:
        """What the slot can be set to, as far as the card tells."""
        information = self.objects.get(DO.ALGORITHM_INFORMATION) or b""
        return [found for tag, found in parse_information(information) if tag == slot.algorithm]

    def public_key(self, slot: Slot) -> PublicKey | None:
        """Read once, or not at all if it was in an earlier time."""
        if slot not in self._public:
            self._public[slot] = self._recall(slot) or self.read_public_key(slot)
        return self._public[slot]

    def holds_key(self, slot: Slot) -> bool | None:
        """What the card's records tell: DO DE, or else whether there is a fingerprint or a time.
        None: they tell of no key; one that was made by raw commands may be there all the same."""
        states = key_states(self.objects.in_parent(DO.KEY_INFORMATION) or b"")
        if slot.number in states:
            return states[slot.number] != 0
        return any(self.fingerprint(slot)) or bool(self.created(slot)) or None

    def fingerprint(self, slot: Slot) -> bytes:
        """20 bytes; zeros where there is none."""
        return split(self.objects.get(DO.FINGERPRINTS) or b"", 20)[slot.number - 1]

    def created(self, slot: Slot) -> int:
        """Seconds since the epoch; 0 where the card does not tell."""
        return int.from_bytes(split(self.objects.get(DO.KEY_TIMES) or b"", 4)[slot.number - 1])

    def certificate(self, slot: Slot) -> bytes | None:
        """DO 7F21; in versions before 3 the only one is that of the authentication key."""
        if slot.occurrence == 0:
            return self.objects.get(DO.CERTIFICATE)
        if self.version < VERSION_3:
            return None
        try:
            with self.certificate_selected(slot):
                data = self._get_data(DO.CERTIFICATE)
        except NotFound:
            return None
        return data and tlv.unwrap(DO.CERTIFICATE, data)

    @contextmanager
    def certificate_selected(self, slot: Slot) -> Iterator[None]:
        """GET DATA and PUT DATA of 7F21 mean the certificate of this slot.  Raises NotFound."""
        if slot.occurrence == 0:
            yield
            return
        if not self._select_certificate(slot.occurrence):
            self.session.prove()
            raise NotFound(f"the card has no place for a certificate of {slot.ref}")
        try:
            yield
        finally:
            self._select_certificate(0)

    def put_data(self, tag: int, value: bytes | bytearray) -> None:
        """PUT DATA.  Raises the TokenError of its status word."""
        self.session.command(put_data(tag, value))

    def slot_state(self, slot: Slot) -> SlotState:
        algorithm = self.objects.get(slot.algorithm) or b""
        public = None if self.holds_key(slot) is False else self.public_key(slot)
        return SlotState(algorithm, self.fingerprint(slot), self.created(slot), public)

    def replace_key(self, slot: Slot) -> None:
        """It is about to go, and its fingerprint may outlive it on the card: some cards keep it,
        and a change can fail half-way."""
        self._memory.forget_public_key(self.fingerprint(slot))
        self.forget_key(slot)

    def forget_key(self, slot: Slot) -> None:
        """It is, or may be, no longer what it was."""
        self._public.pop(slot, None)
        for do in KEY_OBJECTS:
            self.objects.drop(do)

    def key_is(self, slot: Slot, public: PublicKey, stamp: Stamp) -> None:
        """The key of the slot, known without reading: nothing can fail any more."""
        self._public[slot] = public
        fingerprint = stamp.fingerprint(public)
        self._memory.keep_public_key(fingerprint, stamp.created, slot.use, public)

    def _select(self) -> None:
        self.pins.forget()
        self.objects.forget()
        sw = self.session.channel.send(Command(_SELECT, 4, 0, PREFIX)).sw
        self.session.proven = True
        if sw == SW.TERMINATED:
            self.terminated = True
            self.aid = self.aid or self._read_aid()
            raise Terminated("the card is terminated")
        aid = self._read_aid() if is_ok(sw) else None
        if self.aid is None and not self.terminated:
            if aid is None:
                raise NotFound(f"no OpenPGP application (SW {sw:04X})")
            self.aid = aid
        if aid != self.aid or self.terminated:
            raise Removed("this is another card now, or has another state of life")
        self._learn()

    def _learn(self) -> None:
        """What decides how to talk to the card; and whether its keys are those we know."""
        assert self.aid is not None
        historical = self.historical()
        self.session.channel.extended = historical.extended_length
        self.session.channel.chaining = historical.command_chaining
        self.pins.version = self.aid.version
        self.pins.has_kdf = self.capabilities().has_kdf
        self.button = self._button_in_6e()
        inside = flatten(DO.APPLICATION, self.objects.get(DO.APPLICATION) or b"")
        if DO.PW_STATUS in inside:
            self.pins.see_status(inside[DO.PW_STATUS])
        else:
            self.pins.read_status()
        seen = tuple(self.objects.in_parent(do) for do in KEY_OBJECTS)
        if seen != self._keys_seen:
            self._keys_seen = seen
            self._public.clear()

    def _is_selected(self) -> bool:
        response = self.session.channel.send(_get_data(DO.AID))
        return self.aid is not None and tlv.unwrap(DO.AID, response.data) == self.aid.raw

    def _read_aid(self) -> AID | None:
        data = self.objects.get(DO.AID)
        return AID.parse(data) if data else None

    def _get_data(self, do: DO) -> bytes | None:
        long = do in LONG and self.session.channel.extended
        response = self.session.channel.send(_get_data(do, ANY_LENGTH if long else SHORT_ANSWER))
        if is_ok(response.sw):
            self.session.proven |= do in _TELLING and bool(response.data)
            return response.data
        self.session.prove()
        if response.sw == SW.MEMORY_FAILURE:
            raise HardwareFailure("memory failure on the card")
        if do is DO.KDF and response.sw not in _ABSENT:
            # Without it a PIN would go as it is, which may cost a try.
            raise Broken(f"how PINs are sent to this card cannot be read (SW {response.sw:04X})")
        # Cards have many words for "not there", and some for "not now": 6A88, 6A83, 6982...
        return None

    def _recall(self, slot: Slot) -> PublicKey | None:
        """A remembered key, if all that the card shows of its own key fits it."""
        fingerprint = self.fingerprint(slot)
        if not any(fingerprint):
            return None
        public = self._memory.public_key(fingerprint, self.created(slot), slot.use)
        return public if public and is_of(public, self.algorithm(slot)) else None

    def read_public_key(self, slot: Slot) -> PublicKey | None:
        """From the card, whatever is remembered."""
        algorithm = self.algorithm(slot)
        long = isinstance(algorithm, RSAAlgorithm) and self.session.channel.extended
        le = ANY_LENGTH if long else SHORT_ANSWER
        command = Command(_ASYMMETRIC_KEY_PAIR, _READ_PUBLIC_KEY, 0, slot.crt, le)
        response = self.session.channel.send(command)
        if not is_ok(response.sw):
            self.session.prove()
            log.debug("%s: no key: %s", slot.ref, to_error(response.sw))
            return None
        try:
            public = parse_public_key(response.data, algorithm)
        except Broken as exc:
            log.warning("%s: left out: %s", slot.ref, exc)
            return None
        fingerprint = self.fingerprint(slot)
        if any(fingerprint):
            self._memory.keep_public_key(fingerprint, self.created(slot), slot.use, public)
        return public

    def _select_certificate(self, occurrence: int) -> bool:
        """SELECT DATA.  YubiKeys from 5.2 to 5.4.3 want a length before the standard data."""
        standard = bytes.fromhex("60045C027F21")
        return any(
            is_ok(self.session.channel.send(Command(_SELECT_DATA, occurrence, 4, data)).sw)
            for data in (standard, bytes((len(standard),)) + standard)
        )


def put_data(tag: int, value: bytes | bytearray) -> Command:
    """Without data Lc is there all the same, as GnuPG sends it and cards have seen it."""
    le = None if value else SHORT_ANSWER
    return Command(_PUT_DATA, tag >> 8, tag & 0xFF, value, le)


def _get_data(do: DO, le: int = SHORT_ANSWER) -> Command:
    return Command(_GET_DATA, do >> 8, do & 0xFF, le=le)
