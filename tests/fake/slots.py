"""The three slots of a card in memory."""

from __future__ import annotations

from dataclasses import dataclass

from backends.changes import Stamp
from backends.curves import CURVE25519, ED25519
from backends.token import Algorithm, ECAlgorithm, Key, PinRef, Use
from tests.fake.keys import SoftKey, public_key

USES = {
    "OPENPGP.1": Use.SIGN | Use.CERTIFY,
    "OPENPGP.2": Use.DECRYPT,
    "OPENPGP.3": Use.SIGN | Use.AUTHENTICATE,
}


@dataclass
class Slot:
    algorithm: Algorithm
    key: SoftKey | None = None
    stamp: Stamp | None = None
    certificate: bytes | None = None


def empty_slots() -> dict[str, Slot]:
    """For Ed25519, Cv25519 and Ed25519."""
    return {
        "OPENPGP.1": Slot(ECAlgorithm(22, ED25519)),
        "OPENPGP.2": Slot(ECAlgorithm(18, CURVE25519)),
        "OPENPGP.3": Slot(ECAlgorithm(22, ED25519)),
    }


def key_in(ref: str, slot: Slot) -> Key:
    assert slot.key is not None
    public, stamp = public_key(slot.key), slot.stamp
    known = stamp.fingerprint(public) if stamp else None
    created = stamp.created if stamp else None
    certified = slot.certificate is not None
    return Key(ref, USES[ref], public, "", certified, known, created)


def pin_of(key: Key) -> PinRef:
    return PinRef.PW1_81 if key.ref == "OPENPGP.1" else PinRef.PW1_82
