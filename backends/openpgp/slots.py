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
    ``uif``: its touch switch.  ``occurrence``: of its certificate in DO 7F21 (OpenPGP card 3.4
    section 7.2.7).  ``sign``: the command that signs, if the slot does."""

    number: int
    crt: bytes
    algorithm: DO
    uif: DO
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
        DO.UIF_SIG,
        Use.SIGN | Use.CERTIFY,
        PinRef.PW1_81,
        2,
        operations.compute_signature,
    ),
    Slot(2, b"\xb8\x00", DO.ALGORITHM_DEC, DO.UIF_DEC, Use.DECRYPT, PinRef.PW1_82, 1, None),
    Slot(
        3,
        b"\xa4\x00",
        DO.ALGORITHM_AUT,
        DO.UIF_AUT,
        Use.SIGN | Use.AUTHENTICATE,
        PinRef.PW1_82,
        0,
        operations.internal_authenticate,
    ),
)
BY_REF: dict[str, Slot] = {slot.ref: slot for slot in SLOTS}
