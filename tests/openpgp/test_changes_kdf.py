"""The KDF-DO: cards that have one, and setting it up or off on cards that help and on others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from backends.changes import GenerateKey, SetAttribute
from backends.errors import (
    BadInput,
    BadPin,
    NotSupported,
    PinNeeded,
    Removed,
    TokenError,
    Unfinished,
)
from backends.openpgp import kdf_changes
from backends.openpgp.link import LinkLost
from backends.token import Attribute, PinRef
from tests.bed.simulated import PRESETS, SimulatedCard
from tests.openpgp.bench import SELECT, SIGN, VERIFY, Bench
from tests.openpgp.editor import ADMIN_PIN, USER_PIN, Editor, stamp
from tests.openpgp.pinpad_link import PinpadLink

PW1, PW1_82, PW3, RC = PinRef.PW1_81, PinRef.PW1_82, PinRef.PW3, PinRef.RC
OFF = bytes.fromhex("810100")
COUNT = 4096
SALTS = {PW1: b"salt PW1", RC: b"salt RC.", PW3: b"salt PW3"}
HASHES = {"sha256": b"\x08", "sha512": b"\x0a"}
#: Cards that have a KDF-DO, and whether they set their PINs to what is in it.
WITH_KDF = {name: p.kdf_sets_pins for name, p in PRESETS.items() if p.kdf}


def hashed(pin: bytes, salt: bytes, name: str = "sha256") -> bytes:
    """RFC 4880 section 3.7.1.3."""
    salted = salt + pin
    return hashlib.new(name, (salted * COUNT)[:COUNT]).digest()


def kdf_do(name: str = "sha256", salts: int = 3, admin: bytes = ADMIN_PIN) -> bytes:
    """As gpg makes it, with hashes of the PINs of the factory."""
    used = SALTS if salts == 3 else dict.fromkeys(SALTS, SALTS[PW1])
    fields = [(0x81, b"\3"), (0x82, HASHES[name]), (0x83, COUNT.to_bytes(4, "big"))]
    fields += [(0x84 + at, salt) for at, salt in enumerate([*used.values()][:salts])]
    fields += [(0x87, hashed(USER_PIN, used[PW1], name)), (0x88, hashed(admin, used[PW3], name))]
    return b"".join(bytes((tag, len(value))) + value for tag, value in fields)


def set_up(editor: Editor, value: bytes | None = None) -> None:
    editor.make(SetAttribute(Attribute.KDF, value or kdf_do()))


def check_pins(editor: Editor, user: bytes = USER_PIN, admin: bytes = ADMIN_PIN) -> None:
    for ref, pin in ((PW1, user), (PW1_82, user), (PW3, admin)):
        editor.card.verify_pin(ref, bytearray(pin))
    assert editor.tries_at_card() == (3, 3)


@pytest.mark.parametrize("salts", [1, 3])
@pytest.mark.parametrize("name", HASHES)
@pytest.mark.parametrize("preset", WITH_KDF)
def test_pins_stay_what_they_were_for_people(preset: str, name: str, salts: int) -> None:
    editor, value = Editor(preset), kdf_do(name, salts)
    set_up(editor, value)
    assert editor.read(Attribute.KDF) == value
    assert editor.simulated.pins.pw1.value == hashed(USER_PIN, SALTS[PW1], name)
    assert PW3 in editor.asked
    check_pins(editor)
    with pytest.raises(BadPin):
        editor.card.verify_pin(PW1, bytearray(b"654321"))


@pytest.mark.parametrize("salts", [1, 3])
@pytest.mark.parametrize("name", HASHES)
def test_everything_that_is_done_with_pins(name: str, salts: int) -> None:
    editor = Editor("modern")
    set_up(editor, kdf_do(name, salts))
    card = editor.card
    card.change_pin(PW1, bytearray(USER_PIN), bytearray(b"new PIN 1"))
    card.change_pin(PW3, bytearray(ADMIN_PIN), bytearray(b"new admin PIN"))
    check_pins(editor, b"new PIN 1", b"new admin PIN")
    card.reset_pin(PW1, bytearray(b"new admin PIN"), bytearray(b"new PIN 2"))
    check_pins(editor, b"new PIN 2", b"new admin PIN")
    card.reset_pin(RC, bytearray(b"new admin PIN"), bytearray(b"resetting code"))
    salt = SALTS[RC if salts == 3 else PW1]
    assert editor.simulated.pins.reset_code.value == hashed(b"resetting code", salt, name)
    card.unblock_pin(bytearray(b"resetting code"), bytearray(b"new PIN 3"))
    check_pins(editor, b"new PIN 3", b"new admin PIN")
    with pytest.raises(BadPin):
        card.unblock_pin(bytearray(b"another code."), bytearray(b"new PIN 4"))
    card.reset_pin(RC, bytearray(b"new admin PIN"), bytearray())
    assert editor.simulated.pins.reset_code.value is None


@pytest.mark.parametrize("preset", WITH_KDF)
def test_keys_work_with_it(preset: str) -> None:
    editor = Editor(preset)
    set_up(editor)
    editor.make(GenerateKey(SIGN, stamp(SIGN)))
    editor.works(SIGN)


@pytest.mark.parametrize("preset", WITH_KDF)
def test_it_is_set_off_again(preset: str) -> None:
    editor = Editor(preset)
    set_up(editor)
    set_up(editor, OFF)
    assert editor.read(Attribute.KDF) in (OFF, b"")
    assert editor.simulated.pins.pw1.value == USER_PIN
    check_pins(editor)


@pytest.mark.parametrize("preset", WITH_KDF)
def test_resetting_code_does_not_outlive_the_change(preset: str) -> None:
    """Nobody could say what it is then; and nothing that was verified is so any more."""
    editor = Editor(preset)
    editor.card.reset_pin(RC, bytearray(ADMIN_PIN), bytearray(b"resetting code"))
    editor.card.verify_pin(PW1, bytearray(USER_PIN))
    set_up(editor)
    assert editor.simulated.pins.reset_code.value is None
    for ref in (PW1, PW1_82, PW3):
        assert not editor.card.is_verified(ref)


def test_admin_pin_goes_to_no_other_application() -> None:
    editor, change = Editor("yubikey5"), SetAttribute(Attribute.KDF, kdf_do())
    editor.card.pin_for_change(change)
    editor.simulated.process_apdu(bytes.fromhex("00A4040005A000000308"))
    sent = editor.sent(lambda: editor.card.change(change, bytearray(ADMIN_PIN)))
    assert sent.index(SELECT) < sent.index(VERIFY)


def test_gnuk_is_told_nothing_at_all_to_set_it_off() -> None:
    """It takes no DO that says that there is none (GnuPG scd/app-openpgp.c, do_setattr)."""
    editor = Editor("gnuk")
    set_up(editor)
    set_up(editor, OFF)
    assert editor.written()[-1] == bytes.fromhex("00DA00F900")


def test_admin_pin_that_is_not_the_factorys_survives_setting_it_off() -> None:
    editor = Editor("modern")
    set_up(editor)
    editor.card.change_pin(PW3, bytearray(ADMIN_PIN), bytearray(b"new admin PIN"))
    editor.pins[PW3] = b"new admin PIN"
    set_up(editor, OFF)
    check_pins(editor, USER_PIN, b"new admin PIN")


def test_one_kdf_do_follows_another() -> None:
    editor = Editor("modern")
    set_up(editor)
    set_up(editor, kdf_do("sha512", 1))
    check_pins(editor)


@pytest.mark.parametrize("preset", WITH_KDF)
def test_set_up_for_another_admin_pin_is_refused_with_no_try_lost(preset: str) -> None:
    editor = Editor(preset)
    editor.card.change_pin(PW3, bytearray(ADMIN_PIN), bytearray(b"new admin PIN"))
    editor.pins[PW3] = b"new admin PIN"
    before, shown = editor.snapshot(), editor.simulated.verifications.total()
    editor.link.sent.clear()
    with pytest.raises(BadInput, match="admin PIN"):
        set_up(editor)
    assert editor.simulated.verifications.total() == shown
    assert not editor.written()
    assert editor.snapshot() == before
    check_pins(editor, USER_PIN, b"new admin PIN")


@pytest.mark.parametrize("preset", WITH_KDF)
def test_wrong_admin_pin_costs_one_try_and_changes_nothing(preset: str) -> None:
    editor = Editor(preset)
    before = editor.snapshot()
    with pytest.raises(BadPin):
        editor.card.change(
            SetAttribute(Attribute.KDF, kdf_do(admin=b"87654321")), bytearray(b"87654321")
        )
    assert editor.tries_at_card() == (3, 2)
    check_pins(editor)
    assert editor.snapshot() == before


def test_admin_pin_is_wanted_even_if_it_is_verified() -> None:
    editor, change = Editor("modern"), SetAttribute(Attribute.KDF, kdf_do())
    editor.card.verify_pin(PW3, bytearray(ADMIN_PIN))
    assert editor.card.pin_for_change(change) is not None
    with pytest.raises(PinNeeded):
        editor.card.change(change, None)
    assert not editor.written()


def test_admin_pin_is_not_entered_at_the_reader() -> None:
    """What is typed there is not told, and so could not be hashed."""
    link = PinpadLink(SimulatedCard())
    card, change = Bench(link).card, SetAttribute(Attribute.KDF, kdf_do())
    assert card.pin_named(PW3).pinpad
    request = card.pin_for_change(change)
    assert request is not None
    assert not request.pinpad
    card.change(change, bytearray(ADMIN_PIN))
    assert not link.entries


@pytest.mark.parametrize(
    "value",
    [
        bytes.fromhex("810103"),
        bytes.fromhex("810107"),
        kdf_do()[:-34],
        kdf_do()[:-1],
        kdf_do() + bytes.fromhex("8801FF"),
        kdf_do("sha512")[:90],
        b"",
        bytes(200),
    ],
    ids=["no salt", "unknown", "one hash", "cut off", "short hash", "mixed", "empty", "long"],
)
def test_what_could_not_be_used_is_refused_without_a_pin(value: bytes) -> None:
    editor = Editor("modern")
    with pytest.raises(BadInput):
        editor.card.pin_for_change(SetAttribute(Attribute.KDF, value))
    assert not editor.written()


@pytest.mark.parametrize("preset", ["canokey", "ykneo", "fluffy", "v1", "v2", "minimal"])
def test_cards_without_it(preset: str) -> None:
    with pytest.raises(NotSupported):
        Editor(preset).card.pin_for_change(SetAttribute(Attribute.KDF, kdf_do()))


# -- failures ------------------------------------------------------------------------------------

FAULTS: dict[str, Callable[[], bytes | Exception]] = {
    "6581": lambda: b"\x65\x81",
    "6F00": lambda: b"\x6f\x00",
    "lost": lambda: LinkLost("the card was reset"),
    "removed": lambda: Removed("the card was removed"),
}
#: The DO that is there before, and the one that is set.
WAYS = {"up": (None, kdf_do()), "off": (kdf_do(), OFF), "other": (kdf_do(), kdf_do("sha512", 1))}
MOST = 20


def fail(editor: Editor, value: bytes) -> TokenError | None:
    try:
        editor.card.change(SetAttribute(Attribute.KDF, value), bytearray(ADMIN_PIN))
    except TokenError as exc:
        return exc
    return None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("preset", WITH_KDF)
def test_after_a_failure_the_admin_pin_is_known(preset: str, way: str, fault: str) -> None:
    before, value = WAYS[way]
    for reached in (False, True):
        for position in range(MOST):
            editor = Editor(preset)
            if before:
                set_up(editor, before)
                editor.card.reset()
            editor.card.pin_for_change(SetAttribute(Attribute.KDF, value))
            editor.link.strike_at(position, FAULTS[fault](), reached=reached)
            error = fail(editor, value)
            if editor.link.position >= 0:
                assert error is None
                break
            if fault == "removed":
                assert isinstance(error, Removed | Unfinished)
                continue
            check_admin_pin_is_known(editor, error, value)
        else:
            pytest.fail("more commands than anybody thought")


def check_admin_pin_is_known(editor: Editor, error: TokenError | None, value: bytes) -> None:
    assert editor.simulated.pins.pw3.tries == 3
    editor.card.verify_pin(PW3, bytearray(ADMIN_PIN))
    if error is None:
        assert editor.read(Attribute.KDF) in (value, b"")
    if isinstance(error, Unfinished):
        assert "set anew" in str(error)
        editor.card.reset_pin(PW1, bytearray(ADMIN_PIN), bytearray(USER_PIN))
    check_pins(editor)
    set_up(editor, value)
    check_pins(editor)


def test_secrets_are_wiped_after_an_interruption() -> None:
    made: list[kdf_changes.KDFChange] = []
    original = kdf_changes.KDFChange._wipe

    def wipe(self: kdf_changes.KDFChange) -> None:
        made.append(self)
        original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kdf_changes.KDFChange, "_wipe", wipe)
        for ins in (0x2C, None):
            editor = Editor("modern")
            if ins is not None:
                editor.link.strike(ins, b"\x65\x81")
            fail(editor, kdf_do())
    assert len(made) == 2
    for each in made:
        assert not any(each._before + each._after + each._pw1)


def test_card_that_sets_its_pins_and_is_not_known_for_it() -> None:
    editor = Editor(replace(PRESETS["modern"], kdf_sets_pins=True))
    set_up(editor)
    check_pins(editor)
