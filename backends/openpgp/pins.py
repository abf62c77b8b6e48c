"""The PINs of one card: which are verified, what is left of them, and VERIFY.

Changing them is here only as far as it is done at the pinpad of the reader.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from backends.errors import BadPin, Broken, NotSupported, PinBlocked, PinNeeded, TokenError
from backends.openpgp.apdu import Response
from backends.openpgp.data_objects import DO, VERSION_2, PWStatus
from backends.openpgp.kdf import KDF
from backends.openpgp.link import LinkLost
from backends.openpgp.objects import Objects
from backends.openpgp.pinpad import Feature, Lengths, preferred_lengths, refusal
from backends.openpgp.pinpad_reader import Pinpad
from backends.openpgp.session import Session
from backends.openpgp.status import SW, to_error, tries_left
from backends.secret import wipe
from backends.token import PinRef, PinRequest

log = logging.getLogger(__name__)

_VERIFY = 0x20


@dataclass(frozen=True, slots=True)
class Kind:
    """``p2`` of VERIFY; ``min_length`` of OpenPGP card 3.4 section 4.3; position in DO C4."""

    p2: int
    min_length: int
    position: int


_KINDS: dict[PinRef, Kind] = {
    PinRef.PW1_81: Kind(0x81, 6, 0),
    PinRef.PW1_82: Kind(0x82, 6, 0),
    PinRef.RC: Kind(0, 8, 1),
    PinRef.PW3: Kind(0x83, 8, 2),
}
#: CHV2 of version 1 is a PIN of its own, with its own counter.
_CHV2 = Kind(0x82, 6, 1)
_OTHER_PW1 = {PinRef.PW1_81: PinRef.PW1_82, PinRef.PW1_82: PinRef.PW1_81}
#: Wrong length or wrong data: the card refused the PIN without comparing it.
_NOT_COMPARED = (SW.WRONG_LENGTH, SW.WRONG_DATA)
#: Seconds for which the tries that came with the selection may be told once: it was the present
#: command that selected, or the one before it, so nothing is gained by reading them twice.
_RECENT = 3.0


class Pin:
    """A PIN on its way to the card: it can be taken once."""

    def __init__(self, value: bytearray | None) -> None:
        self._value = value

    def take(self) -> bytearray | None:
        value, self._value = self._value, None
        return value

    def __bool__(self) -> bool:
        return self._value is not None


class Pins:
    """What is said here of a verified PIN is what we did; only the card knows for certain."""

    def __init__(self, session: Session, objects: Objects, pinpad: Pinpad) -> None:
        self._session = session
        self._objects = objects
        self._pinpad = pinpad
        self._verified: set[PinRef] = set()
        self._put_off: tuple[PinRef, bytearray] | None = None
        self._seen: tuple[float, bytes] | None = None
        #: What was said last that the user is to do at the pinpad: good for one time.
        self._announced: tuple[Feature, PinRef] | None = None
        #: Set once the application is known: its version, and whether it can have a KDF-DO.
        self.version = 0
        self.has_kdf = False
        self.status: PWStatus | None = None

    def is_verified(self, ref: PinRef) -> bool:
        """Whether it was found right, and nothing has taken that back."""
        return ref in self._verified or (self._put_off is not None and self._put_off[0] is ref)

    def suffices(self, ref: PinRef) -> bool:
        """Whether the next operation with that PIN can do without it."""
        return self.is_verified(ref) and not (ref is PinRef.PW1_81 and self.forced)

    def is_used(self, ref: PinRef) -> None:
        """An operation with that PIN was made."""
        if ref is PinRef.PW1_81 and self.forced:
            self.forget(ref)

    @property
    def forced(self) -> bool:
        """Whether each signature wants its own VERIFY (first byte of DO C4)."""
        return self.status is not None and not self.status.several_signatures

    def forget(self, *refs: PinRef) -> None:
        """Those, or all if none is named, must be verified again."""
        self._verified.difference_update(refs or _KINDS)
        self._drop_put_off()

    def see_status(self, data: bytes) -> None:
        """DO C4 as it came along with the selection of the application."""
        self.status = PWStatus.parse(data)
        self._seen = time.monotonic(), data

    def take_recent(self) -> bytes | None:
        """DO C4 if it came with the selection just now, and was not taken yet."""
        seen, self._seen = self._seen, None
        return seen[1] if seen and time.monotonic() - seen[0] < _RECENT else None

    def read_status(self) -> PWStatus:
        """DO C4, afresh (one APDU, unless it came with the selection just now), within an
        operation."""
        data = self.take_recent() or self._objects.get(DO.PW_STATUS)
        if data is None:
            raise Broken("the card has no PW status bytes")
        self.status = PWStatus.parse(data)
        return self.status

    def request(self, ref: PinRef) -> PinRequest:
        """What to ask for.  Raises PinBlocked."""
        self._announced = None
        kind, status = self.kind(ref), self.read_status()
        if status.tries[kind.position] == 0:
            raise PinBlocked("no tries are left for this PIN")
        return PinRequest(
            ref,
            tries_left=status.tries[kind.position],
            min_length=kind.min_length,
            max_length=status.max_lengths[kind.position],
            each_time=ref is PinRef.PW1_81 and self.forced,
            pinpad=self._announce(Feature.VERIFY_PIN_DIRECT, ref),
        )

    def announce_change(self, ref: PinRef) -> bool:
        """Whether old and new value are to be entered at the pinpad: then
        :meth:`modify_at_pinpad` is the next that is done with a PIN."""
        return self._announce(Feature.MODIFY_PIN_DIRECT, ref)

    def _announce(self, feature: Feature, ref: PinRef) -> bool:
        self._announced = None
        if self.kind(ref).p2 and self._lengths_at_pinpad(feature, ref) is not None:
            self._announced = feature, ref
        return self._announced is not None

    def verify(self, ref: PinRef, pin: Pin) -> None:
        """VERIFY within an operation.  Raises PinNeeded if the PIN was taken already.

        Without a PIN it is entered at the pinpad if that is what the last request announced, so
        that no reader waits for a user whom nobody told; once, as a PIN is taken once.

        PW1 is one PIN with two uses.  Unless each signature is to be confirmed, the other use is
        opened with it, so that people are asked once for signing, decryption and ssh; the PIN was
        just found right, so no try is at stake.  As a VERIFY is slow, that is put off until
        :meth:`settle`.
        """
        self.verifiable(ref)
        if not pin:
            self._verify_at_pinpad(ref)
            return
        self._announced = None
        kdf = self.kdf()
        self._session.prove()
        value = pin.take()
        assert value is not None
        secret = self.secret(ref, value, kdf)
        try:
            self.verify_secret(ref, secret)
            other = _OTHER_PW1.get(ref)
            if other and other not in self._verified and not self.forced and not self.is_version_1:
                self._put_off = other, bytearray(secret)
        finally:
            wipe(secret)

    def secret(self, ref: PinRef, value: bytearray, kdf: KDF | None) -> bytearray:
        """What the card gets to see of this PIN.  Raises BadPin, with no try spent, if it cannot be
        right by its length: some cards count even those."""
        shortest, longest = self.kind(ref).min_length, self._longest(ref)
        if not shortest <= len(value) <= longest:
            raise BadPin(f"a PIN has {shortest} to {longest} bytes")
        return kdf.derive(ref, value) if kdf else bytearray(value)

    def settle(self) -> None:
        """Send the VERIFY that was put off, if there is one; within an operation."""
        if self._put_off is None:
            return
        self._session.prove()
        other, secret = self._put_off
        try:
            if self.exchange(_VERIFY, 0, self.kind(other).p2, secret) == SW.OK:
                self._verified.add(other)
        finally:
            self._drop_put_off()

    def settle_for(self, ref: PinRef) -> None:
        """The same, if an operation with that PIN is to follow."""
        if self._put_off is not None and self._put_off[0] is ref:
            self.settle()

    @property
    def settled(self) -> bool:
        return self._put_off is None

    def _drop_put_off(self) -> None:
        if self._put_off is not None:
            wipe(self._put_off[1])
            self._put_off = None

    def verify_secret(self, ref: PinRef, secret: bytearray) -> None:
        """VERIFY with what :meth:`secret` made of a PIN."""
        self.forget(ref)
        sw = self.exchange(_VERIFY, 0, self.kind(ref).p2, secret)
        if sw != SW.OK:
            raise self.refusal(ref, sw)
        self._verified.add(ref)

    def _verify_at_pinpad(self, ref: PinRef) -> None:
        lengths = self._take_announced(Feature.VERIFY_PIN_DIRECT, ref)
        self.forget(ref)
        self._check_entry(ref, self._pinpad.verify(self.kind(ref).p2, lengths))
        self._verified.add(ref)

    def modify_at_pinpad(self, ref: PinRef) -> None:
        """CHANGE REFERENCE DATA within an operation, after :meth:`announce_change`."""
        lengths = self._take_announced(Feature.MODIFY_PIN_DIRECT, ref)
        self.forget(ref, _OTHER_PW1.get(ref, ref))
        self._check_entry(ref, self._pinpad.modify(self.kind(ref).p2, lengths))

    def _take_announced(self, feature: Feature, ref: PinRef) -> Lengths:
        if self._announced != (feature, ref):
            raise PinNeeded("the PIN is not, or no longer, verified")
        self._session.prove()
        lengths = self._lengths_at_pinpad(feature, ref)
        self._announced = self._seen = None
        if lengths is None:
            raise PinNeeded("the PIN can no longer be entered at the pinpad")
        return lengths

    def _check_entry(self, ref: PinRef, answer: bytes) -> None:
        sw = Response.parse(answer).sw
        if sw != SW.OK:
            raise refusal(sw) or self.refusal(ref, sw)

    def _lengths_at_pinpad(self, feature: Feature, ref: PinRef) -> Lengths | None:
        """None where the PIN is not entered at the reader: that has no pinpad or may not use it,
        cannot derive what the card wants to see, or cannot take PINs like this one."""
        if not self._pinpad.has(feature) or self.kdf():
            return None
        preferred = preferred_lengths(self._objects.get(DO.LOGIN) or b"")
        fixed = preferred[ref is PinRef.PW3] if preferred else None
        within = Lengths(self.kind(ref).min_length, self._longest(ref))
        return self._pinpad.lengths(within, fixed)

    def exchange(self, ins: int, p1: int, p2: int, secret: bytearray) -> int:
        """Send a command whose data are PINs, once; the status word.

        Raises Broken, never LinkLost, once it is on its way: it may have been a try."""
        self._seen = None
        command = bytearray((0, ins, p1, p2, len(secret))) + secret
        try:
            return Response.parse(self._session.transmit(command)).sw
        except LinkLost:
            raise Broken("contact with the card was lost while a PIN was sent") from None
        finally:
            wipe(command)

    def refusal(self, ref: PinRef, sw: int) -> TokenError:
        """What is wrong, with the tries that are left now."""
        self._objects.drop(DO.KDF)
        if sw not in (SW.SECURITY_STATUS, *_NOT_COMPARED) and tries_left(sw) is None:
            return to_error(sw)
        left = tries_left(sw)
        return BadPin(tries_left=self._tries_read(ref) if left is None else left)

    def _tries_read(self, ref: PinRef) -> int | None:
        """None if the card is lost by now: the PIN was wrong all the same, and must not be asked
        for as if it had not been tried."""
        try:
            return self.read_status().tries[self.kind(ref).position]
        except (TokenError, LinkLost) as exc:
            log.warning("how many tries are left cannot be read: %s", exc)
            return None

    def _longest(self, ref: PinRef) -> int:
        return self.status.max_lengths[self.kind(ref).position] if self.status else 0xFF

    @property
    def is_version_1(self) -> bool:
        return 0 < self.version < VERSION_2

    def kind(self, ref: PinRef) -> Kind:
        if ref is PinRef.PW1_82 and self.is_version_1:
            return _CHV2
        if ref not in _KINDS or (ref is PinRef.RC and self.is_version_1):
            raise NotSupported(f"an OpenPGP card has no PIN {ref.value}")
        return _KINDS[ref]

    def verifiable(self, ref: PinRef) -> Kind:
        """The kind of a PIN that VERIFY takes: not the resetting code."""
        kind = self.kind(ref)
        if not kind.p2:
            raise NotSupported(f"{ref.value} is not verified by itself")
        return kind

    def kdf(self) -> KDF | None:
        data = self._objects.get(DO.KDF) if self.has_kdf else None
        return KDF.parse(data) if data else None
