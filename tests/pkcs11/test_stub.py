"""A module that crashes, hangs, fails, prints or lies: what that costs, and whom."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends.errors import (
    BadPin,
    Broken,
    Busy,
    NotSupported,
    PinBlocked,
    PinCanceled,
    PinNeeded,
    Removed,
    TokenError,
)
from backends.pkcs11.provider import PKCS11Provider
from backends.pkcs11.token import PKCS11Token
from backends.token import Key, PinRef, Use
from tests.pkcs11.conftest import Clock, Make, key_named, token_named
from tests.pkcs11.stub import PIN, SIGNATURE, Orders
from tests.pkcs11.test_process import ended, watched

DATA = bytes(51)
CKR_GENERAL_ERROR = 0x5
CKR_DEVICE_ERROR = 0x30
CKR_DEVICE_REMOVED = 0x32
CKR_SESSION_HANDLE_INVALID = 0xB3
CKR_TOKEN_NOT_RECOGNIZED = 0xE1
CKR_USER_NOT_LOGGED_IN = 0x101
CKR_USER_ALREADY_LOGGED_IN = 0x100
CKF_PROTECTED_AUTHENTICATION_PATH = 0x100
CKF_USER_PIN_COUNT_LOW = 0x10000
CKF_USER_PIN_FINAL_TRY = 0x20000
CKF_USER_PIN_LOCKED = 0x40000


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The clause ends in that time; a busy machine gets two seconds more."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds + 2.0


def stub_pin() -> bytearray:
    return bytearray(PIN)


def opened(provider: PKCS11Provider) -> tuple[PKCS11Token, Key]:
    token = token_named(provider, "stub token")
    return token, key_named(token, "stub key")


def works(token: PKCS11Token) -> bool:
    return len(token.random(8)) == 8


# -- while it works ------------------------------------------------------------------------------


def test_the_stub_signs(stub: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(stub)
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE
    assert token.sign(key, DATA, None) == SIGNATURE
    assert orders.calls.count("login") == 1
    assert not token.info.capabilities.get_challenge
    with pytest.raises(NotSupported):
        token.random(8)


def test_a_warm_signature_is_two_calls(stub: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(stub)
    token.sign(key, DATA, stub_pin())
    token.pin_for(key)  # Once after the login the keys are listed again.
    token.sign(key, DATA, None)
    before = orders.calls
    for _ in range(3):
        assert token.pin_for(key) is None
        assert token.sign(key, DATA, None) == SIGNATURE
    assert orders.calls[len(before) :] == ["sign init", "sign"] * 3


def test_what_the_module_prints_does_not_reach_the_channel(
    stub: PKCS11Provider, orders: Orders, capfd: pytest.CaptureFixture[str]
) -> None:
    orders.give(**dict.fromkeys(("load", "init", "slots", "login", "sign"), "print"))
    token, key = opened(stub)
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE
    assert capfd.readouterr() == ("", "")


# -- crashes and hangs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("crash", r"module stub crashed \(SIGSEGV\)"),
        ("hang", r"module stub did not answer in 1 s"),
        ("fork", r"module stub did not answer in 1 s"),
    ],
)
def test_a_failed_signature_takes_down_nothing_else(
    impatient: PKCS11Provider, orders: Orders, everyday: PKCS11Token, how: str, error: str
) -> None:
    token, key = opened(impatient)
    orders.give(sign=how)
    failures: list[TokenError] = []

    def sign() -> None:
        try:
            token.sign(key, DATA, stub_pin())
        except TokenError as failure:
            failures.append(failure)

    with within(1.0):
        thread = threading.Thread(target=sign)
        thread.start()
        assert works(everyday)
        thread.join()
    with pytest.raises(Broken, match=error):
        raise failures[0]
    assert works(everyday)
    orders.give()
    assert token.pin_for(key) is not None  # The login has ended with the worker.
    with pytest.raises(PinNeeded):
        token.sign(key, DATA, None)
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE


@pytest.mark.parametrize(
    ("orders_given", "error", "limit"),
    [
        ({"init": "hang"}, "did not answer in 2 s", 2.0),
        ({"init": "crash"}, r"crashed \(SIGSEGV\)", 2.0),
        ({"init": "0x6"}, "cannot be used: function failed", 1.0),
        ({"init": "0x80000001"}, "cannot be used: PKCS#11 error 0x80000001", 2.0),
        ({"load": "crash"}, r"crashed \(SIGSEGV\)", 2.0),
        ({"load": "hang"}, "did not answer in 2 s", 2.0),
        ({"slots": "crash"}, r"crashed \(SIGSEGV\)", 2.0),
        ({"slots": "hang"}, "did not answer in 1 s", 4.0),
        ({"slots": "0x5"}, "module stub: general error", 2.0),
    ],
)
def test_a_module_that_fails_at_its_start(
    impatient: PKCS11Provider,
    orders: Orders,
    clock: Clock,
    everyday: PKCS11Token,
    orders_given: dict[str, str],
    error: str,
    limit: float,
) -> None:
    orders.give(**orders_given)
    with within(limit), pytest.raises(Broken, match=error):
        impatient.present()
    assert works(everyday)
    orders.give()
    clock.now += 6
    token, key = opened(impatient)
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE


@pytest.mark.parametrize(
    ("content", "error"), [(None, "No such file"), (b"not a library", "invalid ELF header|file")]
)
def test_a_file_that_is_no_module(
    make: Make, tmp_path: Path, everyday: PKCS11Token, content: bytes | None, error: str
) -> None:
    path = tmp_path / "none.so"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Broken, match=f"module none cannot be used: .*({error})"):
        make("none", path).present()
    assert works(everyday)


def test_the_back_off_doubles_and_ends_with_the_cause(
    stub: PKCS11Provider, orders: Orders, clock: Clock
) -> None:
    orders.give(init="0x30")
    for delay in (5, 10, 20, 40, 60, 60):
        with pytest.raises(Broken, match=r"cannot be used: device error$"):
            stub.present()
        tries = orders.calls.count("init")
        clock.now += delay - 1
        with pytest.raises(Broken, match=r"device error; it is tried again in 1 s"):
            stub.present()
        assert orders.calls.count("init") == tries
        clock.now += 1
    orders.give()
    assert len(stub.present()) == 1
    orders.give(slots="crash")
    with pytest.raises(Broken):
        stub.present()
    orders.give()
    assert len(stub.present()) == 1  # Once it has worked it is started again at once.
    orders.give(slots="crash")
    with pytest.raises(Broken):
        stub.present()
    orders.give(init="0x30")
    for _ in range(2):  # And the pauses begin from the shortest.
        with pytest.raises(Broken):
            stub.present()
    clock.now += 5
    orders.give()
    assert len(stub.present()) == 1


def test_a_worker_that_dies_between_two_calls_is_not_noticed(
    stub: PKCS11Provider, orders: Orders
) -> None:
    token, key = opened(stub)
    token.sign(key, DATA, stub_pin())
    with watched(orders.pids[0]) as worker:
        signal.pidfd_send_signal(worker, signal.SIGKILL)
        assert ended(worker)
    assert token.pin_for(key) is not None
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE


def test_a_token_that_fails_is_left_out_and_named(
    stub: PKCS11Provider, orders: Orders, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    orders.give(info=CKR_DEVICE_ERROR)
    assert stub.present() == []
    assert "module stub: slot 0x7 left out: device error" in caplog.text


def test_a_module_that_cannot_give_several_attributes_at_once(
    stub: PKCS11Provider, orders: Orders
) -> None:
    orders.give(attributes=CKR_DEVICE_ERROR)
    token, key = opened(stub)
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE
    orders.give(attributes=CKR_DEVICE_REMOVED)
    token.verify_pin(PinRef.USER, stub_pin())
    with pytest.raises(Removed):
        token.keys()


# -- lost sessions -------------------------------------------------------------------------------


def test_a_lost_session_is_built_anew(stub: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(stub)
    token.sign(key, DATA, stub_pin())
    orders.give(sign=CKR_SESSION_HANDLE_INVALID, forget=1, once=1)
    with pytest.raises(PinNeeded):  # The new session is not logged in.
        token.sign(key, DATA, None)
    orders.give()
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE


def test_a_pin_is_not_sent_again_by_itself(stub: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(stub)
    orders.give(sign=CKR_SESSION_HANDLE_INVALID, forget=1)
    with pytest.raises(PinNeeded, match="the session is not valid"):
        token.sign(key, DATA, stub_pin())
    assert orders.calls.count("login") == 1


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        (CKR_GENERAL_ERROR, Broken, "general error"),
        (CKR_DEVICE_ERROR, Broken, "device error"),
        (CKR_DEVICE_REMOVED, Removed, "the token was removed"),
        (CKR_SESSION_HANDLE_INVALID, Broken, "the session is not valid"),
        (CKR_TOKEN_NOT_RECOGNIZED, Removed, "the token is not recognized"),
    ],
)
def test_after_a_failure_the_session_is_rebuilt_once(
    stub: PKCS11Provider, orders: Orders, code: int, error: type[TokenError], text: str
) -> None:
    token, key = opened(stub)
    token.sign(key, DATA, stub_pin())
    orders.give(sign=code, once=1)
    assert token.sign(key, DATA, None) == SIGNATURE  # The login outlives the session.
    before = orders.calls
    orders.give(sign=code)
    with pytest.raises(error, match=text):
        token.sign(key, DATA, None)
    calls = orders.calls[len(before) :]
    assert calls.count("sign") == 2
    assert calls.count("open 2") == 1


def test_a_module_that_fails_altogether_is_initialized_anew(
    stub: PKCS11Provider, orders: Orders
) -> None:
    token, key = opened(stub)
    token.sign(key, DATA, stub_pin())
    orders.give(sign=CKR_DEVICE_ERROR, dead=1, once=1)
    with pytest.raises(PinNeeded):
        token.sign(key, DATA, None)
    orders.give()
    assert token.pin_for(key) is not None
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE
    assert orders.calls.count("init") == 2
    assert len(orders.pids) == 1


def test_a_login_that_fails_for_no_reason_is_an_error(stub: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(stub)
    orders.give(login=CKR_GENERAL_ERROR)
    with pytest.raises(Broken, match="general error"):
        token.sign(key, DATA, stub_pin())
    assert orders.calls.count("login") == 1


def test_a_login_that_the_token_has_ended_is_made_again(
    stub: PKCS11Provider, orders: Orders
) -> None:
    token, key = opened(stub)
    token.sign(key, DATA, stub_pin())
    orders.give(sign=CKR_USER_NOT_LOGGED_IN, forget=1)
    with pytest.raises(PinNeeded):
        token.sign(key, DATA, None)
    orders.give()
    assert token.pin_for(key) is not None
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE
    assert orders.calls.count("login") == 2


def test_a_token_that_was_taken_out(stub: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(stub)
    token.sign(key, DATA, stub_pin())
    orders.give(sign=CKR_DEVICE_REMOVED, session=CKR_DEVICE_REMOVED, token="absent")
    for _ in range(2):
        with pytest.raises(Removed):
            token.sign(key, DATA, None)
        with pytest.raises(Removed):
            token.pin_for(key)
    assert stub.present() == []
    orders.give()
    assert token.pin_for(key) is not None
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE


# -- PINs ----------------------------------------------------------------------------------------


def test_wrong_pins_are_sent_once_and_leave_no_session_behind(
    stub: PKCS11Provider, orders: Orders
) -> None:
    token, key = opened(stub)
    for _ in range(5):
        with pytest.raises(BadPin):
            token.sign(key, DATA, bytearray(b"4321"))
    assert orders.calls.count("login") == 5
    assert [call for call in orders.calls if call.startswith("open")] == ["open 1"]


def test_a_wrong_pin_for_an_always_authenticated_key(stub: PKCS11Provider, orders: Orders) -> None:
    orders.give(always=1)
    token, key = opened(stub)
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE  # Login and key, one question.
    assert [orders.calls.count(what) for what in ("login", "context")] == [1, 1]
    with pytest.raises(BadPin):
        token.sign(key, DATA, bytearray(b"4321"))
    assert [orders.calls.count(what) for what in ("login", "context")] == [1, 2]
    token.reset()
    with pytest.raises(BadPin):
        token.sign(key, DATA, bytearray(b"4321"))
    assert [orders.calls.count(what) for what in ("login", "context")] == [2, 2]
    assert orders.calls.count("close") == 2  # The stuck session, and the one that was reset.


@pytest.mark.parametrize(
    ("code", "error"),
    [(0xA4, PinBlocked), (0x50, PinCanceled), (0xA2, BadPin), (0x30, Broken), (0x104, Busy)],
)
def test_what_the_login_says(
    stub: PKCS11Provider, orders: Orders, code: int, error: type[TokenError]
) -> None:
    token, _ = opened(stub)
    orders.give(login=code)
    with pytest.raises(error):
        token.verify_pin(PinRef.USER, stub_pin())
    assert orders.calls.count("login") == 1


def test_a_user_who_is_logged_in_already_is_content(stub: PKCS11Provider, orders: Orders) -> None:
    token, _ = opened(stub)
    orders.give(login=CKR_USER_ALREADY_LOGGED_IN)
    token.verify_pin(PinRef.USER, stub_pin())


def test_the_request_tells_what_the_token_tells(stub: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(stub)
    request = token.pin_for(key)
    assert request is not None
    assert (request.min_length, request.max_length, request.tries_left) == (4, 8, None)
    orders.give(flags=CKF_USER_PIN_COUNT_LOW)
    assert token.pin_named(PinRef.USER).tries_left == 2
    orders.give(flags=CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY)
    assert token.pin_named(PinRef.USER).tries_left == 1
    orders.give(flags=CKF_USER_PIN_LOCKED)
    with pytest.raises(PinBlocked):
        token.pin_for(key)


def test_a_pin_pad_is_asked_by_giving_no_pin(stub: PKCS11Provider, orders: Orders) -> None:
    orders.give(flags=CKF_PROTECTED_AUTHENTICATION_PATH)
    token, key = opened(stub)
    request = token.pin_for(key)
    assert request is not None
    assert request.pinpad
    assert token.sign(key, DATA, None) == SIGNATURE
    assert orders.calls.count("pad") == 1


def test_a_pin_pad_serves_a_key_that_is_always_authenticated(
    stub: PKCS11Provider, orders: Orders
) -> None:
    orders.give(flags=CKF_PROTECTED_AUTHENTICATION_PATH, always=1)
    token, key = opened(stub)
    for count in (1, 2):
        assert token.sign(key, DATA, None) == SIGNATURE
        assert [orders.calls.count(what) for what in ("login", "context")] == [1, count]
    request = token.pin_for(key)
    assert request is not None
    assert request.pinpad


@pytest.mark.parametrize("wrong", [b"", b"\xff\xfe", b"1234\0"])
def test_pins_of_an_unlikely_form_are_wrong_pins(
    stub: PKCS11Provider, orders: Orders, wrong: bytes
) -> None:
    orders.give(always=1)
    token, key = opened(stub)
    with pytest.raises(BadPin):
        token.sign(key, DATA, bytearray(wrong))
    token.verify_pin(PinRef.USER, stub_pin())
    with pytest.raises(BadPin):
        token.sign(key, DATA, bytearray(wrong))
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE


# -- mechanisms ----------------------------------------------------------------------------------


def test_bare_rsa_does_where_there_is_no_other(stub: PKCS11Provider, orders: Orders) -> None:
    orders.give(mechanisms="0x3,0x40")
    token, key = opened(stub)
    signed = token.sign(key, DATA, stub_pin())
    assert signed == b"\x00\x01" + b"\xff" * (256 - 3 - len(DATA)) + b"\x00" + DATA
    block = b"\x00\x02" + b"\x77" * 250 + b"\x00key"
    assert token.decrypt(key, block, None) == b"key"


def test_padded_blocks_are_signed_as_they_are(stub: PKCS11Provider, orders: Orders) -> None:
    orders.give(mechanisms="0x1,0x3")
    token, key = opened(stub)
    block = b"\x42" + bytes(254) + b"\xbc"
    assert token.sign(key, block, stub_pin()) == block


@pytest.mark.parametrize("mechanisms", ["0x40", "0xd,0x40,0x9"])
def test_keys_are_for_nothing_that_only_mechanisms_which_want_the_message_can_do(
    stub: PKCS11Provider, orders: Orders, mechanisms: str
) -> None:
    token, key = opened(stub)
    orders.give(mechanisms=mechanisms)
    other = token_named(stub, "stub token")
    other.reset()
    assert [key.use for key in other.keys()] == [Use(0)]
    with pytest.raises(NotSupported, match="no CKM_RSA_PKCS or CKM_RSA_X_509"):
        token.sign(key, DATA, stub_pin())


# -- threads and ends ----------------------------------------------------------------------------


def test_prestart_waits_for_nothing(impatient: PKCS11Provider, orders: Orders) -> None:
    orders.give(init="hang")
    with within(0):
        impatient.prestart()
        impatient.prestart()
    with within(2.0), pytest.raises(Broken, match="did not answer"):
        impatient.present()
    assert orders.calls.count("init") == 1


def test_close_ends_a_hanging_call_of_another_thread(
    make: Make, stub_module: Path, orders: Orders
) -> None:
    provider = make("stub", stub_module)
    token, key = opened(provider)
    orders.give(sign="hang")
    failures: list[TokenError] = []

    def sign() -> None:
        try:
            token.sign(key, DATA, stub_pin())
        except TokenError as failure:
            failures.append(failure)

    thread = threading.Thread(target=sign)
    thread.start()
    orders.wait_for("sign")
    with within(0):
        provider.close()
        thread.join()
    assert isinstance(failures[0], Broken)
    with pytest.raises(Broken, match="is closed"):
        provider.present()
    token.close()


def test_a_second_caller_waits_no_longer_than_the_limit(
    impatient: PKCS11Provider, orders: Orders
) -> None:
    token, key = opened(impatient)
    orders.give(sign="hang")
    failures: list[TokenError] = []

    def sign() -> None:
        try:
            token.sign(key, DATA, stub_pin())
        except TokenError as failure:
            failures.append(failure)

    with within(4.0), ThreadPoolExecutor(3) as pool:
        pool.submit(sign)
        pool.submit(sign)
        pool.submit(sign)
    assert {type(failure) for failure in failures} <= {Broken, Busy}
    assert len(failures) == 3
