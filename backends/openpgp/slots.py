"""The three key slots of an OpenPGP card: one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backends.openpgp import operations
from backends.openpgp.apdu import Command
from backends.openpgp.data_objects import DO
from backends.token import PinRef, PublicKey, Use


@dataclass(frozen=True, slots=True)
class Slot:
    """``number``: 1 to 3.  ``crt``: control reference template that names it to the card.
    ``fingerprint``, ``time``: where they are written.  ``uif``: its touch switch.
    ``import_v1``: tag of the object that takes a key in version 1.  ``occurrence``: of its
    certificate in DO 7F21 (OpenPGP card 3.4 section 7.2.7).  ``sign``: the command that signs, if
    the slot does."""

    number: int
    crt: bytes
    algorithm: DO
    fingerprint: DO
    time: DO
    uif: DO
    import_v1: int
    use: Use
    pin: PinRef
    occurrence: int
    sign: Callable[[PublicKey, bytes], Command] | None

    @property
    def ref(self) -> str:
        return f"OPENPGP.{self.number}"


SLOTS: tuple[Slot, ...] = (
    Slot(
        1,
        b"\xb6\x00",
        DO.ALGORITHM_SIG,
        DO.FINGERPRINT_SIG,
        DO.TIME_SIG,
        DO.UIF_SIG,
        0xE0,
        Use.SIGN | Use.CERTIFY,
        PinRef.PW1_81,
        2,
        operations.compute_signature,
    ),
    Slot(
        2,
        b"\xb8\x00",
        DO.ALGORITHM_DEC,
        DO.FINGERPRINT_DEC,
        DO.TIME_DEC,
        DO.UIF_DEC,
        0xE1,
        Use.DECRYPT,
        PinRef.PW1_82,
        1,
        None,
    ),
    Slot(
        3,
        b"\xa4\x00",
        DO.ALGORITHM_AUT,
        DO.FINGERPRINT_AUT,
        DO.TIME_AUT,
        DO.UIF_AUT,
        0xE2,
        Use.SIGN | Use.AUTHENTICATE,
        PinRef.PW1_82,
        0,
        operations.internal_authenticate,
    ),
)
BY_REF: dict[str, Slot] = {slot.ref: slot for slot in SLOTS}
