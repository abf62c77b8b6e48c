"""Data objects that are written: what fits, whose PIN it takes, and what becomes true of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backends.changes import GenerateKey, SetAttribute
from backends.errors import (
    BadInput,
    HardwareFailure,
    NoButton,
    NotSupported,
    PinNeeded,
    TokenError,
    UseRefused,
)
from backends.openpgp.link import LinkLost
from backends.openpgp.writable_objects import WRITABLE
from backends.token import Attribute, PinRef
from scd.cardmemory import CardMemory
from tests.bed.simulated import PRESETS
from tests.openpgp.bench import SIGN, VERIFY
from tests.openpgp.editor import ADMIN_PIN, PUT_DATA, USER_PIN, Editor, stamp

A = Attribute
#: Greatest length on a card 3.4 of the simulated kind, and on one of version 2.
LONGEST = {
    A.DISP_NAME: (39, 39),
    A.DISP_LANG: (8, 8),
    A.DISP_SEX: (1, 1),
    A.PUBKEY_URL: (2048, 254),
    A.LOGIN_DATA: (2048, 254),
    A.PRIVATE_DO_1: (2048, 254),
    A.PRIVATE_DO_2: (2048, 254),
    A.PRIVATE_DO_3: (2048, 254),
    A.PRIVATE_DO_4: (2048, 254),
}
EXACT = {
    A.CA_FPR_1: 20,
    A.CA_FPR_2: 20,
    A.CA_FPR_3: 20,
    A.CHV_STATUS_1: 1,
    A.UIF_1: 2,
    A.UIF_2: 2,
    A.UIF_3: 2,
}
USERS = {A.PRIVATE_DO_1, A.PRIVATE_DO_3}
#: Where the simulated card has what is written.
TAGS = {attribute: int(row.do) for attribute, row in WRITABLE.items()}


def refused(editor: Editor, change: SetAttribute, error: type[TokenError]) -> None:
    """Neither asked for nor sent."""
    before = len(editor.link.sent)
    with pytest.raises(error):
        editor.card.pin_for_change(change)
    with pytest.raises(error):
        editor.card.change(change, bytearray(ADMIN_PIN))
    assert not editor.written()
    assert not [apdu for apdu in editor.link.sent[before:] if apdu[1] == VERIFY]


@pytest.mark.parametrize("preset", ["modern", "v2"])
@pytest.mark.parametrize("attribute", LONGEST, ids=lambda a: a.value)
def test_up_to_its_greatest_length_it_is_written(attribute: Attribute, preset: str) -> None:
    editor, longest = Editor(preset), LONGEST[attribute][preset == "v2"]
    for size in (longest, 0):
        value = b"en" * (size // 2) if attribute is A.DISP_LANG else bytes(range(1, 256)) * 9
        editor.make(SetAttribute(attribute, value[:size]))
        assert editor.snapshot()[TAGS[attribute]] == value[:size]
        assert editor.read(attribute) == value[:size] or attribute is A.PRIVATE_DO_4
    refused(editor := Editor(preset), SetAttribute(attribute, bytes(longest + 1)), BadInput)


@pytest.mark.parametrize("attribute", EXACT, ids=lambda a: a.value)
def test_what_has_one_length_takes_no_other(attribute: Attribute) -> None:
    for size in (0, EXACT[attribute] - 1, EXACT[attribute] + 1):
        refused(Editor(), SetAttribute(attribute, bytes(size)), BadInput)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_fingerprints_of_other_keys(number: int) -> None:
    editor, value = Editor(), bytes([number]) * 20
    editor.read(A.CA_FPR)
    editor.make(SetAttribute(A(f"CA-FPR-{number}"), value))
    expected = bytes(20 * (number - 1)) + value + bytes(20 * (3 - number))
    assert editor.read(A.CA_FPR) == expected


@pytest.mark.parametrize("attribute", [*LONGEST, *EXACT], ids=lambda a: a.value)
def test_it_takes_the_pin_that_the_specification_says(attribute: Attribute) -> None:
    editor = Editor()
    value = b"\1\x20"[: EXACT[attribute]].ljust(EXACT[attribute]) if attribute in EXACT else b""
    editor.make(SetAttribute(attribute, value))
    assert editor.asked == [PinRef.PW1_82 if attribute in USERS else PinRef.PW3]
    editor.make(SetAttribute(attribute, value))
    assert len(editor.asked) == 1
    assert sum(editor.simulated.verifications.values()) == 1


@pytest.mark.parametrize(
    ("preset", "attribute", "size"),
    [
        ("gnuk", A.PRIVATE_DO_1, 1),
        ("canokey", A.PRIVATE_DO_4, 1),
        ("minimal", A.CHV_STATUS_1, 1),
        ("fluffy", A.KDF, 3),
        ("gnuk", A.AES_KEY, 16),
        ("v1", A.SM_KEY_ENC, 16),
        ("modern", A.AID, 16),
        ("modern", A.SIG_COUNTER, 3),
        ("modern", A.CHV_STATUS, 7),
        ("modern", A.KEY_FPR, 60),
    ],
)
def test_what_the_card_does_not_have_is_not_written(
    preset: str, attribute: Attribute, size: int
) -> None:
    refused(Editor(preset), SetAttribute(attribute, bytes(size)), NotSupported)


@pytest.mark.parametrize("size", [16, 32])
def test_aes_key(size: int) -> None:
    editor = Editor()
    editor.make(SetAttribute(A.AES_KEY, bytes(range(size))))
    assert editor.snapshot()[0xD5] == bytes(range(size))
    refused(Editor(), SetAttribute(A.AES_KEY, bytes(15)), BadInput)
    refused(Editor(), SetAttribute(A.AES_KEY, bytes(33)), BadInput)


def test_long_values_need_extended_length_or_chaining() -> None:
    value = SetAttribute(A.LOGIN_DATA, bytes(range(250)) * 4)
    chained = Editor("no_extended")
    chained.make(value)
    assert chained.read(A.LOGIN_DATA) == value.value
    profile = replace(PRESETS["modern"], extended_length=False, chaining=False)
    refused(Editor(profile), value, NotSupported)


# -- touch -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("preset", ["modern", "gnuk", "canokey", "yubikey5"])
def test_touch_switches(preset: str, number: int) -> None:
    editor, attribute = Editor(preset), A(f"UIF-{number}")
    assert editor.read(attribute) == b"\0\x20"
    for value in (b"\1\x20", b"\0\x20", b"\2\x20"):
        editor.make(SetAttribute(attribute, value))
        assert editor.read(attribute) == value
    with pytest.raises(UseRefused):  # for good
        editor.make(SetAttribute(attribute, b"\0\x20"))
    assert editor.read(attribute) == b"\2\x20"


@pytest.mark.parametrize("preset", ["smartpgp", "v2", "minimal", "ykneo", "fluffy"])
def test_touch_switches_of_a_card_without_a_button(preset: str) -> None:
    refused(Editor(preset), SetAttribute(A.UIF_1, b"\1\x20"), NoButton)


def test_touch_that_is_wanted_is_known() -> None:
    editor = Editor("gnuk")
    editor.make(GenerateKey(SIGN, stamp(SIGN)))
    assert not editor.card.touch_wanted(editor.key(SIGN))
    editor.make(SetAttribute(A.UIF_1, b"\1\x20"))
    editor.read(A.UIF_1)
    assert editor.card.touch_wanted(editor.key(SIGN))


# -- the PIN of signatures ----------------------------------------------------------------------


def signer(preset: str = "modern") -> Editor:
    editor = Editor(preset)
    editor.make(GenerateKey(SIGN, stamp(SIGN)))
    return editor


@pytest.mark.parametrize("preset", ["modern", "gnuk", "fluffy", "ykneo"])
def test_one_pin_for_several_signatures_can_be_switched(preset: str) -> None:
    editor = signer(preset)
    for several in (True, False, True):
        editor.make(SetAttribute(A.CHV_STATUS_1, bytes([several])))
        assert editor.read(A.CHV_STATUS)[0] == several
        request = editor.card.pin_for(editor.key(SIGN))
        assert request is not None
        assert request.each_time is not several
        editor.works(SIGN)
        assert (editor.card.pin_for(editor.key(SIGN)) is None) is several
        editor.works(SIGN)
    assert editor.tries_at_card() == (3, 3)


def test_pin_that_a_signature_used_up_is_not_taken_for_verified() -> None:
    editor = signer()
    editor.make(SetAttribute(A.CHV_STATUS_1, b"\0"))
    editor.works(SIGN)
    editor.make(SetAttribute(A.CHV_STATUS_1, b"\1"))
    assert editor.card.pin_for(editor.key(SIGN)) is not None


def test_switch_is_known_without_another_look() -> None:
    editor = signer()
    for several in (True, False):
        editor.make(SetAttribute(A.CHV_STATUS_1, bytes([several])))
        editor.use(SIGN, USER_PIN)
        assert editor.card.is_verified(PinRef.PW1_81) is several


def test_refused_switch_changes_nothing() -> None:
    editor = signer()
    with pytest.raises(BadInput):
        editor.make(SetAttribute(A.CHV_STATUS_1, b"\2"))
    request = editor.card.pin_for(editor.key(SIGN))
    assert request is not None
    assert request.each_time


# -- failures ----------------------------------------------------------------------------------


def test_name_is_remembered_for_prompts(tmp_path: Path) -> None:
    editor = Editor("modern", CardMemory(tmp_path / "memory"))
    editor.make(SetAttribute(A.DISP_NAME, b"Doe<<Jane"))
    again = Editor("modern", CardMemory(tmp_path / "memory"))
    assert again.card.remembered({A.DISP_NAME}) == {A.DISP_NAME: b"Doe<<Jane"}


def test_name_that_was_not_written_is_not_remembered(tmp_path: Path) -> None:
    editor = Editor("modern", CardMemory(tmp_path / "memory"))
    editor.link.strike(PUT_DATA, b"\x65\x81")
    with pytest.raises(HardwareFailure):
        editor.make(SetAttribute(A.DISP_NAME, b"Doe<<Jane"))
    assert editor.card.remembered({A.DISP_NAME}) == {}
    assert editor.read(A.DISP_NAME) == b""


def test_interrupted_write_asks_for_the_pin_again() -> None:
    editor = Editor()
    editor.link.strike(PUT_DATA, LinkLost("the card was reset"))
    with pytest.raises(PinNeeded):
        editor.card.change(SetAttribute(A.DISP_LANG, b"de"), bytearray(ADMIN_PIN))
    editor.make(SetAttribute(A.DISP_LANG, b"de"))
    assert editor.read(A.DISP_LANG) == b"de"
    assert editor.simulated.verifications["PW3"] == 2


def test_nothing_is_written_to_another_application() -> None:
    """Another program selects PIV, whose PUT DATA is that of OpenPGP's keys."""
    editor = Editor("yubikey5")
    editor.make(SetAttribute(A.DISP_LANG, b"de"))
    editor.simulated.process_apdu(bytes.fromhex("00A4040005A000000308"))
    editor.link.sent.clear()
    with pytest.raises(PinNeeded):
        editor.card.change(SetAttribute(A.DISP_LANG, b"fr"), None)
    assert not editor.written()
    editor.make(SetAttribute(A.DISP_LANG, b"fr"))
    assert editor.read(A.DISP_LANG) == b"fr"


def test_private_objects_can_be_read_by_their_pin() -> None:
    editor = Editor()
    editor.make(SetAttribute(A.PRIVATE_DO_3, b"three"))
    editor.make(SetAttribute(A.PRIVATE_DO_4, b"four"))
    wanted = {A.PRIVATE_DO_3, A.PRIVATE_DO_4}
    assert editor.card.attributes(wanted) == {A.PRIVATE_DO_3: b"three", A.PRIVATE_DO_4: b"four"}
    editor.card.reset()
    assert editor.card.attributes(wanted) == {}
    editor.card.verify_pin(PinRef.PW1_82, bytearray(USER_PIN))
    assert editor.card.attributes(wanted) == {A.PRIVATE_DO_3: b"three"}
