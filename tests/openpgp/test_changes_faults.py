"""Changes of keys that fail at each of their commands in turn: what is said of the card is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backends.changes import Change, GenerateKey, SetAlgorithm, WriteKey
from backends.errors import PinNeeded, Removed, TokenError, Unfinished
from backends.openpgp.link import LinkLost
from scd.cardmemory import CardMemory
from tests.bed.simulated import PRESETS, Profile
from tests.bed.simulated.algorithms import CRT_N
from tests.fake.keys import private_key
from tests.openpgp.editor import (
    ADMIN_PIN,
    CREATED,
    GENERATE,
    PUT_DATA_ODD,
    Editor,
    algorithm,
    rsa_key,
    soft_key,
    stamp,
)

REF = "OPENPGP.1"
ED25519, SECP256K1 = algorithm("ed25519", REF), algorithm("secp256k1", REF)
assert ED25519 is not None
assert SECP256K1 is not None
IMPORTED = private_key(soft_key(ED25519))
LATER = stamp(REF, CREATED + 9)

#: What is done; all but the first begin with a key in the slot, on the curve Ed25519.
CHANGES: dict[str, Change] = {
    "first key": GenerateKey(REF, LATER, ED25519),
    "generate": GenerateKey(REF, LATER),
    "generate another kind": GenerateKey(REF, LATER, SECP256K1),
    "import": WriteKey(REF, LATER, IMPORTED),
    "import another kind": WriteKey(REF, LATER, private_key(soft_key(SECP256K1))),
    "algorithm": SetAlgorithm(REF, SECP256K1),
    "import in a chain": WriteKey(REF, LATER, private_key(rsa_key(1024))),
}
FAULTS: dict[str, Callable[[], bytes | Exception]] = {
    "6581": lambda: b"\x65\x81",
    "6F00": lambda: b"\x6f\x00",
    "lost": lambda: LinkLost("the card was reset"),
    "removed": lambda: Removed("the card was removed"),
}
#: With DO DE; without it, and fingerprints that outlive their keys; by short commands only.
CARDS: dict[str, Profile] = {
    "modern": PRESETS["modern"],
    "gnuk": PRESETS["gnuk"],
    "short": replace(PRESETS["no_extended"], rsa_forms=(CRT_N,), rsa_form=CRT_N),
}
CASES = [
    *((card, name) for card in ("modern", "gnuk") for name in CHANGES if "chain" not in name),
    ("short", "import in a chain"),
]
MOST = 25


def ready(card: str, name: str, memory: Path) -> Editor:
    editor = Editor(CARDS[card], CardMemory(memory))
    if name != "first key":
        editor.make(GenerateKey(REF, stamp(REF), ED25519))
        editor.card.reset()
    editor.card.pin_for_change(CHANGES[name])
    editor.link.sent.clear()
    editor.simulated.pins.verifications.clear()
    return editor


def seen(editor: Editor) -> object:
    """All that there is in the slot, asked past the card we test."""
    told = {tag: editor.snapshot().get(tag) for tag in (0xC1, 0xC5, 0xCD, 0xDE)}
    return told, [key.public for key in editor.keys_of_card() if key.ref == REF]


def fail(editor: Editor, name: str) -> TokenError | None:
    try:
        editor.card.change(CHANGES[name], bytearray(ADMIN_PIN))
    except TokenError as exc:
        return exc
    return None


def check_what_was_said(
    error: TokenError | None, fault: str, changed: bool, editor: Editor
) -> None:
    if fault == "removed":
        assert isinstance(error, Removed | Unfinished)
        assert not changed or isinstance(error, Unfinished)
    elif not changed:
        assert error is not None
        assert not isinstance(error, Unfinished), error
    elif isinstance(error, PinNeeded):
        assert not editor.keys_of_card()  # To be asked again must not make another key.
    else:
        assert error is None or isinstance(error, Unfinished)
        if error is not None:
            assert ("there is now no key" in str(error)) is not bool(editor.keys_of_card())


def check_no_harm(editor: Editor) -> None:
    whole = [apdu[1] for apdu in editor.written() if apdu[0] == 0]
    assert whole.count(GENERATE) + whole.count(PUT_DATA_ODD) <= 1
    assert editor.tries_at_card() == (3, 3)
    assert editor.simulated.pins.verifications["PW3"] <= 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("card", "name"), CASES)
def test_what_is_said_after_a_failure_is_true(
    tmp_path: Path, card: str, name: str, fault: str
) -> None:
    for reached in (False, True):
        for position in range(MOST):
            editor = ready(card, name, tmp_path / f"{position} {reached}")
            before = seen(editor)
            editor.link.strike_at(position, FAULTS[fault](), reached=reached)
            error = fail(editor, name)
            if editor.link.position >= 0:
                assert error is None
                break
            check_no_harm(editor)
            changed = seen(editor) != before
            check_what_was_said(error, fault, changed, editor)
            if fault != "removed":
                check_it_can_be_mended(editor, name)
        else:
            pytest.fail("more commands than anybody thought")


def check_it_can_be_mended(editor: Editor, name: str) -> None:
    # Another program had the card meanwhile.
    editor.card.reset()
    assert editor.card.keys(thorough=True) == editor.keys_of_card()
    editor.card.reset()
    editor.make(CHANGES[name])
    if name != "algorithm":
        editor.works(REF)
    assert editor.tries_at_card() == (3, 3)
