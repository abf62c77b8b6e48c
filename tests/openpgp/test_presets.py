"""Cards old and new, strict and odd: each is opened, listed and put to use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from backends.changes import GenerateKey, SetAttribute, WriteCertificate
from backends.errors import NotSupported, PinNeeded, TimedOut, UseRefused
from backends.openpgp.opening import open_card
from backends.token import Attribute, PinRef, RSAAlgorithm
from scd.algorithms import offered
from tests.bed.simulated import PRESETS, Profile, SimulatedCard
from tests.openpgp.bench import AUTHENTICATE, DECRYPT, SIGN, Bench
from tests.openpgp.editor import REFS, USER_PIN, Editor, algorithm, stamp
from tests.openpgp.links import VirtualLink

#: Made on the card by default, or instead of RSA keys where those take long.
QUICK = {"modern": "nistp256", "no_extended": "nistp256", "yubikey5": "nistp256"}
PIN_DOS = (Attribute.PRIVATE_DO_3, Attribute.PRIVATE_DO_4)


def filled(profile: Profile | str) -> Editor:
    """With three keys and the data of a cardholder."""
    editor = Editor(profile)
    name = QUICK.get(profile) if isinstance(profile, str) else None
    for ref in REFS:
        wanted = algorithm(name, ref) if name else None
        editor.make(GenerateKey(ref, stamp(ref), wanted))
    editor.make(SetAttribute(Attribute.DISP_NAME, b"Doe<<Jane"))
    editor.make(SetAttribute(Attribute.PUBKEY_URL, b"https://example.org/jane"))
    return editor


@pytest.mark.parametrize("preset", PRESETS)
def test_card_with_keys_is_told_by_who_sees_it_for_the_first_time(preset: str) -> None:
    made = filled(preset)
    fresh = Bench(VirtualLink(made.simulated))
    keys = fresh.card.keys()
    assert [key.ref for key in keys] == list(REFS)
    assert keys == made.card.keys()
    told = fresh.card.attributes(list(Attribute))
    assert told[Attribute.DISP_NAME] == b"Doe<<Jane"
    assert told[Attribute.PUBKEY_URL] == b"https://example.org/jane"
    assert told[Attribute.AID].hex().upper() == fresh.card.info.serial
    assert len(told[Attribute.KEY_FPR]) == 60
    assert len(told[Attribute.CHV_STATUS]) == 7
    assert not set(PIN_DOS) & told.keys()
    assert None not in fresh.card.algorithms()


@pytest.mark.parametrize("preset", PRESETS)
def test_keys_work_for_who_sees_the_card_for_the_first_time(preset: str) -> None:
    made = filled(preset)
    made.card.reset()
    for ref in (DECRYPT, AUTHENTICATE, SIGN):
        made.works(ref)
    assert made.tries_at_card() == (3, 3)


@pytest.mark.parametrize("preset", PRESETS)
def test_each_pin_is_verified_once(preset: str) -> None:
    """For each of its two uses, unless each signature takes its own."""
    made = filled(preset)
    made.card.reset()
    made.make(SetAttribute(Attribute.DISP_LANG, b"de"))
    made.simulated.verifications.clear()
    for _ in range(2):
        for ref in (DECRYPT, AUTHENTICATE):
            made.works(ref)
    made.card.settle()
    several = made.read(Attribute.CHV_STATUS)[0]
    assert sum(made.simulated.verifications.values()) == (2 if several else 1)


@pytest.mark.parametrize("preset", PRESETS)
def test_signatures_with_a_pin_each(preset: str) -> None:
    """The word for a PIN that is used up is not the same on all cards."""
    made = filled(preset)
    if made.card.info.capabilities.pw_status_changeable:
        made.make(SetAttribute(Attribute.CHV_STATUS_1, b"\0"))
    for _ in range(3):
        made.works(SIGN)
    assert made.tries_at_card() == (3, 3)


@pytest.mark.parametrize("preset", PRESETS)
def test_pin_that_another_program_dropped_is_needed_again(preset: str) -> None:
    made = filled(preset)
    made.works(DECRYPT)
    made.simulated._state.pins.verified.clear()
    with pytest.raises((PinNeeded, UseRefused)):
        made.works(DECRYPT)
    made.works(DECRYPT)


@pytest.mark.parametrize("preset", PRESETS)
def test_random_numbers_or_none(preset: str) -> None:
    card = Editor(preset).card
    if not PRESETS[preset].get_challenge:
        with pytest.raises(NotSupported):
            card.random(16)
        return
    assert len({card.random(16), card.random(16)}) == 2
    assert len(card.random(700)) == 700


@pytest.mark.parametrize("preset", [name for name, p in PRESETS.items() if p.button])
def test_touch_that_does_not_come_and_one_that_does(preset: str) -> None:
    made = filled(preset)
    made.make(SetAttribute(Attribute.UIF_2, b"\1\x20"))
    made.simulated.touch = lambda: False
    with pytest.raises(TimedOut):
        made.works(DECRYPT)
    made.simulated.touch = lambda: True
    made.works(DECRYPT)


@pytest.mark.parametrize("preset", PRESETS)
def test_empty_card(preset: str) -> None:
    editor = Editor(preset)
    assert editor.card.keys() == []
    assert editor.card.keys(thorough=True) == []
    for ref in REFS:
        assert editor.card.certificate(ref) is None
    assert not any(editor.read(Attribute.KEY_FPR))


# -- what differs from card to card ----------------------------------------------------------------

MODERN = PRESETS["modern"]
#: Everything that an object or an answer can be in another form.
ODD: dict[str, Profile] = {
    "nothing wrapped": replace(MODERN, wrapped=frozenset()),
    "all wrapped": replace(
        MODERN,
        wrapped=MODERN.wrapped | {0xC1, 0xC2, 0xC3, 0xDE, 0xF9, 0xFA, 0x7F21, 0x7F74},
    ),
    "long lengths": replace(MODERN, long_lengths=frozenset({0x6E, 0x73})),
    "exact Le": replace(MODERN, exact_le=True, extended_length=False, max_command=255),
    "small answers": replace(MODERN, extended_length=False, max_command=255, max_response=64),
    "touch switches in 6E": replace(
        MODERN,
        discretionary=tuple(tag for tag in MODERN.discretionary if tag not in (0xD6, 0xD7, 0xD8)),
        application=(*MODERN.application, 0xD6, 0xD7, 0xD8),
    ),
    "little in 6E": replace(MODERN, discretionary=(0xC0, 0xC4, 0xC5, 0xCD)),
    "absent: 6A83": replace(MODERN, absent=0x6A83),
    "no key: 6985": replace(MODERN, no_key=0x6985, empty_slot=0x6985),
    "wrong PIN: 63Cx": replace(MODERN, wrong_pin=0x63C0),
    "pin missing: 6985": replace(MODERN, pin_missing=0x6985),
    "whole points": replace(MODERN, whole_point=True),
    "selection answers": replace(MODERN, select_answers=True),
    "unset not listed": replace(MODERN, lists_unset=False),
}


@pytest.mark.parametrize("profile", ODD.values(), ids=ODD)
def test_odd_answers_of_a_card(profile: Profile) -> None:
    editor = Editor(profile)
    for ref in REFS:
        editor.make(GenerateKey(ref, stamp(ref), algorithm("nistp384", ref)))
    editor.make(SetAttribute(Attribute.PUBKEY_URL, b"https://example.org/" + b"x" * 400))
    editor.make(WriteCertificate(SIGN, b"\x30\x82\x02\x00" + bytes(512)))
    fresh = Bench(VirtualLink(editor.simulated))
    assert fresh.card.keys() == editor.card.keys()
    assert len(fresh.card.attributes({Attribute.PUBKEY_URL})[Attribute.PUBKEY_URL]) == 420
    assert fresh.card.certificate(SIGN) == b"\x30\x82\x02\x00" + bytes(512)
    editor.card.reset()
    for ref in REFS:
        editor.works(ref)
    assert editor.tries_at_card() == (3, 3)


#: Names of the slots' algorithms, and the attestation key's.
NAMES = {1: "rsa2048", 2: "cv25519", 3: "ed448"}


@pytest.mark.parametrize("padding", [0, 2, 40])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("preset", ["modern", "no_extended"])
def test_offers_with_and_without_tag_and_padding(preset: str, wrapped: bool, padding: int) -> None:
    profile = replace(
        PRESETS[preset],
        algorithm_information_padding=padding,
        wrapped=MODERN.wrapped | ({0xFA} if wrapped else set()),
    )
    editor = Editor(profile)
    found = list(offered(editor.read(Attribute.ALGORITHM_INFORMATION)))
    for number, name in NAMES.items():
        assert (number, name) in found
    assert found == list(offered(Editor(PRESETS[preset]).read(Attribute.ALGORITHM_INFORMATION)))


@pytest.mark.parametrize("preset", PRESETS)
def test_offers_of_all_cards(preset: str) -> None:
    """YubiKeys, whose length is wrong, and gnuk, which names another algorithm, among them."""
    found = list(offered(Editor(preset).read(Attribute.ALGORITHM_INFORMATION)))
    profile = PRESETS[preset]
    assert bool(found) is profile.algorithm_information
    names = {name for _, name in found}
    assert names <= {name.replace("x448", "cv448") for name in profile.algorithms}
    assert {number for number, _ in found} <= {1, 2, 3, 129}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"\xfa\x82\x01\x00" + content,
        lambda content: b"\xfa\x81\xff" + content,
        lambda content: b"\xfa\x05" + content,
        lambda content: content + bytes(7),
        lambda content: content[:-3],
        lambda content: content + b"\xc1",
        lambda content: b"\xc1\x03abc" + content,
    ],
)
def test_offers_with_mistakes_of_the_card(spoil: Callable[[bytes], bytes]) -> None:
    content = bytes.fromhex("C106010800001100 C20B122B060104019755010501".replace(" ", ""))
    profile = replace(MODERN, algorithm_list=spoil(content + content))
    editor = Editor(profile)
    found = list(offered(editor.read(Attribute.ALGORITHM_INFORMATION)))
    assert found[:3] == [(1, "rsa2048"), (2, "cv25519"), (1, "rsa2048")]
    editor.make(GenerateKey(DECRYPT, stamp(DECRYPT), algorithm("cv25519", DECRYPT)))


class T0Link(VirtualLink):
    """A reader that speaks T=0 with the card: no extended length, and data or Le, never both."""

    t0 = True

    kept = b""

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        command = bytes(apdu)
        assert len(command) <= 5 or len(command) == 5 + command[4]
        if command[1] == 0xC0 and self.kept:
            return self._piece(command[4] or 256)
        answer = super().transmit(apdu)
        if len(command) > 5 and len(answer) > 2:
            # The rest, if there is more, is fetched from the card in the same way.
            self.kept, self.last = answer[:-2], answer[-2:]
            return self._piece(0)
        return answer

    def _piece(self, size: int) -> bytes:
        piece, self.kept = self.kept[:size], self.kept[size:]
        return piece + (bytes((0x61, len(self.kept) & 0xFF)) if self.kept else self.last)


@pytest.mark.parametrize("name", ["nistp256", "rsa2048"])
def test_cards_with_the_protocol_t0(name: str) -> None:
    editor = Editor(replace(MODERN, extended_length=False))
    for ref in REFS:
        editor.make(GenerateKey(ref, stamp(ref), algorithm(name, ref)))
    bench = Bench(T0Link(editor.simulated))
    for ref in REFS:
        bench.use(ref, USER_PIN)


@pytest.mark.parametrize("preset", PRESETS)
def test_pins_that_are_asked_for(preset: str) -> None:
    card, profile = Editor(preset).card, PRESETS[preset]
    for ref, shortest in ((PinRef.PW1_81, 6), (PinRef.PW1_82, 6), (PinRef.PW3, 8)):
        request = card.pin_named(ref)
        assert (request.tries_left, request.min_length) == (3, shortest)
        assert request.max_length == profile.max_pin & 0x7F


def test_rsa_attributes_of_version_1_have_no_import_format() -> None:
    assert Editor("v1").card.algorithms() == [RSAAlgorithm(1024, 32, 0)] * 3


def test_other_smart_cards_are_left_alone() -> None:
    link = VirtualLink(SimulatedCard())
    link.transmit = lambda apdu: b"\x6d\x00"  # type: ignore[method-assign]
    assert open_card(link) is None
