"""PIN entry at a reader with a pinpad behind a real pcscd: what the card sees, what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.errors import (
    BadInput,
    BadPin,
    Broken,
    PinCanceled,
    TimedOut,
    TokenError,
)
from backends.openpgp.opening import open_card
from backends.openpgp.pcsc import PCSCLink
from backends.openpgp.pinpad import PinpadOptions, Property
from backends.openpgp.writable_card import WritableOpenPGPCard
from backends.token import PinRef
from tests.bed import faults
from tests.bed.card import ADMIN_PIN, USER_PIN
from tests.bed.pinpad import Keys
from tests.bed.virtual_reader import Card, VirtualReader
from tests.contract.oracle import check_signature
from tests.openpgp.rival import SELECT_PIV, Rival
from tests.openpgp.virtual_card import ADMIN, CURVE25519_KEYS, issue, make_card, put

MESSAGE = b"what is signed"
VERIFY, PSO, CHANGE = 0x20, 0x2A, 0x24
WRONG_PIN = "654321"
Opener = Callable[..., WritableOpenPGPCard]


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return make_card(tmp_path / "card", CURVE25519_KEYS)


@pytest.fixture
def opened(pinpad_reader: VirtualReader, card: Card, keys: Keys) -> Iterator[Opener]:
    """Opens the card in the reader with the pinpad."""
    tokens: list[WritableOpenPGPCard] = []
    pinpad_reader.insert(card)

    def open_it(**options: bool) -> WritableOpenPGPCard:
        token = open_card(PCSCLink(pinpad_reader.name), pinpad=PinpadOptions(**options))
        assert token is not None
        tokens.append(token)
        return token

    yield open_it
    for token in tokens:
        token.close()
    assert keys.faults == []


def sign(token: WritableOpenPGPCard) -> None:
    """As the daemon does it: ask, tell the user, sign."""
    key = token.keys()[0]
    request = token.pin_for(key)
    assert request is None or request.pinpad
    check_signature(key.public, MESSAGE, token.sign(key, MESSAGE, None))


def tries(token: WritableOpenPGPCard, ref: PinRef = PinRef.PW1_81) -> int | None:
    return token.pin_named(ref).tries_left


def test_pin_is_entered_at_the_reader(
    opened: Opener, keys: Keys, pinpad_reader: VirtualReader
) -> None:
    token = opened()
    keys.type(USER_PIN)
    sign(token)
    fields = "00 00 82 00 00 0f06 02 01 0904 00 000000 05000000 0020008100"
    assert keys.entries == [bytes.fromhex(fields)]
    verify = bytes.fromhex("0020008106") + USER_PIN.encode()
    assert [command for command, _ in pinpad_reader.apdus if command[1] == VERIFY] == [verify]
    sign(token)
    assert len(keys.entries) == 1


def test_admin_pin(opened: Opener, keys: Keys) -> None:
    token = opened()
    assert token.pin_named(PinRef.PW3).pinpad
    keys.type(ADMIN_PIN)
    token.verify_pin(PinRef.PW3, None)
    assert token.is_verified(PinRef.PW3)
    assert keys.entries[0][5:7] == bytes((15, 8))


def test_wrong_pin_is_one_try(opened: Opener, keys: Keys) -> None:
    token = opened()
    keys.type(WRONG_PIN)
    with pytest.raises(BadPin) as caught:
        sign(token)
    assert caught.value.tries_left == 2
    assert tries(token) == 2
    assert len(keys.entries) == 1


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("cancel", PinCanceled),
        ("timeout", TimedOut),
        ("12345", BadPin),
        ("1" * 16, BadPin),
        ("fail", Broken),
    ],
)
def test_what_does_not_reach_the_card_costs_no_try(
    opened: Opener, keys: Keys, typed: str, error: type[TokenError]
) -> None:
    token = opened()
    keys.type(typed)
    with pytest.raises(error):
        sign(token)
    assert tries(token) == 3
    keys.type(USER_PIN)
    sign(token)


def test_card_that_was_reset_after_the_question(
    opened: Opener, keys: Keys, pinpad_reader: VirtualReader
) -> None:
    token = opened()
    key = token.keys()[0]
    token.pin_for(key)
    with Rival(pinpad_reader.name) as rival:
        rival.reset()
        rival.transmit(SELECT_PIV)
    keys.type(USER_PIN)
    check_signature(key.public, MESSAGE, token.sign(key, MESSAGE, None))


def test_entry_is_not_repeated_when_the_card_goes_meanwhile(
    opened: Opener, keys: Keys, pinpad_reader: VirtualReader
) -> None:
    token = opened()
    pinpad_reader.fault = faults.pulling(VERIFY)
    keys.type(USER_PIN)
    keys.type(USER_PIN)
    with pytest.raises(TokenError):
        sign(token)
    assert len(keys.entries) == 1
    assert keys.take_back()


def test_ordinary_reader(opened: Opener, keys: Keys) -> None:
    keys.be(features=())
    assert not opened().pin_named(PinRef.PW1_81).pinpad


UNKNOWN_READER = {Property.VENDOR: 0x08E6, Property.PRODUCT: 0x3478}


def test_reader_that_may_not_take_any_length(opened: Opener, keys: Keys) -> None:
    keys.be(UNKNOWN_READER)
    assert not opened().pin_named(PinRef.PW1_81).pinpad
    assert opened(varlen=True).pin_named(PinRef.PW1_81).pinpad


def test_length_that_the_card_names(opened: Opener, keys: Keys, card: Card) -> None:
    keys.be(UNKNOWN_READER)
    issue(card, *ADMIN, put(0x5E, b"me\n\x14P=6,8"))
    token = opened()
    keys.type(USER_PIN)
    sign(token)
    keys.type(ADMIN_PIN)
    assert token.pin_named(PinRef.PW3).pinpad
    token.verify_pin(PinRef.PW3, None)
    user, admin = keys.entries
    assert user[3:8] == bytes((6, 0, 6, 6, 3))
    assert admin[19:] == bytes.fromhex("0020008308") + 8 * b"\xff"


def change(token: WritableOpenPGPCard, ref: PinRef) -> None:
    """As the daemon does it."""
    assert token.new_pin(ref).pinpad
    token.change_pin(ref, None, None)


@pytest.mark.parametrize(("ref", "old"), [(PinRef.PW1_81, USER_PIN), (PinRef.PW3, ADMIN_PIN)])
def test_change_of_a_pin(opened: Opener, keys: Keys, ref: PinRef, old: str) -> None:
    token = opened()
    keys.type(f"{old} 987654321 987654321")
    change(token, ref)
    assert not token.is_verified(ref)
    keys.type("987654321")
    assert token.pin_named(ref).pinpad
    token.verify_pin(ref, None)
    assert token.is_verified(ref)


def test_structure_of_a_change(opened: Opener, keys: Keys) -> None:
    keys.type("cancel")
    with pytest.raises(PinCanceled):
        change(opened(), PinRef.PW1_81)
    fields = "0000820000 0000 0f06 03 02 03 0904 000102 000000 05000000 0024008100"
    assert keys.entries == [bytes.fromhex(fields)]


def test_change_with_a_length_that_the_card_names(opened: Opener, keys: Keys, card: Card) -> None:
    issue(card, *ADMIN, put(0x5E, b"\n\x14P=6"))
    token = opened()
    keys.type("123456 111111 111111")
    change(token, PinRef.PW1_81)
    token.verify_pin(PinRef.PW1_81, bytearray(b"111111"))


@pytest.mark.parametrize(
    ("typed", "error", "left"),
    [
        ("123456 111111 222222", BadInput, 3),
        ("123456 111 111", BadPin, 3),
        ("654321 111111 111111", BadPin, 2),
        ("timeout", TimedOut, 3),
    ],
)
def test_change_that_fails(
    opened: Opener, keys: Keys, typed: str, error: type[TokenError], left: int
) -> None:
    token = opened()
    keys.type(typed)
    with pytest.raises(error):
        change(token, PinRef.PW1_81)
    assert tries(token) == left
    token.verify_pin(PinRef.PW1_81, bytearray(USER_PIN.encode()))


def test_reader_that_must_be_told_first(opened: Opener, keys: Keys) -> None:
    keys.be({Property.VENDOR: 0x04E6, Property.PRODUCT: 0xE003})
    assert opened().pin_named(PinRef.PW1_81).pinpad
    assert (0x42000001, b"\x80\x02\x00") in keys.controls
