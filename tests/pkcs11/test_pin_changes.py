"""The user's and the security officer's PIN of SoftHSM tokens, changed and set anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.changes import PinKeeper
from backends.errors import BadInput, BadPin, NotSupported, PinBlocked
from backends.pkcs11.provider import PKCS11Provider
from backends.pkcs11.token import PKCS11Token
from backends.token import PinRef
from tests.bed.softhsm import SO_PIN, SoftHSM
from tests.pkcs11.conftest import PIN, Make, pin, token_named
from tests.pkcs11.stub import Orders
from tests.pkcs11.test_stub import CKF_PROTECTED_AUTHENTICATION_PATH, opened, stub_pin

CKF_USER_PIN_TO_BE_CHANGED = 0x80000
CKF_SO_PIN_FINAL_TRY = 0x200000
CKF_SO_PIN_LOCKED = 0x400000
NEW = b"87654321"


def so_pin() -> bytearray:
    return bytearray(SO_PIN.encode())


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def kept(
    softhsm: PKCS11Provider, store: SoftHSM, make: Make, request: pytest.FixtureRequest
) -> Iterator[PKCS11Token]:
    """A token of its own."""
    store.init_token("kept", PIN.decode())
    yield token_named(make("kept", softhsm.config.path, workers=request.param), "kept")
    store.delete_token("kept")


def test_the_user_changes_the_pin(kept: PKCS11Token) -> None:
    assert isinstance(kept, PinKeeper)
    kept.verify_pin(PinRef.USER, pin())
    with pytest.raises(BadPin):
        kept.change_pin(PinRef.USER, bytearray(b"wrong"), bytearray(NEW))
    kept.change_pin(PinRef.USER, pin(), bytearray(NEW))
    with pytest.raises(BadPin):
        kept.verify_pin(PinRef.USER, pin())
    kept.verify_pin(PinRef.USER, bytearray(NEW))


def test_a_pin_is_changed_without_a_login(kept: PKCS11Token) -> None:
    kept.change_pin(PinRef.USER, pin(), bytearray(NEW))
    assert not kept.is_verified(PinRef.USER)
    kept.verify_pin(PinRef.USER, bytearray(NEW))


def test_the_officer_changes_the_pin(kept: PKCS11Token) -> None:
    kept.verify_pin(PinRef.USER, pin())
    with pytest.raises(BadPin):
        kept.verify_pin(PinRef.SO, pin())
    kept.verify_pin(PinRef.SO, so_pin())
    assert not kept.is_verified(PinRef.SO)
    kept.change_pin(PinRef.SO, so_pin(), bytearray(NEW))
    with pytest.raises(BadPin):
        kept.change_pin(PinRef.SO, so_pin(), bytearray(NEW))
    kept.verify_pin(PinRef.SO, bytearray(NEW))
    kept.verify_pin(PinRef.USER, pin())


def test_the_officer_sets_a_new_pin_for_the_user(kept: PKCS11Token) -> None:
    kept.verify_pin(PinRef.USER, pin())
    with pytest.raises(BadPin):
        kept.reset_pin(PinRef.USER, pin(), bytearray(NEW))
    kept.reset_pin(PinRef.USER, so_pin(), bytearray(NEW))
    assert not kept.is_verified(PinRef.USER)
    kept.verify_pin(PinRef.USER, bytearray(NEW))


def test_lengths(kept: PKCS11Token) -> None:
    for ref in (PinRef.USER, PinRef.SO):
        request = kept.new_pin(ref)
        assert (request.ref, request.min_length, request.max_length) == (ref, 4, 255)
    with pytest.raises(BadInput):
        kept.change_pin(PinRef.USER, pin(), bytearray(b"1"))
    kept.verify_pin(PinRef.USER, pin())


def test_pins_that_tokens_do_not_have(kept: PKCS11Token) -> None:
    for ref in (PinRef.PW3, PinRef.RC):
        with pytest.raises(NotSupported):
            kept.new_pin(ref)
        with pytest.raises(NotSupported):
            kept.change_pin(ref, pin(), pin())
    with pytest.raises(NotSupported):
        kept.reset_pin(PinRef.SO, so_pin(), so_pin())
    with pytest.raises(NotSupported):
        kept.unblock_pin(so_pin(), pin())


def test_a_pin_can_be_forgotten(kept: PKCS11Token) -> None:
    kept.verify_pin(PinRef.USER, pin())
    kept.forget_pin(PinRef.USER)
    assert not kept.is_verified(PinRef.USER)


def test_a_wrong_pin_is_sent_once(stub: PKCS11Provider, orders: Orders) -> None:
    token, _ = opened(stub)
    with pytest.raises(BadPin):
        token.change_pin(PinRef.USER, bytearray(b"4321"), bytearray(b"5678"))
    assert orders.calls.count("set pin") == 1
    assert orders.calls.count("login") == 0
    token.change_pin(PinRef.USER, stub_pin(), bytearray(b"5678"))


def test_pins_are_changed_at_the_pin_pad(stub: PKCS11Provider, orders: Orders) -> None:
    orders.give(flags=CKF_PROTECTED_AUTHENTICATION_PATH)
    token, _ = opened(stub)
    assert token.new_pin(PinRef.USER).pinpad
    token.change_pin(PinRef.USER, None, None)
    assert orders.calls.count("pad") == 1


def test_what_the_token_says_of_its_pins(stub: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(stub)
    orders.give(flags=CKF_USER_PIN_TO_BE_CHANGED | CKF_SO_PIN_FINAL_TRY)
    request = token.pin_for(key)
    assert request is not None
    assert request.label == "stub token (PIN to be changed)"
    assert request.tries_left is None
    assert token.pin_named(PinRef.SO).tries_left == 1
    orders.give(flags=CKF_SO_PIN_LOCKED)
    with pytest.raises(PinBlocked):
        token.pin_named(PinRef.SO)
    assert token.pin_named(PinRef.USER).tries_left is None
