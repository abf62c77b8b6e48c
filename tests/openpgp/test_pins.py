"""PINs of a card in this process: what is asked, what it costs, what a mistake costs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from backends.errors import (
    BadPin,
    HardwareFailure,
    NotSupported,
    PinBlocked,
    PinNeeded,
    TimedOut,
    UseRefused,
)
from backends.openpgp.opening import open_card
from backends.token import PinRef, PinRequest
from tests.openpgp.bench import (
    AUTHENTICATE,
    DECRYPT,
    GET_DATA,
    PSO,
    SIGN,
    VERIFY,
    Bench,
    Faulty,
)
from tests.openpgp.links import VirtualLink
from tests.openpgp.virtual_card import (
    CURVE25519_KEYS,
    PIN,
    make_card,
)


def test_costs_of_a_first_signature_and_of_the_next(bench: Bench) -> None:
    assert bench.sent(lambda: bench.card.keys()) == [0x47] * 3
    key = bench.key(SIGN)
    assert bench.sent(lambda: bench.card.pin_for(key)) == []
    assert bench.sent(lambda: bench.use(SIGN, PIN)) == [GET_DATA, VERIFY, PSO]
    assert bench.sent(lambda: bench.card.pin_for(key)) == []
    assert bench.sent(lambda: bench.use(SIGN)) == [PSO]


def test_tries_that_came_with_the_selection_are_told_once(bench: Bench) -> None:
    key = bench.key(SIGN)
    assert bench.sent(lambda: bench.card.pin_for(key)) == []
    assert bench.sent(lambda: bench.card.pin_for(key)) == [GET_DATA]


def test_the_other_use_is_opened_when_nobody_waits(bench: Bench) -> None:
    bench.use(SIGN, PIN)
    assert bench.sent(bench.card.settle) == [GET_DATA, VERIFY]
    assert bench.sent(bench.card.settle) == []
    assert bench.sent(lambda: bench.use(DECRYPT)) == [PSO]


def test_the_other_use_is_opened_when_it_is_wanted_before_that(bench: Bench) -> None:
    bench.use(SIGN, PIN)
    assert bench.card.pin_for(bench.key(DECRYPT)) is None
    assert bench.sent(lambda: bench.use(DECRYPT)) == [GET_DATA, VERIFY, PSO]
    assert bench.sent(bench.card.settle) == []


def test_a_reset_voids_what_was_put_off(bench: Bench) -> None:
    bench.use(SIGN, PIN)
    bench.card.reset()
    assert bench.sent(bench.card.settle) == []
    assert bench.card.pin_for(bench.key(DECRYPT)) is not None


def test_warm_decryption_and_authentication_are_one_apdu(bench: Bench) -> None:
    bench.use(DECRYPT, PIN)
    assert bench.sent(lambda: bench.use(DECRYPT)) == [PSO]
    assert bench.sent(lambda: bench.use(AUTHENTICATE)) == [0x88]


@pytest.mark.parametrize("first", [SIGN, DECRYPT, AUTHENTICATE])
def test_one_pin_question_for_everything(bench: Bench, first: str) -> None:
    bench.use(first, PIN)
    for ref in (SIGN, DECRYPT, AUTHENTICATE):
        assert bench.card.pin_for(bench.key(ref)) is None
        bench.use(ref)


def test_pin_request(bench: Bench) -> None:
    expected = PinRequest(PinRef.PW1_81, tries_left=3, min_length=6, max_length=127)
    assert bench.card.pin_for(bench.key(SIGN)) == expected
    assert bench.card.pin_named(PinRef.PW3).min_length == 8
    for ref in (PinRef.USER, PinRef.SO):
        with pytest.raises(NotSupported):
            bench.card.pin_named(ref)
        with pytest.raises(NotSupported):
            bench.card.verify_pin(ref, bytearray(PIN))


def test_without_pin_nothing_is_spent(bench: Bench) -> None:
    with pytest.raises(PinNeeded):
        bench.use(SIGN)
    assert not bench.verifications()
    assert bench.tries() == 3


def test_wrong_pin_is_one_try(bench: Bench) -> None:
    with pytest.raises(BadPin) as caught:
        bench.use(DECRYPT, b"654321")
    assert caught.value.tries_left == 2
    assert bench.tries() == 2
    bench.use(DECRYPT, PIN)
    assert bench.tries() == 3


@pytest.mark.parametrize("pin", [b"", b"12345", b"1" * 128])
def test_pin_that_cannot_be_right_is_no_try(bench: Bench, pin: bytes) -> None:
    with pytest.raises(BadPin):
        bench.use(SIGN, pin)
    assert not bench.verifications()
    assert bench.tries() == 3


def test_wrong_pin_takes_back_a_verified_one(bench: Bench) -> None:
    bench.card.verify_pin(PinRef.PW1_81, bytearray(PIN))
    with pytest.raises(BadPin):
        bench.card.verify_pin(PinRef.PW1_81, bytearray(b"654321"))
    assert not bench.card.is_verified(PinRef.PW1_81)


def test_blocked_pin(bench: Bench) -> None:
    for left in (2, 1, 0):
        with pytest.raises((BadPin, PinBlocked)) as caught:
            bench.use(SIGN, b"654321")
        if isinstance(caught.value, BadPin):
            assert caught.value.tries_left == left
    with pytest.raises(PinBlocked):
        bench.card.pin_for(bench.key(SIGN))
    with pytest.raises(PinBlocked):
        bench.use(SIGN, PIN)


def test_admin_pin(bench: Bench) -> None:
    bench.card.verify_pin(PinRef.PW3, bytearray(b"12345678"))
    assert bench.card.is_verified(PinRef.PW3)
    assert not bench.card.is_verified(PinRef.PW1_81)


def test_pin_for_each_signature(forced: Bench) -> None:
    for _ in range(2):
        assert isinstance(forced.card.pin_for(forced.key(SIGN)), PinRequest)
        forced.use(SIGN, PIN)
        with pytest.raises(PinNeeded):
            forced.use(SIGN)


def test_pin_for_each_signature_opens_nothing_else(forced: Bench) -> None:
    forced.use(SIGN, PIN)
    assert isinstance(forced.card.pin_for(forced.key(DECRYPT)), PinRequest)
    forced.use(DECRYPT, PIN)
    assert isinstance(forced.card.pin_for(forced.key(SIGN)), PinRequest)
    forced.use(AUTHENTICATE)


def test_reset_forgets_pins(bench: Bench) -> None:
    bench.use(SIGN, PIN)
    bench.card.reset()
    assert not bench.card.is_verified(PinRef.PW1_81)
    with pytest.raises(PinNeeded):
        bench.use(SIGN)
    bench.use(SIGN, PIN)


def test_card_without_openpgp_is_left_alone(tmp_path: Path) -> None:
    link = VirtualLink(make_card(tmp_path / "card", {}))
    link.transmit = lambda apdu: b"\x6a\x82"  # type: ignore[method-assign]
    assert open_card(link) is None
    assert link.closed


def test_touch_that_does_not_come(faulty: tuple[Bench, Faulty]) -> None:
    bench, link = faulty
    bench.use(SIGN, PIN)
    link.strike(PSO, b"\x66\x00")
    with pytest.raises(TimedOut):
        bench.use(SIGN)
    assert isinstance(bench.card.pin_for(bench.key(SIGN)), PinRequest)


def test_pin_that_another_program_used_up(faulty: tuple[Bench, Faulty]) -> None:
    bench, link = faulty
    bench.use(SIGN, PIN)
    link.strike(PSO, b"\x69\x82")
    with pytest.raises(PinNeeded):
        bench.use(SIGN)
    assert isinstance(bench.card.pin_for(bench.key(SIGN)), PinRequest)
    bench.use(SIGN, PIN)


@pytest.mark.parametrize(
    ("answer", "error"),
    [(b"\x69\x85", UseRefused), (b"\x69\x82", UseRefused), (b"\x65\x81", HardwareFailure)],
)
def test_refusal_with_the_pin_just_verified(
    faulty: tuple[Bench, Faulty], answer: bytes, error: type[Exception]
) -> None:
    bench, link = faulty
    link.strike(PSO, answer)
    with pytest.raises(error):
        bench.use(SIGN, PIN)
    assert bench.tries() == 3


@pytest.mark.parametrize("answer", [b"\x69\x82", b"\x67\x00", b"\x6a\x80", b"\x63\xc2"])
def test_words_for_a_wrong_pin(faulty: tuple[Bench, Faulty], answer: bytes) -> None:
    bench, link = faulty
    link.strike(VERIFY, answer)
    with pytest.raises(BadPin) as caught:
        bench.use(SIGN, PIN)
    assert caught.value.tries_left == (2 if answer[0] == 0x63 else 3)


class KDFLink(VirtualLink):
    """A card with a KDF-DO: it knows only the hash of its PIN."""

    DO = bytes.fromhex("81010382010883040000200084080102030405060708")

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        command = bytes(apdu)
        if command == bytes.fromhex("00CA00F900"):
            self.sent.append(command)
            return self.DO + b"\x90\x00"
        if command[1] == VERIFY:
            salted = bytes(range(1, 9)) + PIN
            octets = (salted * (0x2000 // len(salted) + 1))[:0x2000]
            hashed = command[5:] == hashlib.sha256(octets).digest()
            command = command[:4] + bytes([len(PIN)]) + (PIN if hashed else b"654321")
        answer = super().transmit(command)
        if command[1:4] == b"\xca\0\x6e":
            at = answer.index(b"\xc0\x0a") + 2
            answer = answer[:at] + bytes([answer[at] | 1]) + answer[at + 1 :]
        return answer


def test_card_with_a_key_derivation_for_its_pins(tmp_path: Path) -> None:
    bench = Bench(KDFLink(make_card(tmp_path / "card", CURVE25519_KEYS)))
    assert bench.card.info.capabilities.kdf
    bench.use(SIGN, PIN)
    bench.use(DECRYPT)
    with pytest.raises(BadPin):
        bench.card.verify_pin(PinRef.PW1_81, bytearray(b"1234567"))
    bench.card.verify_pin(PinRef.PW1_81, bytearray(PIN))


def test_derivation_that_is_not_known_costs_no_try(tmp_path: Path) -> None:
    link = KDFLink(make_card(tmp_path / "card", CURVE25519_KEYS))
    link.DO = b"\x81\1\7"
    bench = Bench(link)
    with pytest.raises(NotSupported):
        bench.use(SIGN, PIN)
    assert not bench.verifications()


def test_derivation_that_another_program_changed_is_seen_at_the_next_try(tmp_path: Path) -> None:
    link = KDFLink(make_card(tmp_path / "card", CURVE25519_KEYS))
    right, link.DO = link.DO, link.DO[:-1] + b"?"
    bench = Bench(link)
    with pytest.raises(BadPin):
        bench.use(SIGN, PIN)
    link.DO = right
    bench.use(SIGN, PIN)
