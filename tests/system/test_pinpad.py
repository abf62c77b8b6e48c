"""gpg and a card in a reader with a pinpad: the pinentry says so, and the PIN stays in the reader.

The user of these tests types when the pinentry has shown the message, not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.bed.card import USER_PIN
from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.pinpad import Keys
from tests.bed.process import ProgramFailed
from tests.bed.recipes import encrypt_and_decrypt, key_of_token, sign_and_verify, ssh_login
from tests.bed.virtual_reader import VirtualReader
from tests.openpgp.virtual_card import ADMIN, issue, put

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

WRONG_PIN = "654321"
VERIFY = 0x20
CARDS_ONLY = "[pkcs11]\nuse-p11-kit = false\n"
POPUP, DISMISS = "INQUIRE POPUPPINPADPROMPT", "INQUIRE DISMISSPINPADPROMPT"


@pytest.fixture
def card_in_reader(pinpad_reader: VirtualReader, card: OpenPGPCard) -> OpenPGPCard:
    """With keys, in the reader with the pinpad."""
    for slot, kind in enumerate(("ed25519", "cv25519", "ed25519"), 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    pinpad_reader.insert(card)
    return card


@pytest.fixture
def home(gnupg: GnuPG, keys: Keys, card_in_reader: OpenPGPCard) -> Iterator[Home]:
    """The user enters the right PIN."""
    home = Home(gnupg, ANYSCD)
    (home.path / "anyscd.toml").write_text(CARDS_ONLY)
    with (home.path / "scdaemon.conf").open("a") as conf:
        conf.write("debug-all\n")
    home.send_to_pinpad(keys.pipe, USER_PIN)
    with home:
        yield home
    assert keys.faults == []


def pin_was_seen_by(home: Home) -> list[str]:
    """The logs that have the PIN in them, as it is or in hexadecimal."""
    pin = re.compile(rf"\b{USER_PIN}\b|{USER_PIN.encode().hex()}|{USER_PIN.encode().hex(' ')}")
    return [name for name, log in home.logs.items() if pin.search(log)]


def test_everyday_work(
    home: Home, keys: Keys, pinpad_reader: VirtualReader, card: OpenPGPCard
) -> None:
    fingerprint = key_of_token(home, "Karla Card")
    sign_and_verify(home, fingerprint)
    encrypt_and_decrypt(home, fingerprint)
    sign_and_verify(home, fingerprint)
    ssh_login(home)
    assert [entry[-2] for entry in keys.entries] == [0x81, 0x82]  # each use is entered once
    verified = [command[5:] for command, _ in pinpad_reader.apdus if command[1] == VERIFY]
    assert verified == [USER_PIN.encode()] * 2
    assert {prompt.kind for prompt in home.prompts} == {"CONFIRM"}
    assert all("Use the reader's pinpad for input." in p.desc for p in home.prompts)
    assert "Please unlock the card" in home.prompts[0].desc
    log = home.logs["scdaemon"]
    assert "NEEDPIN" not in log
    assert log.count(POPUP) == log.count(DISMISS) == 2
    assert pin_was_seen_by(home) == []


@pytest.mark.parametrize(
    ("typed", "said", "left"),
    [(WRONG_PIN, "Bad PIN", 2), ("cancel", "cancel", 3), ("timeout", "Timeout", 3)],
)
def test_failures(
    home: Home,
    keys: Keys,
    pinpad_reader: VirtualReader,
    card: OpenPGPCard,
    typed: str,
    said: str,
    left: int,
) -> None:
    fingerprint = key_of_token(home, "Karla Card")
    pinpad_reader.remove()
    pinpad_reader.insert(card)
    home.send_to_pinpad(keys.pipe, typed)
    with pytest.raises(ProgramFailed, match=f"(?i){said}"):
        sign_and_verify(home, fingerprint)
    assert card.card_state.pin_data.pw1_retry_counter == left
    log = home.logs["scdaemon"]
    assert log.count(POPUP) == log.count(DISMISS)
    home.send_to_pinpad(keys.pipe, USER_PIN)
    sign_and_verify(home, fingerprint)
    assert card.card_state.pin_data.pw1_retry_counter == 3


def test_change_of_the_pin(home: Home, keys: Keys) -> None:
    home.send_to_pinpad(keys.pipe, f"{USER_PIN} {WRONG_PIN} {WRONG_PIN}")
    assert "OK" in home.connect_agent("SCD SERIALNO", "SCD PASSWD 1").stdout.decode()
    assert "Please enter the PIN and New PIN" in home.prompts[0].desc
    home.send_to_pinpad(keys.pipe, WRONG_PIN)
    sign_and_verify(home, key_of_token(home, "Karla Card"))
    assert {prompt.kind for prompt in home.prompts} == {"CONFIRM"}


def test_disable_pinpad(home: Home, keys: Keys) -> None:
    with (home.path / "scdaemon.conf").open("a") as conf:
        conf.write("disable-pinpad\n")
    home.set_pins({"": USER_PIN})
    sign_and_verify(home, key_of_token(home, "Karla Card"))
    assert keys.controls == []
    assert {prompt.kind for prompt in home.prompts} == {"GETPIN"}


def test_length_that_the_card_names(home: Home, keys: Keys, card: OpenPGPCard) -> None:
    issue(card, *ADMIN, put(0x5E, b"karla\n\x14P=6"))
    sign_and_verify(home, key_of_token(home, "Karla Card"))
    assert [entry[19:] for entry in keys.entries] == [bytes.fromhex("0020008106") + 6 * b"\xff"]


def comparable(entry: bytes) -> bytes:
    """Without what is meant to differ: GnuPG writes a length into bTeoPrologue, where part 10 wants
    zeros, and asks for any length even where it is fixed."""
    fields = bytearray(entry)
    fields[14] = 0
    if fields[3]:
        fields[5:8] = bytes(3)
    return bytes(fields)


@pytest.mark.usefixtures("card_in_reader")
@pytest.mark.parametrize("login", [b"", b"karla\n\x14P=6"])
def test_reader_is_told_what_scdaemon_tells_it(
    gnupg: GnuPG, pinpad_reader: VirtualReader, keys: Keys, card: OpenPGPCard, login: bytes
) -> None:
    issue(card, *ADMIN, put(0x5E, login))
    told = []
    for scdaemon in (ANYSCD, gnupg.scdaemon):
        keys.be()
        with Home(gnupg, scdaemon) as home:
            with (home.path / "scdaemon.conf").open("a") as conf:
                conf.write(f"reader-port {pinpad_reader.name}\n")
            (home.path / "anyscd.toml").write_text(CARDS_ONLY)
            home.send_to_pinpad(keys.pipe, USER_PIN)
            sign_and_verify(home, key_of_token(home, "Karla Card"))
        told.append([comparable(entry) for entry in keys.entries])
        assert keys.faults == []
    assert told[0]
    assert told[0] == told[1]
