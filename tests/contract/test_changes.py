"""What backends/changes.py promises, held by every family of devices that can be changed.

The specimens are empty OpenPGP cards with the PINs that cards are delivered with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from backends.changes import (
    Change,
    GenerateKey,
    SetAlgorithm,
    SetAttribute,
    Stamp,
    WriteCertificate,
    WriteKey,
)
from backends.curves import CURVE25519, ED25519, NIST_P256
from backends.errors import BadInput, BadPin, NotFound, PinBlocked, PinNeeded, TokenError
from backends.token import (
    Algorithm,
    Attribute,
    ECAlgorithm,
    Key,
    PinRef,
    PublicKey,
    RSAAlgorithm,
    Use,
)
from scd.fingerprint import fingerprint
from tests.contract.oracle import check_signature, riddle, to_be_signed
from tests.contract.specimens import Changeable
from tests.fake.keys import SoftKey, private_key, public_key

MESSAGE = b"What is written on a card can be read there."
CREATED = 1_700_000_000
USES = {"OPENPGP.1": Use.SIGN, "OPENPGP.2": Use.DECRYPT, "OPENPGP.3": Use.AUTHENTICATE}
NAME = SetAttribute(Attribute.DISP_NAME, b"Doe<<Jane")


def stamp(ref: str, created: int = CREATED) -> Stamp:
    return Stamp(created, partial(fingerprint, created=created, use=USES[ref]))


def make(it: Changeable, change: Change) -> PublicKey | None:
    """Make a change as the daemon does."""
    for _ in range(3):
        request = it.token.pin_for_change(change)
        pin = bytearray(it.pins[request.ref]) if request else None
        try:
            return it.token.change(change, pin)
        except PinNeeded:
            continue
    raise AssertionError("the token never has enough of PINs")


def key_in(it: Changeable, ref: str) -> Key:
    (key,) = (key for key in it.token.keys() if key.ref == ref)
    return key


def use(it: Changeable, key: Key) -> None:
    """Sign or decrypt with the key, and check the result with its public key."""
    request = it.token.pin_for(key)
    pin = bytearray(it.pins[request.ref]) if request else None
    if Use.DECRYPT in key.use:
        puzzle = riddle(key)
        assert it.token.decrypt(key, puzzle.ciphertext, pin) == puzzle.solution
    else:
        tbs = to_be_signed(key.public, MESSAGE)
        check_signature(key.public, MESSAGE, it.token.sign(key, tbs, pin))


def read(it: Changeable, attribute: Attribute) -> bytes:
    return it.token.attributes({attribute}).get(attribute, b"")


# -- data --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        (Attribute.DISP_NAME, b"Doe<<Jane"),
        (Attribute.DISP_LANG, b"de"),
        (Attribute.DISP_SEX, b"2"),
        (Attribute.PUBKEY_URL, b"https://example.org/jane.asc"),
        (Attribute.LOGIN_DATA, b"jane\n\x14P=6,8"),
        (Attribute.LOGIN_DATA, b"jane" * 60),
    ],
    ids=lambda v: v.value if isinstance(v, Attribute) else str(len(v)),
)
def test_data_are_read_back(changeable: Changeable, attribute: Attribute, value: bytes) -> None:
    read(changeable, attribute)
    make(changeable, SetAttribute(attribute, value))
    assert read(changeable, attribute) == value


def test_data_can_be_emptied(changeable: Changeable) -> None:
    make(changeable, SetAttribute(Attribute.LOGIN_DATA, b"jane"))
    make(changeable, SetAttribute(Attribute.LOGIN_DATA, b""))
    assert read(changeable, Attribute.LOGIN_DATA) == b""


def test_forced_signature_pin_is_switched(changeable: Changeable) -> None:
    for value in (b"\x01", b"\x00", b"\x01"):
        make(changeable, SetAttribute(Attribute.CHV_STATUS_1, value))
        assert read(changeable, Attribute.CHV_STATUS)[:1] == value


def test_fingerprints_of_other_keys(changeable: Changeable) -> None:
    value = bytes(range(20))
    make(changeable, SetAttribute(Attribute.CA_FPR_2, value))
    assert read(changeable, Attribute.CA_FPR) == bytes(20) + value + bytes(20)


@pytest.mark.parametrize(
    "change",
    [
        SetAttribute(Attribute.DISP_NAME, b"x" * 40),
        SetAttribute(Attribute.CHV_STATUS_1, b"\0\0"),
        SetAttribute(Attribute.LOGIN_DATA, b"x" * 66000),
        WriteCertificate("OPENPGP.3", b"\x30" * 66000),
    ],
    ids=lambda c: type(c).__name__,
)
def test_what_does_not_fit_is_refused_before_the_pin(
    changeable: Changeable, change: Change
) -> None:
    with pytest.raises(BadInput):
        changeable.token.pin_for_change(change)


@pytest.mark.parametrize(
    "change",
    [
        WriteCertificate("OPENPGP.4", b"\x30\x00"),
        SetAlgorithm("PIV.9A", RSAAlgorithm(2048)),
        GenerateKey("", Stamp(1, lambda public: bytes(20))),
    ],
    ids=lambda c: type(c).__name__,
)
def test_slot_that_is_not_there(changeable: Changeable, change: Change) -> None:
    with pytest.raises(NotFound):
        changeable.token.pin_for_change(change)
    with pytest.raises(NotFound):
        changeable.token.is_occupied("OPENPGP.4")


def test_certificate(changeable: Changeable) -> None:
    der = b"\x30\x82\x02\x00" + bytes(512)
    assert changeable.token.certificate("OPENPGP.3") is None
    make(changeable, WriteCertificate("OPENPGP.3", der))
    assert changeable.token.certificate("OPENPGP.3") == der
    make(changeable, WriteCertificate("OPENPGP.3", b""))
    assert changeable.token.certificate("OPENPGP.3") is None


# -- the PIN that a change takes ---------------------------------------------------------------


def test_wrong_pin_costs_one_try_and_changes_nothing(changeable: Changeable) -> None:
    before = changeable.tries(PinRef.PW3)
    with pytest.raises(BadPin):
        changeable.token.change(NAME, bytearray(b"00000000"))
    assert changeable.tries(PinRef.PW3) == before - 1
    assert read(changeable, Attribute.DISP_NAME) != NAME.value
    make(changeable, NAME)
    assert changeable.tries(PinRef.PW3) == before
    assert read(changeable, Attribute.DISP_NAME) == NAME.value


def test_missing_pin_is_asked_for_and_costs_nothing(changeable: Changeable) -> None:
    request = changeable.token.pin_for_change(NAME)
    assert request is not None
    assert request.admin
    before = changeable.tries(PinRef.PW3)
    with pytest.raises(PinNeeded):
        changeable.token.change(NAME, None)
    assert changeable.tries(PinRef.PW3) == before
    assert read(changeable, Attribute.DISP_NAME) != NAME.value


def test_pin_is_not_asked_again_until_it_is_forgotten(changeable: Changeable) -> None:
    make(changeable, NAME)
    assert changeable.token.pin_for_change(NAME) is None
    changeable.token.change(NAME, None)
    changeable.token.forget_pin(PinRef.PW3)
    assert not changeable.token.is_verified(PinRef.PW3)
    assert changeable.token.pin_for_change(NAME) is not None


def test_blocked_pin_is_not_asked(changeable: Changeable) -> None:
    for _ in range(3):
        with pytest.raises((BadPin, PinBlocked)):
            changeable.token.change(NAME, bytearray(b"00000000"))
    with pytest.raises(PinBlocked):
        changeable.token.pin_for_change(NAME)


# -- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", USES)
def test_generated_key(changeable: Changeable, ref: str) -> None:
    assert not changeable.token.is_occupied(ref)
    curve = CURVE25519 if ref == "OPENPGP.2" else ED25519
    algorithm = ECAlgorithm(18 if ref == "OPENPGP.2" else 22, curve)
    public = make(changeable, GenerateKey(ref, stamp(ref), algorithm))
    assert public is not None
    assert changeable.token.is_occupied(ref)
    key = key_in(changeable, ref)
    assert (key.public, key.created) == (public, CREATED)
    assert key.fingerprint == fingerprint(public, CREATED, USES[ref])
    use(changeable, key)


def test_generating_replaces_the_key(changeable: Changeable) -> None:
    ref = "OPENPGP.1"
    first = make(changeable, GenerateKey(ref, stamp(ref), ECAlgorithm(22, ED25519)))
    second = make(changeable, GenerateKey(ref, stamp(ref, CREATED + 1)))
    assert first != second
    assert key_in(changeable, ref).public == second
    assert key_in(changeable, ref).created == CREATED + 1


MAKERS: dict[str, Callable[[], SoftKey]] = {
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "cv25519": x25519.X25519PrivateKey.generate,
    "nistp256": lambda: ec.generate_private_key(ec.SECP256R1()),
}


@pytest.mark.parametrize(
    ("ref", "kind"),
    [
        ("OPENPGP.1", "rsa2048"),
        ("OPENPGP.1", "ed25519"),
        ("OPENPGP.2", "rsa2048"),
        ("OPENPGP.2", "cv25519"),
        ("OPENPGP.3", "rsa2048"),
        ("OPENPGP.3", "ed25519"),
    ],
)
def test_imported_key(importing: Changeable, ref: str, kind: str) -> None:
    key = MAKERS[kind]()
    make(importing, WriteKey(ref, stamp(ref), private_key(key)))
    found = key_in(importing, ref)
    assert (found.public, found.created) == (public_key(key), CREATED)
    assert found.fingerprint == fingerprint(found.public, CREATED, USES[ref])
    use(importing, found)


def test_import_replaces_a_key_of_another_kind(importing: Changeable) -> None:
    ref = "OPENPGP.3"
    make(importing, GenerateKey(ref, stamp(ref), ECAlgorithm(22, ED25519)))
    key = MAKERS["rsa2048"]()
    make(importing, WriteKey(ref, stamp(ref), private_key(key)))
    assert key_in(importing, ref).public == public_key(key)
    algorithm = importing.token.algorithms()[2]
    assert isinstance(algorithm, RSAAlgorithm)
    assert algorithm.nbits == 2048


@pytest.mark.parametrize(
    ("ref", "algorithm"),
    [
        ("OPENPGP.1", RSAAlgorithm(2048)),
        ("OPENPGP.1", ECAlgorithm(19, NIST_P256)),
        ("OPENPGP.2", ECAlgorithm(18, NIST_P256)),
        ("OPENPGP.3", ECAlgorithm(22, ED25519)),
    ],
    ids=str,
)
def test_algorithm_is_read_back(changeable: Changeable, ref: str, algorithm: Algorithm) -> None:
    make(changeable, SetAlgorithm(ref, algorithm))
    found = changeable.token.algorithms()[int(ref[-1]) - 1]
    if isinstance(algorithm, ECAlgorithm):
        assert isinstance(found, ECAlgorithm)
        assert (found.algo, found.curve) == (algorithm.algo, algorithm.curve)
    else:
        assert isinstance(found, RSAAlgorithm)
        assert found.nbits == algorithm.nbits


def test_another_algorithm_deletes_the_key(changeable: Changeable) -> None:
    ref = "OPENPGP.1"
    make(changeable, GenerateKey(ref, stamp(ref), ECAlgorithm(22, ED25519)))
    make(changeable, SetAlgorithm(ref, RSAAlgorithm(2048)))
    assert ref not in [key.ref for key in changeable.token.keys()]


def test_nothing_secret_is_shown(changeable: Changeable) -> None:
    key = private_key(MAKERS["ed25519"]())
    wanted = WriteKey("OPENPGP.1", stamp("OPENPGP.1"), key)
    assert repr(getattr(key, "secret", None)) not in repr(wanted)
    with pytest.raises(BadPin) as caught:
        changeable.token.change(wanted, bytearray(b"00000000"))
    error: BaseException | None = caught.value
    while error is not None:
        assert "00000000" not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__


# -- PINs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "new"), [(PinRef.PW1_81, b"new user PIN"), (PinRef.PW3, b"new admin PIN")], ids=str
)
def test_pin_is_changed_by_who_knows_it(changeable: Changeable, ref: PinRef, new: bytes) -> None:
    old = changeable.pins[ref]
    changeable.token.change_pin(ref, bytearray(old), bytearray(new))
    with pytest.raises(BadPin):
        changeable.token.verify_pin(ref, bytearray(old))
    changeable.token.verify_pin(ref, bytearray(new))


@pytest.mark.parametrize("ref", [PinRef.PW1_81, PinRef.PW3], ids=str)
def test_wrong_old_pin_costs_one_try_and_the_old_one_stays(
    changeable: Changeable, ref: PinRef
) -> None:
    before = changeable.tries(ref)
    with pytest.raises(BadPin):
        changeable.token.change_pin(ref, bytearray(b"00000000"), bytearray(b"87654321"))
    assert changeable.tries(ref) == before - 1
    changeable.token.verify_pin(ref, bytearray(changeable.pins[ref]))
    assert changeable.tries(ref) == before


def test_lengths_of_new_pins(changeable: Changeable) -> None:
    for ref, shortest in ((PinRef.PW1_81, 6), (PinRef.PW3, 8), (PinRef.RC, 8)):
        limits = changeable.token.new_pin(ref)
        assert limits.ref is ref
        assert limits.min_length >= shortest
        assert limits.max_length >= limits.min_length


def test_admin_sets_a_blocked_pin(changeable: Changeable) -> None:
    for _ in range(3):
        with pytest.raises((BadPin, PinBlocked)):
            changeable.token.verify_pin(PinRef.PW1_81, bytearray(b"000000"))
    with pytest.raises(PinBlocked):
        changeable.token.pin_named(PinRef.PW1_81)
    admin = bytearray(changeable.pins[PinRef.PW3])
    changeable.token.reset_pin(PinRef.PW1_81, admin, bytearray(b"654321"))
    changeable.token.verify_pin(PinRef.PW1_81, bytearray(b"654321"))


def test_wrong_admin_pin_sets_nothing(changeable: Changeable) -> None:
    before = changeable.tries(PinRef.PW3)
    with pytest.raises(BadPin):
        changeable.token.reset_pin(PinRef.PW1_81, bytearray(b"00000000"), bytearray(b"654321"))
    assert changeable.tries(PinRef.PW3) == before - 1
    changeable.token.verify_pin(PinRef.PW1_81, bytearray(changeable.pins[PinRef.PW1_81]))


def test_resetting_code(changeable: Changeable) -> None:
    with pytest.raises(PinBlocked):
        changeable.token.pin_named(PinRef.RC)
    admin, code = changeable.pins[PinRef.PW3], b"resetting code"
    changeable.token.reset_pin(PinRef.RC, bytearray(admin), bytearray(code))
    assert changeable.token.pin_named(PinRef.RC).tries_left == 3
    with pytest.raises(BadPin):
        changeable.token.unblock_pin(bytearray(b"another code"), bytearray(b"654321"))
    changeable.token.unblock_pin(bytearray(code), bytearray(b"654321"))
    changeable.token.verify_pin(PinRef.PW1_81, bytearray(b"654321"))
    changeable.token.reset_pin(PinRef.RC, bytearray(admin), bytearray())
    with pytest.raises(TokenError):
        changeable.token.unblock_pin(bytearray(code), bytearray(b"123456"))


def test_pin_that_is_forgotten_is_asked_again(changeable: Changeable) -> None:
    for ref in (PinRef.PW1_82, PinRef.PW3):
        changeable.token.verify_pin(ref, bytearray(changeable.pins[ref]))
        assert changeable.token.is_verified(ref)
        changeable.token.forget_pin(ref)
        assert not changeable.token.is_verified(ref)
