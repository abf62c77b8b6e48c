"""What is told of YubiKeys, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backends.openpgp.link import LinkLost
from backends.token import Attribute
from tests.bed.simulated import PRESETS
from tests.openpgp.editor import Editor
from tests.scd.bed import bed

GET_VERSION = 0xF1
VERSION = {Attribute.CARD_VERSION}
YUBIKEY = PRESETS["yubikey5"]


def asked(editor: Editor) -> int:
    return [apdu[1] for apdu in editor.link.sent].count(GET_VERSION)


@pytest.mark.parametrize(
    ("preset", "kind", "printed"),
    [
        ("yubikey5", "yubikey", "12 345 678"),
        ("ykneo", "generic", "0006 01234567"),
        ("gnuk", "gnuk", "FFFE F1420A7A"),
        ("modern", "generic", "FF00 00000001"),
    ],
)
def test_type_and_printed_number(preset: str, kind: str, printed: str) -> None:
    info = Editor(preset).card.info
    assert (info.card_type, info.display_serial) == (kind, printed)


@pytest.mark.parametrize(
    ("version", "serial", "printed"),
    [
        (0x0304, 0x09876543, "9 876 543"),
        (0x0304, 0x00000042, "42"),
        (0x0201, 0x09876543, "9876543"),
        (0x0304, 0x0A876543, "0006 0A876543"),
    ],
)
def test_number_of_a_yubikey(version: int, serial: int, printed: str) -> None:
    card = Editor(replace(YUBIKEY, version=version, serial=serial)).card
    assert card.info.display_serial == printed
    assert card.info.card_type == "yubikey"


@pytest.mark.parametrize(
    ("told", "version"),
    [(b"\5\4\3", b"\5\4\3"), (b"\5\x10\x12", b"\5\x0a\x0c"), (b"\5\4", None), (b"", None)],
)
def test_firmware_is_asked_for_when_it_is_wanted_and_once(
    told: bytes, version: bytes | None
) -> None:
    editor = Editor(replace(YUBIKEY, firmware=told))
    editor.card.attributes({Attribute.AID, Attribute.CHV_STATUS})
    assert editor.card.remembered(VERSION) == {}
    assert asked(editor) == 0
    expected = {} if version is None else {Attribute.CARD_VERSION: version}
    for _ in range(2):
        assert editor.card.attributes(VERSION) == expected
        assert editor.card.remembered(VERSION) == expected
        editor.card.reset()
    assert asked(editor) == 1


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "yubikey5"])
def test_other_cards_are_not_asked(preset: str) -> None:
    editor = Editor(preset)
    assert editor.card.attributes(VERSION) == {}
    assert asked(editor) == 0


def test_firmware_is_not_asked_of_another_application() -> None:
    editor = Editor("yubikey5")
    editor.simulated.process_apdu(bytes.fromhex("00A4040005A000000308"))
    assert editor.card.attributes(VERSION) == {Attribute.CARD_VERSION: b"\5\4\3"}


def test_firmware_is_asked_again_after_contact_was_lost() -> None:
    editor = Editor("yubikey5")
    editor.link.strike(GET_VERSION, LinkLost("the card was reset"))
    assert editor.card.attributes(VERSION) == {Attribute.CARD_VERSION: b"\5\4\3"}


@pytest.mark.parametrize("modern", [True, False])
async def test_learn_says_what_gnupg_says_of_yubikeys(tmp_path: Path, modern: bool) -> None:
    """GnuPG 2.2 is not told the version, which would cost an APDU."""
    editor = Editor("yubikey5")
    async with bed(tmp_path, editor.card) as b:
        b.shared.modern = modern
        client = await b.client()
        learned = await client.transact(b"LEARN --force")
        said = {line.keyword: line.text for line in learned.status}
        assert said[b"CARDTYPE"] == b"yubikey"
        assert said.get(b"CARDVERSION") == (b"50403" if modern else None)
        assert asked(editor) == modern
        for name, text in ((b"CARDVERSION", b"50403"), (b"$DISPSERIALNO", b"12+345+678")):
            (line,) = (await client.transact(b"GETATTR " + name)).status
            assert (line.keyword, line.text) == (name, text)
        await client.aclose()
    assert asked(editor) == 1
