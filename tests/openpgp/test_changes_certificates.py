"""Certificates that are stored, replaced and removed, on cards with one place or three."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backends.changes import Attest, GenerateKey, WriteCertificate, WriteKey
from backends.errors import (
    HardwareFailure,
    NotFound,
    NotSupported,
    TooLarge,
    UseRefused,
)
from backends.openpgp import tlv
from backends.openpgp.link import LinkLost
from backends.token import PinRef
from tests.bed.simulated import PRESETS
from tests.fake.keys import private_key
from tests.openpgp.bench import AUTHENTICATE, SIGN
from tests.openpgp.editor import PUT_DATA, REFS, Editor, algorithm, soft_key, stamp
from tests.openpgp.links import VirtualLink

SELECT_DATA = 0xA5


def der(size: int) -> bytes:
    """As long as that, and what a certificate looks like from outside."""
    header = next(h for h in (2, 3, 4) if len(tlv.encode_header(0x30, size - h)) == h)
    return tlv.encode(0x30, (bytes(range(256)) * 9)[: size - header])


@pytest.mark.parametrize("preset", ["modern", "no_extended", "yubikey5", "canokey", "smartpgp"])
def test_each_key_has_its_certificate(preset: str) -> None:
    editor = Editor(preset)
    made = {ref: der(500 + number) for number, ref in enumerate(REFS)}
    for ref, certificate in made.items():
        editor.make(WriteCertificate(ref, certificate))
    assert {ref: editor.card.certificate(ref) for ref in REFS} == made
    editor.make(WriteCertificate(AUTHENTICATE, der(700)))
    assert editor.card.certificate(AUTHENTICATE) == der(700)
    editor.make(WriteCertificate("OPENPGP.2", b""))
    assert [editor.card.certificate(ref) is None for ref in REFS] == [False, True, False]
    assert editor.tries_at_card() == (3, 3)


@pytest.mark.parametrize("preset", ["v2", "ykneo"])
def test_cards_of_version_2_have_one_place(preset: str) -> None:
    editor = Editor(preset)
    editor.make(WriteCertificate(AUTHENTICATE, der(240)))
    assert editor.card.certificate(AUTHENTICATE) == der(240)
    with pytest.raises(NotSupported):
        editor.card.pin_for_change(WriteCertificate(SIGN, der(240)))
    assert editor.card.certificate(SIGN) is None
    assert SELECT_DATA not in [apdu[1] for apdu in editor.link.sent]


@pytest.mark.parametrize("preset", ["v1", "gnuk", "fluffy", "minimal"])
@pytest.mark.parametrize("size", [0, 200])
def test_cards_without_a_place_for_certificates(preset: str, size: int) -> None:
    editor = Editor(preset)
    with pytest.raises(NotSupported):
        editor.card.pin_for_change(WriteCertificate(AUTHENTICATE, der(size) if size else b""))
    assert not editor.written()


@pytest.mark.parametrize(
    ("preset", "size"), [("ykneo", 1200), ("modern", 2048), ("no_extended", 2048), ("v2", 2048)]
)
def test_long_certificates(preset: str, size: int) -> None:
    """Chained where there is no extended length."""
    editor = Editor(preset)
    editor.make(WriteCertificate(AUTHENTICATE, der(size)))
    assert editor.card.certificate(AUTHENTICATE) == der(size)


def test_long_certificate_for_a_card_that_takes_short_commands_only() -> None:
    profile = replace(PRESETS["modern"], extended_length=False, chaining=False)
    editor = Editor(profile)
    with pytest.raises(NotSupported):
        editor.card.pin_for_change(WriteCertificate(AUTHENTICATE, der(256)))
    editor.make(WriteCertificate(AUTHENTICATE, der(255)))
    assert editor.card.certificate(AUTHENTICATE) == der(255)


@pytest.mark.parametrize("preset", ["canokey", "smartpgp", "modern"])
def test_certificate_that_is_too_large_is_not_sent(preset: str) -> None:
    editor, most = Editor(preset), PRESETS[preset].max_certificate
    with pytest.raises(TooLarge):
        editor.card.pin_for_change(WriteCertificate(AUTHENTICATE, der(most + 1)))
    assert not editor.written()
    editor.make(WriteCertificate(AUTHENTICATE, der(most)))


@pytest.mark.parametrize("data", [b" ", b"\x31\x00", der(50) + der(50)])
def test_what_is_no_certificate_is_stored_as_it_is(data: bytes) -> None:
    """To remove a certificate, gpg-card stores a blank."""
    editor = Editor()
    editor.make(WriteCertificate(AUTHENTICATE, data))
    assert editor.snapshot()[0x7F21] == data


def test_no_such_key() -> None:
    card = Editor("yubikey5").card
    for change in (WriteCertificate("OPENPGP.4", der(100)), Attest("OPENPGP.4")):
        with pytest.raises(NotFound):
            card.pin_for_change(change)


class LengthFirst(VirtualLink):
    """A YubiKey between 5.2 and 5.4.3: SELECT DATA wants a length before its data."""

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        command = bytes(apdu)
        if command[1] != SELECT_DATA:
            return super().transmit(apdu)
        if command[4] != command[5] + 1:
            self.sent.append(command)
            return b"\x6a\x80"
        return super().transmit(command[:4] + bytes([command[5]]) + command[6:])


def test_select_data_with_a_length_before_its_data() -> None:
    editor = Editor("yubikey5")
    link = LengthFirst(editor.simulated)
    editor.link.transmit = link.transmit  # type: ignore[method-assign]
    for number, ref in enumerate(REFS):
        editor.make(WriteCertificate(ref, der(300 + number)))
    assert [editor.card.certificate(ref) for ref in REFS] == [der(300), der(301), der(302)]


def test_after_writing_the_first_certificate_is_meant_again() -> None:
    editor = Editor()
    editor.make(WriteCertificate(AUTHENTICATE, der(300)))
    editor.make(WriteCertificate(SIGN, der(400)))
    answer = editor.simulated.process_apdu(bytes.fromhex("00CA7F21000000"))
    assert answer[:-2] == der(300)


def test_failure_leaves_the_old_certificate_and_the_first_one_selected() -> None:
    editor = Editor()
    editor.make(WriteCertificate(SIGN, der(300)))
    editor.link.strike(PUT_DATA, b"\x65\x81")
    with pytest.raises(HardwareFailure):
        editor.make(WriteCertificate(SIGN, der(400)))
    assert editor.card.certificate(SIGN) == der(300)
    assert editor.card.certificate(AUTHENTICATE) is None


def test_contact_lost_while_another_certificate_is_selected() -> None:
    editor = Editor()
    editor.make(WriteCertificate(SIGN, der(300)))
    editor.link.strike(0xCA, LinkLost("the card was reset"))
    assert editor.card.certificate(SIGN) == der(300)


def test_other_application_has_no_certificate_of_ours() -> None:
    editor = Editor("yubikey5")
    editor.make(WriteCertificate(SIGN, der(300)))
    editor.simulated.process_apdu(bytes.fromhex("00A4040005A000000308"))
    assert editor.card.certificate(SIGN) == der(300)


def test_certificates_with_their_tag_around_them() -> None:
    profile = replace(PRESETS["modern"], wrapped=PRESETS["modern"].wrapped | {0x7F21})
    editor = Editor(profile)
    for ref in REFS:
        editor.make(WriteCertificate(ref, der(300)))
        assert editor.card.certificate(ref) == der(300)


# -- attestation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", REFS)
def test_a_yubikey_attests_that_a_key_was_made_on_it(ref: str) -> None:
    editor = Editor("yubikey5")
    editor.make(GenerateKey(ref, stamp(ref), algorithm("nistp256", ref)))
    assert editor.card.certificate(ref) is None
    editor.make(Attest(ref))
    assert editor.asked[-1] is PinRef.PW1_81
    found = editor.card.certificate(ref)
    assert found is not None
    assert found[0] == 0x30


def test_nothing_is_attested_of_an_imported_key() -> None:
    editor, wanted = Editor("yubikey5"), algorithm("nistp256", SIGN)
    assert wanted is not None
    editor.make(WriteKey(SIGN, stamp(SIGN), private_key(soft_key(wanted))))
    with pytest.raises(UseRefused):
        editor.make(Attest(SIGN))
    assert editor.card.certificate(SIGN) is None


@pytest.mark.parametrize("preset", ["modern", "ykneo", "gnuk"])
def test_other_cards_do_not_attest(preset: str) -> None:
    editor = Editor(preset)
    with pytest.raises(NotSupported):
        editor.card.pin_for_change(Attest(SIGN))
    assert 0xFB not in [apdu[1] for apdu in editor.link.sent]
