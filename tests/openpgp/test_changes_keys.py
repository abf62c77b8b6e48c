"""Keys of every algorithm on cards of many kinds: generated, imported, and put to use."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.changes import GenerateKey, WriteKey
from backends.errors import BadInput, NotSupported
from backends.token import ECPublicKey
from scd.cardmemory import CardMemory
from scd.fingerprint import fingerprint
from tests.bed.simulated import PRESETS
from tests.fake.keys import private_key, public_key
from tests.openpgp.bench import Bench
from tests.openpgp.editor import (
    CREATED,
    GENERATE,
    REFS,
    USES,
    Editor,
    algorithm,
    soft_key,
    stamp,
)
from tests.openpgp.links import VirtualLink

CURVES = (
    "nistp256",
    "nistp384",
    "nistp521",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
    "secp256k1",
    "ed25519",
    "ed448",
    "cv25519",
    "x448",
)


def held(preset: str, names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """What a card of that kind can hold in which slot."""
    profile = PRESETS[preset]
    fixed = not profile.attributes_changeable or profile.attributes_ignored
    return [
        (preset, ref, name)
        for number, ref in enumerate(REFS)
        for name in names
        if name in profile.algorithms and algorithm(name, ref) is not None
        if not fixed or profile.defaults[number] == name
    ]


GENERATED = [
    *held("modern", (*CURVES, "rsa1024")),
    ("modern", "OPENPGP.2", "rsa3072"),
    *held("no_extended", ("nistp521", "brainpoolP512r1", "ed448", "x448", "rsa2048")),
    *(
        case
        for preset in PRESETS
        for case in held(preset, CURVES)
        if preset[:2] not in ("mo", "no")
    ),
    *(case for preset in PRESETS for case in held(preset, ("rsa1024", "rsa2048"))[:1]),
]
IMPORTED = [
    *held("modern", (*CURVES, "rsa1024", "rsa2048")),
    *held("no_extended", (*CURVES, "rsa1024")),
    # Few of the large ones, as they take long.
    ("modern", "OPENPGP.1", "rsa4096"),
    ("modern", "OPENPGP.3", "rsa3072"),
    ("no_extended", "OPENPGP.1", "rsa3072"),
    ("no_extended", "OPENPGP.2", "rsa4096"),
    *(
        case
        for preset in PRESETS
        if preset not in ("modern", "no_extended") and PRESETS[preset].key_import
        for case in held(preset, (*CURVES, "rsa1024", "rsa2048"))
    ),
]


@pytest.mark.parametrize(("preset", "ref", "name"), GENERATED)
def test_generated_key_is_told_and_works(preset: str, ref: str, name: str) -> None:
    editor, wanted = Editor(preset), algorithm(name, ref)
    public = editor.make(GenerateKey(ref, stamp(ref), wanted))
    assert public is not None
    key = editor.key(ref)
    assert (key.public, key.created) == (public, CREATED)
    assert key.fingerprint == fingerprint(public, CREATED, USES[ref])
    assert editor.card.is_occupied(ref)
    editor.works(ref)
    assert editor.tries_at_card() == (3, 3)


@pytest.mark.parametrize(("preset", "ref", "name"), IMPORTED)
def test_imported_key_is_told_and_works(preset: str, ref: str, name: str) -> None:
    editor, wanted = Editor(preset), algorithm(name, ref)
    assert wanted is not None
    key = soft_key(wanted)
    editor.make(WriteKey(ref, stamp(ref), private_key(key)))
    found = editor.key(ref)
    assert (found.public, found.created) == (public_key(key), CREATED)
    assert found.fingerprint == fingerprint(found.public, CREATED, USES[ref])
    editor.works(ref)
    assert editor.tries_at_card() == (3, 3)


@pytest.mark.parametrize("preset", PRESETS)
def test_key_of_the_slot_as_it_is(preset: str) -> None:
    editor = Editor(preset)
    public = editor.make(GenerateKey("OPENPGP.3", stamp("OPENPGP.3")))
    assert editor.key("OPENPGP.3").public == public
    editor.works("OPENPGP.3")


@pytest.mark.parametrize(
    ("ref", "name"),
    [("OPENPGP.1", "cv25519"), ("OPENPGP.2", "ed25519"), ("OPENPGP.3", "x448")],
)
def test_key_that_does_not_fit_the_slot_changes_nothing(ref: str, name: str) -> None:
    editor = Editor()
    other = next(each for each in REFS if algorithm(name, each))
    wanted = algorithm(name, other)
    assert wanted is not None
    for change in (
        GenerateKey(ref, stamp(ref), wanted),
        WriteKey(ref, stamp(ref), private_key(soft_key(wanted))),
    ):
        with pytest.raises(BadInput):
            editor.card.pin_for_change(change)
    assert not editor.written()


@pytest.mark.parametrize(
    ("preset", "name"),
    [("ykneo", "rsa4096"), ("fluffy", "ed25519"), ("v1", "rsa2048"), ("minimal", "ed25519")],
)
def test_algorithm_that_the_card_cannot_have_is_refused_before_a_pin_is_asked(
    preset: str, name: str
) -> None:
    editor, wanted = Editor(preset), algorithm(name, "OPENPGP.1")
    assert wanted is not None
    change = WriteKey("OPENPGP.1", stamp("OPENPGP.1"), private_key(soft_key(wanted)))
    before = editor.snapshot()
    if PRESETS[preset].attributes_ignored:
        with pytest.raises(NotSupported):
            editor.make(change)
    else:
        with pytest.raises((BadInput, NotSupported)):
            editor.card.pin_for_change(change)
        assert not editor.written()
    assert editor.snapshot() == before


def test_a_key_replaces_one_of_another_kind_and_back() -> None:
    editor, ref = Editor(), "OPENPGP.1"
    for name in ("ed25519", "rsa1024", "nistp384", "rsa1024"):
        public = editor.make(GenerateKey(ref, stamp(ref), algorithm(name, ref)))
        assert editor.key(ref).public == public
        assert isinstance(public, ECPublicKey) is not name.startswith("rsa")
        editor.works(ref)


@pytest.mark.parametrize("imported", [False, True])
@pytest.mark.parametrize("preset", ["modern", "canokey", "gnuk", "no_extended"])
def test_new_key_is_known_without_reading_and_after_a_restart(
    tmp_path: Path, preset: str, imported: bool
) -> None:
    memory, ref = CardMemory(tmp_path / "memory"), "OPENPGP.3"
    editor, wanted = Editor(preset, memory), algorithm("ed25519", "OPENPGP.3")
    assert wanted is not None
    for created in (CREATED, CREATED + 1):
        key = private_key(soft_key(wanted))
        change = (
            WriteKey(ref, stamp(ref, created), key)
            if imported
            else GenerateKey(ref, stamp(ref, created), wanted)
        )
        public = editor.make(change) or key.public
        assert GENERATE not in editor.sent(lambda: editor.card.keys())
        again = Bench(VirtualLink(editor.simulated), CardMemory(tmp_path / "memory"))
        (found,) = again.card.keys()
        assert (found.public, found.created) == (public, created)
        assert GENERATE not in [apdu[1] for apdu in again.link.sent]


def test_imported_key_is_read_from_the_card_not_from_memory(tmp_path: Path) -> None:
    """It may be remembered, as the same key was on another card."""
    memory, ref = CardMemory(tmp_path / "memory"), "OPENPGP.3"
    wanted = algorithm("ed25519", ref)
    assert wanted is not None
    key = private_key(soft_key(wanted))
    Editor("modern", memory).make(WriteKey(ref, stamp(ref), key))
    other = Editor("modern", memory)
    other.make(WriteKey(ref, stamp(ref), key))
    reading = [apdu for apdu in other.link.sent if apdu[1:3] == bytes((GENERATE, 0x81))]
    assert len(reading) >= 1


def test_card_that_shows_no_public_key_of_an_imported_one_has_it_all_the_same() -> None:
    editor, ref = Editor("modern"), "OPENPGP.3"
    wanted = algorithm("ed25519", ref)
    assert wanted is not None
    editor.link.strike(GENERATE, *[b"\x6a\x88"] * 9)
    editor.make(WriteKey(ref, stamp(ref), private_key(soft_key(wanted))))
    editor.works(ref)


@pytest.mark.parametrize("ref", REFS)
def test_long_public_keys_come_in_one_answer_where_the_card_can(ref: str) -> None:
    editor, change = Editor("modern"), GenerateKey(ref, stamp(ref))
    editor.card.pin_for_change(change)
    sent = editor.sent(lambda: editor.make(change))
    assert GENERATE in sent
    assert 0xC0 not in sent
