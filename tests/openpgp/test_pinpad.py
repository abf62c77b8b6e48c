"""What is said to a reader with a pinpad, field by field of PC/SC specification part 10."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from backends.errors import BadInput, BadPin, PinCanceled, TimedOut
from backends.openpgp.pinpad import (
    Feature,
    Lengths,
    Property,
    fitting,
    parse_features,
    parse_pin_properties,
    parse_properties,
    pin_modify_structure,
    pin_verify_structure,
    preferred_lengths,
    refusal,
)
from backends.openpgp.pinpad_models import MODELS, find

#: Fields of the structures in pcsclite's reader.h: name and size.
VERIFY_FIELDS = (
    ("bTimerOut", 1),
    ("bTimerOut2", 1),
    ("bmFormatString", 1),
    ("bmPINBlockString", 1),
    ("bmPINLengthFormat", 1),
    ("wPINMaxExtraDigit", 2),
    ("bEntryValidationCondition", 1),
    ("bNumberMessage", 1),
    ("wLangId", 2),
    ("bMsgIndex", 1),
    ("bTeoPrologue", 3),
    ("ulDataLength", 4),
)
MODIFY_FIELDS = (
    *VERIFY_FIELDS[:5],
    ("bInsertionOffsetOld", 1),
    ("bInsertionOffsetNew", 1),
    ("wPINMaxExtraDigit", 2),
    ("bConfirmPIN", 1),
    ("bEntryValidationCondition", 1),
    ("bNumberMessage", 1),
    ("wLangId", 2),
    ("bMsgIndex1", 1),
    ("bMsgIndex2", 1),
    ("bMsgIndex3", 1),
    ("bTeoPrologue", 3),
    ("ulDataLength", 4),
)
COMMON = {"bTimerOut": 0, "bTimerOut2": 0, "bmFormatString": 0x82, "bmPINLengthFormat": 0} | {
    "wLangId": 0x0409,
    "bTeoPrologue": 0,
}
ANY_LENGTH = {"bmPINBlockString": 0, "wPINMaxExtraDigit": 0x060F, "bEntryValidationCondition": 2}
EIGHT = {"bmPINBlockString": 8, "wPINMaxExtraDigit": 0x0808, "bEntryValidationCondition": 3}
VERIFY = COMMON | {"bNumberMessage": 1, "bMsgIndex": 0}
MODIFY = COMMON | {"bConfirmPIN": 3, "bNumberMessage": 3, "bInsertionOffsetOld": 0}
MODIFY |= {"bMsgIndex1": 0, "bMsgIndex2": 1, "bMsgIndex3": 2}


def read(structure: bytes, fields: Sequence[tuple[str, int]]) -> tuple[dict[str, int], bytes]:
    """The fields, little-endian, and abData."""

    def values() -> Iterator[tuple[str, int]]:
        nonlocal structure
        for name, size in fields:
            yield name, int.from_bytes(structure[:size], "little")
            structure = structure[size:]

    return dict(values()), structure


@pytest.mark.parametrize("p2", [0x81, 0x82, 0x83])
def test_verify_with_any_length(p2: int) -> None:
    fields, command = read(pin_verify_structure(p2, Lengths(6, 15)), VERIFY_FIELDS)
    assert fields == VERIFY | ANY_LENGTH | {"ulDataLength": 5}
    assert command == bytes((0, 0x20, 0, p2, 0))


def test_verify_with_a_fixed_length() -> None:
    fields, command = read(pin_verify_structure(0x83, Lengths(8, 8, 8)), VERIFY_FIELDS)
    assert fields == VERIFY | EIGHT | {"ulDataLength": 13}
    assert command == bytes.fromhex("0020008308 ffffffffffffffff")


@pytest.mark.parametrize("p2", [0x81, 0x83])
def test_modify_with_any_length(p2: int) -> None:
    fields, command = read(pin_modify_structure(p2, Lengths(6, 15)), MODIFY_FIELDS)
    assert fields == MODIFY | ANY_LENGTH | {"bInsertionOffsetNew": 0, "ulDataLength": 5}
    assert command == bytes((0, 0x24, 0, p2, 0))


def test_modify_with_a_fixed_length() -> None:
    fields, command = read(pin_modify_structure(0x83, Lengths(8, 8, 8)), MODIFY_FIELDS)
    assert fields == MODIFY | EIGHT | {"bInsertionOffsetNew": 8, "ulDataLength": 21}
    assert command == bytes.fromhex("0024008310") + 16 * b"\xff"


@pytest.mark.parametrize(("known", "asked"), [(0xFF, 3), (7, 3), (2, 2), (1, 1), (4, 3)])
def test_only_ends_of_the_entry_that_the_reader_knows(known: int, asked: int) -> None:
    fields, _ = read(pin_verify_structure(0x81, Lengths(6, 6, 6), known), VERIFY_FIELDS)
    assert fields["bEntryValidationCondition"] == asked


def test_features() -> None:
    answer = bytes.fromhex("060442330006 070442330007 0A044233000A 120442330012")
    assert parse_features(answer) == {feature: 0x42330000 + feature for feature in Feature}


def test_properties() -> None:
    answer = bytes.fromhex("010200 00 02 01 07 0601 04 070110 080341 42 43 0b024b0c 0c020405")
    found = parse_properties(answer)
    assert found[Property.ENTRY_VALIDATION_CONDITION] == 7
    assert (found[Property.MIN_PIN_SIZE], found[Property.MAX_PIN_SIZE]) == (4, 16)
    assert (found[Property.VENDOR], found[Property.PRODUCT]) == (0x0C4B, 0x0504)


@pytest.mark.parametrize("length", range(6))
def test_what_is_cut_off_is_left_out(length: int) -> None:
    answer = bytes.fromhex("060442330006")
    assert parse_features(answer[:length]) == {}
    assert parse_features(answer + answer[:length]) == {6: 0x42330006}


def test_older_form_of_the_properties() -> None:
    assert parse_pin_properties(b"\x10\x02\x07\x00") == {Property.ENTRY_VALIDATION_CONDITION: 7}
    assert parse_pin_properties(b"\x10\x02") == {}


CARD = Lengths(6, 127)


@pytest.mark.parametrize(
    ("limits", "varlen", "fixed", "asked"),
    [
        ({}, True, None, Lengths(6, 15)),
        ({Property.MIN_PIN_SIZE: 4, Property.MAX_PIN_SIZE: 0}, True, None, Lengths(6, 15)),
        ({Property.MIN_PIN_SIZE: 8, Property.MAX_PIN_SIZE: 25}, True, None, Lengths(8, 25)),
        ({Property.MAX_PIN_SIZE: 255}, True, None, Lengths(6, 127)),
        ({Property.MAX_PIN_SIZE: 4}, True, None, None),
        ({}, False, None, None),
        ({}, False, 6, Lengths(6, 6, 6)),
        ({}, True, 6, Lengths(6, 6, 6)),
        ({}, True, 0, None),
        ({}, True, 5, None),
        ({}, True, 15, Lengths(15, 15, 15)),
        ({Property.MAX_PIN_SIZE: 25}, True, 16, None),
        ({Property.MAX_PIN_SIZE: 8}, True, 9, None),
    ],
)
def test_lengths(
    limits: dict[int, int], varlen: bool, fixed: int | None, asked: Lengths | None
) -> None:
    assert fitting(limits, varlen=varlen, within=CARD, fixed=fixed) == asked


@pytest.mark.parametrize(
    ("login", "lengths"),
    [
        (b"", None),
        (b"jane", None),
        (b"P=8", None),
        (b"jane\nP=8", None),
        (b"jane\n\x14P=8", (8, 8)),
        (b"\n\x14P=6,8\n", (6, 8)),
        (b"\n\x14F=1\x18P=0", (0, 0)),
        (b"\n\x14P=6,\x18F=3", None),
        (b"\n\x14P=6x", None),
        (b"\n\x14P=-1", None),
        (b"\n\x14F=1\nP=8", None),
        (b"\n\x14P=6\x18P=7", (7, 7)),
        (b"\n\x14P=99999999999999999999", None),
    ],
)
def test_preference_in_the_login_data(login: bytes, lengths: tuple[int, int] | None) -> None:
    assert preferred_lengths(login) == lengths


def test_words_of_the_reader() -> None:
    kinds = {0x6400: TimedOut, 0x6401: PinCanceled, 0x6402: BadInput, 0x6403: BadPin}
    assert {sw: type(refusal(sw)) for sw in kinds} == kinds
    assert refusal(0x63C2) is None
    assert refusal(0x9000) is None


@pytest.mark.parametrize(
    ("vendor", "product", "reader", "varlen"),
    [
        (None, None, "REINER SCT cyberJack RFID standard 00 00", True),
        (None, None, "SPRx32 USB Smart Card Reader 00 00", True),
        (None, None, "Gemalto GemPC Pinpad 00 00", False),
        (0x0C4B, 0x0504, "any", True),
        (0x1FC9, 0x81E6, "any", True),
        (0x1FC9, 0x0001, "Trustica", False),
        (0x08E6, 0x3478, "cyberJack", False),
        (0x0982, 0x0008, "Covadis", False),
    ],
)
def test_models(vendor: int | None, product: int | None, reader: str, varlen: bool) -> None:
    numbers = {Property.VENDOR: vendor, Property.PRODUCT: product}
    properties = {int(tag): number for tag, number in numbers.items() if number is not None}
    assert find(properties, reader).varlen is varlen


def test_each_model_is_found_by_its_own_numbers() -> None:
    for model in MODELS:
        numbers: dict[int, int] = {Property.VENDOR: model.vendor}
        assert find(numbers | {Property.PRODUCT: model.product or 1}, "") is model
