"""Algorithm attributes that change, with what becomes of the key, its records and the PIN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backends.changes import GenerateKey, SetAlgorithm, WriteKey
from backends.errors import BadInput, NotFound, NotSupported, Unfinished
from backends.openpgp.algorithm_changes import adapted
from backends.token import Algorithm, ECAlgorithm, Key, RSAAlgorithm
from scd.cardmemory import CardMemory
from tests.bed.simulated import PRESETS
from tests.fake.keys import private_key
from tests.openpgp.editor import (
    CREATED,
    PUT_DATA,
    REFS,
    Editor,
    algorithm,
    rsa_key,
    soft_key,
    stamp,
)

REF = "OPENPGP.1"


def named(name: str, ref: str = REF) -> Algorithm:
    found = algorithm(name, ref)
    assert found is not None
    return found


@pytest.mark.parametrize("ref", REFS)
@pytest.mark.parametrize("preset", ["modern", "yubikey5", "canokey", "no_extended"])
def test_the_key_goes_with_its_attributes(preset: str, ref: str) -> None:
    editor, other = Editor(preset), "cv25519" if ref == "OPENPGP.2" else "ed25519"
    editor.make(GenerateKey(ref, stamp(ref), named("nistp256", ref)))
    editor.make(SetAlgorithm(ref, named(other, ref)))
    assert editor.algorithm(ref) == named(other, ref)
    assert editor.card.keys(thorough=True) == []
    assert not editor.card.is_occupied(ref)


def test_attributes_that_are_right_are_not_written() -> None:
    editor = Editor()
    editor.make(SetAlgorithm(REF, named("rsa2048")))
    assert not editor.written()


@pytest.mark.parametrize("clears", [False, True])
def test_fingerprint_of_a_key_that_is_gone_tells_of_no_key(tmp_path: Path, clears: bool) -> None:
    """Some cards keep it, and the key may be remembered by it."""
    profile = replace(PRESETS["canokey"], clears_fingerprints=clears)
    editor = Editor(profile, CardMemory(tmp_path / "memory"))
    old = editor.make(GenerateKey(REF, stamp(REF), named("ed25519")))
    for name in ("nistp256", "ed25519"):
        editor.make(SetAlgorithm(REF, named(name)))
    assert any(editor.snapshot()[0xC7]) is not clears
    editor.card.reset()
    assert editor.card.keys(thorough=True) == []
    new = editor.make(GenerateKey(REF, stamp(REF)))
    assert old != new == editor.key(REF).public


def test_remembered_key_is_not_believed_where_no_record_tells_of_keys(tmp_path: Path) -> None:
    profile = replace(PRESETS["canokey"], key_information=False)
    editor = Editor(profile, CardMemory(tmp_path / "memory"))
    editor.make(GenerateKey(REF, stamp(REF), named("ed25519")))
    for name in ("nistp256", "ed25519"):
        editor.make(SetAlgorithm(REF, named(name)))
    editor.card.reset()
    assert editor.card.keys(thorough=True) == []


@pytest.mark.parametrize("preset", ["modern", "canokey", "gnuk", "v2"])
def test_pin_that_the_card_drops_with_the_attributes_is_asked_once_more(preset: str) -> None:
    editor = Editor(replace(PRESETS[preset], attributes_drop_pw3=True))
    name = {"v2": "rsa1024", "gnuk": "secp256k1"}.get(preset, "ed25519")
    public = editor.make(GenerateKey(REF, stamp(REF), named(name)))
    assert len(editor.asked) == 2
    assert editor.simulated.verifications["PW3"] == 2
    assert editor.key(REF).public == public
    attributes = [apdu for apdu in editor.written() if apdu[:4] == bytes((0, PUT_DATA, 0, 0xC1))]
    assert len(attributes) == 1


def test_pin_dropped_before_an_import_is_asked_once_more() -> None:
    editor = Editor(replace(PRESETS["modern"], attributes_drop_pw3=True))
    editor.make(WriteKey(REF, stamp(REF), private_key(soft_key(named("ed25519")))))
    assert len(editor.asked) == 2
    editor.works(REF)


def test_card_that_says_yes_and_keeps_its_algorithm_is_found_out() -> None:
    editor = Editor("ykneo")
    editor.make(GenerateKey(REF, stamp(REF)))
    before = editor.snapshot()
    for change in (
        SetAlgorithm(REF, RSAAlgorithm(4096)),
        GenerateKey(REF, stamp(REF), RSAAlgorithm(4096)),
    ):
        with pytest.raises(NotSupported, match="rsa2048"):
            editor.make(change)
    assert editor.snapshot() == before
    editor.works(REF)


def test_key_of_another_kind_than_its_attributes_is_found_out() -> None:
    """As of a card that writes its attributes down and makes the same keys as ever."""
    editor = Editor()
    state = editor.simulated._state
    state.attributes = lambda slot: PRESET_ATTRIBUTES  # type: ignore[method-assign]
    with pytest.raises(Unfinished, match="rsa2048"):
        editor.make(GenerateKey(REF, stamp(REF), RSAAlgorithm(2048)))


PRESET_ATTRIBUTES = Editor("v1").simulated._state.attributes(1)


def test_sizes_of_rsa_keys_are_rounded_up() -> None:
    editor = Editor()
    editor.make(SetAlgorithm(REF, RSAAlgorithm(3071)))
    assert editor.algorithm(REF) == RSAAlgorithm(3072)
    writes = len(editor.written())
    editor.make(SetAlgorithm(REF, RSAAlgorithm(3070)))
    assert len(editor.written()) == writes


@pytest.mark.parametrize("nbits", [1023, 1000, 4097, 8192])
def test_sizes_of_rsa_keys_that_no_card_has(nbits: int) -> None:
    editor = Editor()
    for change in (
        SetAlgorithm(REF, RSAAlgorithm(nbits)),
        GenerateKey(REF, stamp(REF), RSAAlgorithm(nbits)),
    ):
        with pytest.raises(BadInput):
            editor.card.pin_for_change(change)


def test_rsa_slot_keeps_its_exponent_field_and_import_format() -> None:
    editor = Editor("smartpgp")
    editor.make(SetAlgorithm(REF, RSAAlgorithm(3072)))
    assert editor.algorithm(REF) == RSAAlgorithm(3072, 17, 3)


def test_rsa_after_a_curve_is_as_the_card_offers_it() -> None:
    editor = Editor("smartpgp")
    for name in ("nistp256", "rsa2048"):
        editor.make(SetAlgorithm(REF, named(name)))
    assert editor.algorithm(REF) == RSAAlgorithm(2048, 17, 1)


def test_a_curve_is_written_with_what_the_card_offers() -> None:
    editor = Editor("smartpgp")
    editor.make(SetAlgorithm(REF, named("nistp384")))
    found = editor.algorithm(REF)
    assert isinstance(found, ECAlgorithm)
    assert found.public_wanted


def test_without_an_offer_rsa_has_the_form_that_gnupg_writes() -> None:
    wanted = adapted(RSAAlgorithm(2047), named("ed25519"), [])
    assert wanted == RSAAlgorithm(2048, 32, 0)


def test_attributes_that_are_not_offered_change_nothing() -> None:
    editor = Editor("gnuk")
    before = editor.snapshot()
    with pytest.raises(BadInput):
        editor.make(SetAlgorithm(REF, named("nistp256")))
    assert editor.snapshot() == before
    assert editor.tries_at_card() == (3, 3)


def test_there_are_three_slots() -> None:
    editor = Editor()
    for change in (
        SetAlgorithm("OPENPGP.4", named("ed25519")),
        GenerateKey("OPENPGP.4", stamp(REF)),
        WriteKey("OPENPGP.0", stamp(REF), private_key(rsa_key(1024))),
    ):
        with pytest.raises(NotFound):
            editor.card.pin_for_change(change)
    with pytest.raises(NotFound):
        editor.card.is_occupied("OPENPGP.4")


# -- occupied slots --------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_slots_are_occupied_once_they_hold_a_key(preset: str) -> None:
    editor = Editor(preset)
    assert not editor.card.is_occupied(REF)
    editor.make(GenerateKey(REF, stamp(REF)))
    assert editor.card.is_occupied(REF)
    assert not editor.card.is_occupied("OPENPGP.2")


@pytest.mark.parametrize("preset", PRESETS)
def test_key_without_a_fingerprint_occupies_its_slot(preset: str) -> None:
    """One that was made by raw commands: no record tells of it, but for DO DE."""
    editor = Editor(preset)
    for apdu in ("0020008308" + b"12345678".hex(), "0047800002B60000"):
        assert editor.simulated.process_apdu(bytes.fromhex(apdu))[-2] in (0x90, 0x61)
    editor.card.reset()
    assert editor.card.is_occupied(REF)
    (key,) = editor.card.keys(thorough=True)
    assert (key.fingerprint, key.created) == (None, None)
    told = PRESETS[preset].key_information and 0xDE in PRESETS[preset].discretionary
    assert [each.ref for each in listed(editor)] == ([REF] if told else [])


def listed(editor: Editor) -> list[Key]:
    editor.card.reset()
    return list(editor.card.keys())


def test_time_zero_is_no_time() -> None:
    editor = Editor()
    editor.make(GenerateKey(REF, stamp(REF, 0)))
    assert editor.key(REF).created is None
    editor.make(GenerateKey(REF, stamp(REF, CREATED)))
    assert editor.key(REF).created == CREATED
