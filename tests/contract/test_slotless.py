"""What backends/changes.py promises of tokens that have no slots of their own."""

from __future__ import annotations

import pytest

from backends.changes import (
    Attest,
    Change,
    GenerateKey,
    SetAlgorithm,
    SetAttribute,
    WriteCertificate,
    WriteKey,
)
from backends.curves import CURVE25519, ED25519, NIST_P256
from backends.errors import BadPin, NotFound, NotSupported, Occupied, PinNeeded
from backends.token import Algorithm, Attribute, ECAlgorithm, PinRef, RSAAlgorithm
from tests.contract.specimens import Changeable
from tests.contract.test_changes import MAKERS, USES, make, stamp, use
from tests.fake.keys import private_key, public_key

SIGN = GenerateKey("OPENPGP.1", stamp("OPENPGP.1"), ECAlgorithm(19, NIST_P256))
WRONG = b"99999999"


@pytest.mark.parametrize(
    ("ref", "algorithm"),
    [
        ("OPENPGP.1", ECAlgorithm(22, ED25519)),
        ("OPENPGP.2", ECAlgorithm(18, CURVE25519)),
        ("OPENPGP.2", ECAlgorithm(18, NIST_P256)),
        ("OPENPGP.3", ECAlgorithm(22, ED25519)),
    ],
)
def test_new_key_is_for_what_its_slot_is_for(
    slotless: Changeable, ref: str, algorithm: Algorithm
) -> None:
    public = make(slotless, GenerateKey(ref, stamp(ref), algorithm))
    (key,) = slotless.token.keys()
    assert key.public == public
    assert USES[ref] in key.use
    use(slotless, key)


@pytest.mark.parametrize(
    ("ref", "kind"), [("OPENPGP.1", "rsa2048"), ("OPENPGP.2", "cv25519"), ("OPENPGP.3", "ed25519")]
)
def test_imported_key(slotless: Changeable, ref: str, kind: str) -> None:
    secret = MAKERS[kind]()
    wanted = WriteKey(ref, stamp(ref), private_key(secret))
    make(slotless, wanted)
    (key,) = slotless.token.keys()
    assert key.public == public_key(secret)
    use(slotless, key)
    with pytest.raises(Occupied):
        make(slotless, wanted)
    assert list(slotless.token.keys()) == [key]


def test_a_new_key_takes_the_place_of_none(slotless: Changeable) -> None:
    made = [make(slotless, SIGN) for _ in range(2)]
    assert not slotless.token.is_occupied(SIGN.ref)
    keys = slotless.token.keys()
    assert len({key.ref for key in keys}) == 2
    assert {key.public for key in keys} == set(made)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (SetAttribute(Attribute.DISP_NAME, b"Doe<<Jane"), NotSupported),
        (SetAlgorithm("OPENPGP.1", RSAAlgorithm(2048)), NotSupported),
        (Attest("OPENPGP.1"), NotSupported),
        (GenerateKey("OPENPGP.4", SIGN.stamp, SIGN.algorithm), NotFound),
        (WriteCertificate("P11.0123456789ABCDEF", b""), NotFound),
    ],
    ids=lambda v: type(v).__name__,
)
def test_refused_before_the_pin(
    slotless: Changeable, change: Change, error: type[Exception]
) -> None:
    with pytest.raises(error):
        slotless.token.pin_for_change(change)


def test_nothing_is_made_without_the_pin(slotless: Changeable) -> None:
    request = slotless.token.pin_for_change(SIGN)
    assert request is not None
    assert request.ref is PinRef.USER
    with pytest.raises(PinNeeded):
        slotless.token.change(SIGN, None)
    with pytest.raises(BadPin):
        slotless.token.change(SIGN, bytearray(WRONG))
    slotless.token.verify_pin(PinRef.USER, bytearray(slotless.pins[PinRef.USER]))
    assert not slotless.token.keys()
    assert slotless.token.pin_for_change(SIGN) is None


@pytest.mark.parametrize("ref", [PinRef.USER, PinRef.SO], ids=str)
def test_pin_is_changed_by_who_knows_it(slotless: Changeable, ref: PinRef) -> None:
    token, old, new = slotless.token, slotless.pins[ref], b"27182818284"
    assert token.new_pin(ref).min_length <= len(new) <= token.new_pin(ref).max_length
    with pytest.raises(BadPin):
        token.change_pin(ref, bytearray(WRONG), bytearray(new))
    token.change_pin(ref, bytearray(old), bytearray(new))
    with pytest.raises(BadPin):
        token.verify_pin(ref, bytearray(old))
    token.verify_pin(ref, bytearray(new))


def test_the_officer_sets_the_users_pin(slotless: Changeable) -> None:
    token, new = slotless.token, b"27182818284"
    with pytest.raises(BadPin):
        token.reset_pin(PinRef.USER, bytearray(WRONG), bytearray(new))
    token.verify_pin(PinRef.USER, bytearray(slotless.pins[PinRef.USER]))
    token.reset_pin(PinRef.USER, bytearray(slotless.pins[PinRef.SO]), bytearray(new))
    token.verify_pin(PinRef.USER, bytearray(new))
    token.forget_pin(PinRef.USER)
    assert not token.is_verified(PinRef.USER)


@pytest.mark.parametrize("ref", [PinRef.PW1_81, PinRef.PW3, PinRef.RC], ids=str)
def test_pins_of_cards_are_not_there(slotless: Changeable, ref: PinRef) -> None:
    for call in (slotless.token.pin_named, slotless.token.new_pin):
        with pytest.raises(NotSupported):
            call(ref)
    with pytest.raises(NotSupported):
        slotless.token.unblock_pin(bytearray(WRONG), bytearray(WRONG))
