"""PINs that are changed, reset and taken back: what it costs, and what a mistake costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backends.errors import (
    BadPin,
    Broken,
    HardwareFailure,
    NotFound,
    NotSupported,
    PinBlocked,
    PinNeeded,
    TokenError,
    Unfinished,
)
from backends.openpgp.link import LinkLost
from backends.token import PinRef
from tests.bed.simulated import PRESETS
from tests.openpgp.bench import GET_DATA, VERIFY
from tests.openpgp.editor import ADMIN_PIN, CHANGE, RESET_RETRY, USER_PIN, Editor

PW1, PW1_82, PW3, RC = PinRef.PW1_81, PinRef.PW1_82, PinRef.PW3, PinRef.RC
PINS = {PW1: USER_PIN, PW3: ADMIN_PIN}
CODE = b"resetting code"
Action = Callable[[Editor], None]


def change(editor: Editor, ref: PinRef, old: bytes, new: bytes) -> None:
    editor.card.change_pin(ref, bytearray(old), bytearray(new))


def verify(editor: Editor, ref: PinRef, pin: bytes) -> None:
    editor.card.verify_pin(ref, bytearray(pin))


def set_code(editor: Editor, code: bytes = CODE) -> None:
    editor.card.reset_pin(RC, bytearray(ADMIN_PIN), bytearray(code))


def presented(editor: Editor) -> int:
    """How often the card was shown a value."""
    return sum(editor.simulated.verifications.values())


# -- by the old PIN ------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", PINS)
@pytest.mark.parametrize("preset", PRESETS)
def test_the_new_pin_counts_and_the_old_one_does_not(preset: str, ref: PinRef) -> None:
    editor, new = Editor(preset), b"another PIN 1"
    change(editor, ref, PINS[ref], new)
    assert not editor.card.is_verified(ref)
    verify(editor, ref, new)
    with pytest.raises(BadPin):
        verify(editor, ref, PINS[ref])
    change(editor, ref, new, PINS[ref])
    verify(editor, ref, PINS[ref])
    assert editor.tries_at_card() == (3, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda right: right[:-1] + b"x",
        lambda right: right + b"0",
        lambda right: right + b"00000000",
        lambda right: right[::-1],
    ],
    ids=["other", "longer", "much longer", "backwards"],
)
@pytest.mark.parametrize("ref", PINS)
@pytest.mark.parametrize("preset", PRESETS)
def test_wrong_old_pin_costs_one_try_and_the_old_one_stays(
    preset: str, ref: PinRef, wrong: object
) -> None:
    assert callable(wrong)
    editor = Editor(preset)
    with pytest.raises(BadPin) as caught:
        change(editor, ref, wrong(PINS[ref]), b"another PIN 1")
    assert caught.value.tries_left == 2
    assert min(*editor.tries_at_card(), editor.simulated.pins.chv2.tries) == 2
    assert presented(editor) == 1
    verify(editor, ref, PINS[ref])
    assert editor.tries_at_card() == (3, 3)


def test_old_pin_that_is_the_beginning_of_the_right_one_is_wrong() -> None:
    editor = Editor()
    change(editor, PW1, USER_PIN, b"12345678")
    with pytest.raises(BadPin):
        change(editor, PW1, b"123456", b"78654321")
    verify(editor, PW1, b"12345678")


@pytest.mark.parametrize("preset", PRESETS)
def test_new_pin_of_the_wrong_length_costs_nothing(preset: str) -> None:
    editor = Editor(preset)
    for ref, right in PINS.items():
        limits = editor.card.new_pin(ref)
        for size in (0, limits.min_length - 1, limits.max_length + 1):
            with pytest.raises(BadPin):
                change(editor, ref, right, b"1" * size)
            with pytest.raises(BadPin):
                change(editor, ref, b"1" * size, right)
    assert not presented(editor)
    for ref, right in PINS.items():
        for size in (limits.min_length, min(limits.max_length, 126)):
            change(editor, ref, right, b"1" * size)
            change(editor, ref, b"1" * size, right)


def test_a_pin_costs_one_verify_and_one_change() -> None:
    editor = Editor()
    sent = editor.sent(lambda: change(editor, PW1, USER_PIN, b"654321"))
    assert sent in ([VERIFY, CHANGE], [GET_DATA, VERIFY, CHANGE], [GET_DATA] * 2 + [VERIFY, CHANGE])


def test_blocked_pin_is_not_changed() -> None:
    editor = Editor()
    for _ in range(3):
        with pytest.raises((BadPin, PinBlocked)):
            change(editor, PW1, b"000000", b"654321")
    with pytest.raises(PinBlocked):
        change(editor, PW1, USER_PIN, b"654321")
    assert CHANGE not in [apdu[1] for apdu in editor.link.sent]


@pytest.mark.parametrize("ref", [RC, PW1_82, PinRef.USER, PinRef.SO])
def test_what_is_no_pin_to_be_changed_is_sent_nowhere(ref: PinRef) -> None:
    editor = Editor()
    set_code(editor)
    editor.link.sent.clear()
    with pytest.raises(NotSupported):
        change(editor, ref, CODE, b"another code")
    assert not {VERIFY, CHANGE} & {apdu[1] for apdu in editor.link.sent}


def test_resetting_code_is_not_verified_by_itself() -> None:
    editor = Editor()
    set_code(editor)
    tries = presented(editor)
    with pytest.raises(NotSupported):
        verify(editor, RC, CODE)
    assert presented(editor) == tries


@pytest.mark.parametrize("answer", [b"\x65\x81", b"\x6f\x00", LinkLost("reset")])
def test_failure_after_the_old_pin_was_right(answer: bytes | Exception) -> None:
    editor = Editor()
    editor.link.strike(CHANGE, answer)
    with pytest.raises((HardwareFailure, Broken)):
        change(editor, PW1, USER_PIN, b"654321")
    assert not editor.card.is_verified(PW1)
    assert editor.tries_at_card() == (3, 3)
    verify(editor, PW1, USER_PIN)


@pytest.mark.parametrize("fault", [LinkLost("the card was reset"), b"\x6f\x00"], ids=repr)
@pytest.mark.parametrize(
    "action",
    [
        lambda it: change(it, PW1, b"000000", b"654321"),
        lambda it: verify(it, PW1, b"000000"),
        lambda it: it.card.reset_pin(PW1, bytearray(b"00000000"), bytearray(b"654321")),
        lambda it: it.card.unblock_pin(bytearray(b"another code."), bytearray(b"654321")),
    ],
    ids=["change", "verify", "reset", "code"],
)
def test_wrong_pin_is_told_even_if_contact_is_lost_right_after_it(
    action: Action, fault: bytes | Exception
) -> None:
    """Else it would be asked for again as if it had not been tried."""
    twins = Editor(), Editor()
    for editor in twins:
        set_code(editor)
        editor.card.forget_pin(PW3)
        editor.card.pin_named(PW1)
        editor.link.sent.clear()
    with pytest.raises(BadPin):
        action(twins[0])
    commands = [apdu[1] for apdu in twins[0].link.sent]
    at = next(at for at, ins in enumerate(commands) if ins in (VERIFY, RESET_RETRY))
    twins[1].link.strike_at(at + 1, fault)
    with pytest.raises(BadPin) as caught:
        action(twins[1])
    assert caught.value.tries_left is None
    assert presented(twins[1]) == presented(twins[0])


# -- by the admin PIN ------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_admin_sets_a_blocked_pin(preset: str) -> None:
    editor = Editor(preset)
    for _ in range(3):
        with pytest.raises((BadPin, PinBlocked)):
            verify(editor, PW1, b"000000")
    editor.card.reset_pin(PW1, bytearray(ADMIN_PIN), bytearray(b"654321"))
    verify(editor, PW1, b"654321")
    verify(editor, PW1_82, b"654321")
    assert editor.tries_at_card() == (3, 3)


@pytest.mark.parametrize("by_code", [False, True])
def test_pin_that_was_set_is_not_verified(by_code: bool) -> None:
    editor = Editor()
    set_code(editor)
    for ref in (PW1, PW1_82):
        verify(editor, ref, USER_PIN)
    if by_code:
        editor.card.unblock_pin(bytearray(CODE), bytearray(b"654321"))
    else:
        editor.card.reset_pin(PW1, None, bytearray(b"654321"))
    assert not editor.card.is_verified(PW1)
    assert not editor.card.is_verified(PW1_82)
    editor.card.settle()
    assert editor.tries_at_card() == (3, 3)


@pytest.mark.parametrize("ref", [PW1, RC])
def test_admin_pin_that_is_verified_is_not_sent_again(ref: PinRef) -> None:
    editor = Editor()
    with pytest.raises(PinNeeded):
        editor.card.reset_pin(ref, None, bytearray(b"12345678"))
    with pytest.raises(BadPin):
        editor.card.reset_pin(ref, bytearray(b"00000000"), bytearray(b"12345678"))
    assert editor.tries_at_card() == (3, 2)
    verify(editor, PW3, ADMIN_PIN)
    for pin in (None, bytearray(ADMIN_PIN)):
        editor.card.reset_pin(ref, pin, bytearray(b"12345678"))
    assert editor.simulated.verifications["PW3"] == 2


@pytest.mark.parametrize("ref", [PW1, RC])
def test_admin_pin_that_the_card_forgot_is_needed_again(ref: PinRef) -> None:
    editor = Editor()
    verify(editor, PW3, ADMIN_PIN)
    editor.simulated._state.pins.verified.clear()
    with pytest.raises(PinNeeded):
        editor.card.reset_pin(ref, None, bytearray(b"12345678"))
    assert not editor.card.is_verified(PW3)
    editor.card.reset_pin(ref, bytearray(ADMIN_PIN), bytearray(b"12345678"))
    assert editor.tries_at_card() == (3, 3)


def test_new_value_of_the_wrong_length_costs_no_admin_try() -> None:
    editor = Editor()
    for ref, new in ((PW1, b"12345"), (PW1, b""), (RC, b"1234567"), (RC, b"1" * 128)):
        with pytest.raises(BadPin):
            editor.card.reset_pin(ref, bytearray(ADMIN_PIN), bytearray(new))
    assert not presented(editor)


@pytest.mark.parametrize("ref", [PW3, PW1_82, PinRef.USER])
def test_what_the_admin_cannot_set(ref: PinRef) -> None:
    editor = Editor()
    with pytest.raises(NotSupported):
        editor.card.reset_pin(ref, bytearray(ADMIN_PIN), bytearray(b"12345678"))
    assert not presented(editor)


# -- by the resetting code -----------------------------------------------------------------------


RESETTABLE = [name for name, profile in PRESETS.items() if profile.version >= 0x0200]


@pytest.mark.parametrize("preset", RESETTABLE)
def test_resetting_code_sets_the_pin(preset: str) -> None:
    editor = Editor(preset)
    set_code(editor)
    for _ in range(3):
        with pytest.raises((BadPin, PinBlocked)):
            verify(editor, PW1, b"000000")
    editor.card.unblock_pin(bytearray(CODE), bytearray(b"654321"))
    verify(editor, PW1, b"654321")
    assert editor.tries_at_card() == (3, 3)


@pytest.mark.parametrize("preset", RESETTABLE)
def test_wrong_resetting_code_costs_one_try_until_it_is_blocked(preset: str) -> None:
    editor = Editor(preset)
    set_code(editor)
    for left in (2, 1, 0):
        with pytest.raises(BadPin) as caught:
            editor.card.unblock_pin(bytearray(b"another code.."), bytearray(b"654321"))
        assert caught.value.tries_left == left
    with pytest.raises(PinBlocked):
        editor.card.pin_named(RC)
    with pytest.raises(NotFound):
        editor.card.unblock_pin(bytearray(CODE), bytearray(b"654321"))
    verify(editor, PW1, USER_PIN)
    set_code(editor)
    editor.card.unblock_pin(bytearray(CODE), bytearray(b"654321"))


def test_removed_resetting_code_is_none() -> None:
    editor = Editor()
    set_code(editor)
    set_code(editor, b"")
    with pytest.raises(NotFound):
        editor.card.unblock_pin(bytearray(CODE), bytearray(b"654321"))
    assert editor.simulated.verifications["RC"] == 0


def test_resetting_code_of_the_wrong_length_costs_nothing() -> None:
    editor = Editor()
    set_code(editor)
    for code, new in ((b"1234567", b"654321"), (CODE, b"12345"), (b"1" * 128, b"654321")):
        with pytest.raises(BadPin):
            editor.card.unblock_pin(bytearray(code), bytearray(new))
    assert editor.simulated.verifications["RC"] == 0


@pytest.mark.parametrize("faults", [1, 2])
def test_deselected_before_the_resetting_code_is_used(faults: int) -> None:
    """The tries may have come with the selection: then nothing else shows who answers."""
    editor = Editor("yubikey5")
    set_code(editor)
    editor.card.reset()
    editor.card.keys()
    for _ in range(faults):
        editor.simulated.process_apdu(bytes.fromhex("00A4040005A000000308"))
    editor.card.unblock_pin(bytearray(CODE), bytearray(b"654321"))
    verify(editor, PW1, b"654321")


@pytest.mark.parametrize("answer", [b"\x6f\x00", LinkLost("the card was reset")])
def test_failure_of_a_reset_is_told_and_not_repeated(answer: bytes | Exception) -> None:
    editor = Editor()
    set_code(editor)
    editor.link.strike(RESET_RETRY, answer)
    with pytest.raises(Broken):
        editor.card.unblock_pin(bytearray(CODE), bytearray(b"654321"))
    assert [apdu[1] for apdu in editor.link.sent].count(RESET_RETRY) == 1


# -- version 1 ---------------------------------------------------------------------------------


def test_both_pins_of_version_1_are_changed_together() -> None:
    editor = Editor("v1")
    change(editor, PW1, USER_PIN, b"654321")
    for ref in (PW1, PW1_82):
        verify(editor, ref, b"654321")
    editor.card.reset_pin(PW1, bytearray(ADMIN_PIN), bytearray(b"111111"))
    for ref in (PW1, PW1_82):
        verify(editor, ref, b"111111")
    assert editor.simulated.pins.chv2.tries == 3


def test_pins_of_version_1_that_differ_are_left_alone() -> None:
    editor = Editor("v1")
    editor.simulated.pins.chv2.set(b"222222")
    for old in (USER_PIN, b"222222"):
        with pytest.raises(BadPin):
            change(editor, PW1, old, b"654321")
    assert (editor.simulated.pins.pw1.value, editor.simulated.pins.chv2.value) == (
        USER_PIN,
        b"222222",
    )


@pytest.mark.parametrize(
    ("ins", "first", "action"),
    [
        (CHANGE, PW1_82, lambda it: change(it, PW1, USER_PIN, b"654321")),
        (
            RESET_RETRY,
            PW1,
            lambda it: it.card.reset_pin(PW1, bytearray(ADMIN_PIN), bytearray(b"654321")),
        ),
    ],
)
def test_failure_between_the_pins_of_version_1_says_which_is_new(
    ins: int, first: PinRef, action: Action
) -> None:
    editor = Editor("v1")
    editor.link.strike(ins, b"\x90\x00", b"\x65\x81")
    with pytest.raises(Unfinished, match=first.value):
        action(editor)


def test_version_1_has_no_resetting_code() -> None:
    editor = Editor("v1")
    for action in (
        lambda: editor.card.new_pin(RC),
        lambda: editor.card.pin_named(RC),
        lambda: set_code(editor),
        lambda: set_code(editor, b""),
        lambda: editor.card.unblock_pin(bytearray(CODE), bytearray(b"654321")),
    ):
        with pytest.raises(NotSupported):
            action()
    assert not presented(editor)


# -- taken back --------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", [PW1, PW1_82, PW3])
@pytest.mark.parametrize("preset", PRESETS)
def test_pin_is_taken_back_or_the_card_cannot(preset: str, ref: PinRef) -> None:
    editor = Editor(preset)
    verify(editor, ref, PINS.get(ref, USER_PIN))
    if PRESETS[preset].version >= 0x0300:
        editor.card.forget_pin(ref)
    else:
        with pytest.raises(NotSupported):
            editor.card.forget_pin(ref)
    assert not editor.card.is_verified(ref)
    assert editor.tries_at_card() == (3, 3)
    assert presented(editor) == 1


def test_pin_is_not_taken_back_from_another_application() -> None:
    editor = Editor("yubikey5")
    verify(editor, PW3, ADMIN_PIN)
    editor.simulated.process_apdu(bytes.fromhex("00A4040005A000000308"))
    sent = editor.sent(lambda: editor.card.forget_pin(PW3))
    assert sent.index(0xA4) < sent.index(VERIFY)


@pytest.mark.parametrize("ref", [RC, PinRef.USER])
def test_what_cannot_be_verified_cannot_be_taken_back(ref: PinRef) -> None:
    editor = Editor()
    with pytest.raises(TokenError):
        editor.card.forget_pin(ref)
    assert VERIFY not in [apdu[1] for apdu in editor.link.sent]


# -- other programs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    [
        lambda it: change(it, PW1, USER_PIN, b"654321"),
        lambda it: change(it, PW3, ADMIN_PIN, b"87654321"),
        lambda it: it.card.reset_pin(PW1, bytearray(ADMIN_PIN), bytearray(b"654321")),
        lambda it: it.card.unblock_pin(bytearray(CODE), bytearray(b"654321")),
        lambda it: set_code(it, b""),
        lambda it: verify(it, PW3, ADMIN_PIN),
    ],
    ids=["PW1", "PW3", "reset", "code", "no code", "verify"],
)
def test_no_pin_goes_to_another_application(action: Action) -> None:
    editor = Editor("yubikey5")
    set_code(editor)
    editor.card.pin_named(PW1)
    editor.simulated.process_apdu(bytes.fromhex("00A4040005A000000308"))
    sent = editor.sent(lambda: action(editor))
    first = min(sent.index(ins) for ins in (VERIFY, CHANGE, RESET_RETRY) if ins in sent)
    assert 0xA4 in sent[:first]
    assert editor.tries_at_card() == (3, 3)


def test_short_pins_that_some_cards_count_are_not_sent() -> None:
    editor = Editor("gnuk")
    for pin in (b"", b"12345"):
        with pytest.raises(BadPin):
            verify(editor, PW1, pin)
    assert editor.tries_at_card() == (3, 3)
