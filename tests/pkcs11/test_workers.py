"""Several workers for one module: who is asked, and that one PIN serves them all."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from backends.errors import BadPin, PinNeeded
from backends.pkcs11.provider import PKCS11Provider
from backends.pkcs11.token import PKCS11Token
from backends.token import Key, PinRef
from tests.pkcs11.conftest import Make
from tests.pkcs11.stub import SIGNATURE, Orders
from tests.pkcs11.test_process import ended, watched
from tests.pkcs11.test_stub import DATA, opened, stub_pin


@pytest.fixture
def two(make: Make, stub_module: Path, orders: Orders) -> PKCS11Provider:
    return make("stub", stub_module, workers=2)


def sign_twice_at_once(token: PKCS11Token, key: Key) -> list[bytes]:
    signatures: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: signatures.append(token.sign(key, DATA, None)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return signatures


def test_one_pin_serves_all(two: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(two)
    assert token.parallel == 2
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE
    assert orders.calls.count("login") == 2
    assert token.pin_for(key) is None
    assert sign_twice_at_once(token, key) == [SIGNATURE] * 2
    assert orders.calls.count("login") == 2
    assert len(orders.pids) == 2


def test_two_keys_are_at_work_at_the_same_time(two: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(two)
    token.sign(key, DATA, stub_pin())
    orders.give(sign="hang")
    before = len(orders.calls)
    threads = [threading.Thread(target=_fail_to_sign, args=(token, key)) for _ in range(2)]
    for thread in threads:
        thread.start()
    orders.wait_until(lambda: orders.calls[before:].count("sign") == 2)
    two.close()
    for thread in threads:
        thread.join()


def _fail_to_sign(token: PKCS11Token, key: Key) -> None:
    with pytest.raises(Exception, match="killed"):
        token.sign(key, DATA, None)


def test_a_wrong_pin_is_tried_in_one_worker_only(two: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(two)
    with pytest.raises(BadPin):
        token.sign(key, DATA, bytearray(b"4321"))
    with pytest.raises(BadPin):
        token.verify_pin(PinRef.USER, bytearray(b"4321"))
    assert orders.calls.count("login") == 2
    token.verify_pin(PinRef.USER, stub_pin())
    assert orders.calls.count("login") == 4
    assert token.is_verified(PinRef.USER)


def test_a_worker_that_is_new_wants_the_pin(two: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(two)
    token.sign(key, DATA, stub_pin())
    with watched(orders.pids[1]) as worker:
        signal.pidfd_send_signal(worker, signal.SIGKILL)
        assert ended(worker)
    assert token.pin_for(key) is not None
    assert token.sign(key, DATA, stub_pin()) == SIGNATURE
    assert orders.calls.count("login") == 3  # The other one is logged in still.
    assert token.pin_for(key) is None


def test_reset_logs_out_everywhere(two: PKCS11Provider, orders: Orders) -> None:
    token, key = opened(two)
    token.sign(key, DATA, stub_pin())
    token.reset()
    assert orders.calls.count("logout") == 2
    with pytest.raises(PinNeeded):
        token.sign(key, DATA, None)
