"""Cards that come and go, and a pcscd that does, under a gpg-agent that nobody restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bed.card import USER_PIN
from tests.bed.faults import pulling
from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.pcsc import Pcscd
from tests.bed.process import ProgramFailed
from tests.bed.recipes import key_of_token, sign_and_verify
from tests.bed.virtual_reader import VirtualReader
from tests.dialogues.player import Daemon
from tests.openpgp.rival import Rival

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

#: PERFORM SECURITY OPERATION.
PSO = 0x2A
GET_AID = "00CA004F00"


@pytest.fixture
def home(gnupg: GnuPG, reader: VirtualReader, card: OpenPGPCard) -> Iterator[Home]:
    """A card that has signed once."""
    for slot, kind in enumerate(("ed25519", "cv25519", "ed25519"), 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    reader.insert(card)
    home = Home(gnupg, ANYSCD, pins={"insert": None, "": USER_PIN})
    (home.path / "anyscd.toml").write_text("[pkcs11]\nuse-p11-kit = false\n")
    with home:
        yield home


@pytest.fixture
def sign(home: Home) -> Callable[[], object]:
    fingerprint = key_of_token(home, "Karla Card")

    def sign() -> object:
        return sign_and_verify(home, fingerprint)

    sign()
    return sign


def test_no_card(home: Home, reader: VirtualReader, card: OpenPGPCard) -> None:
    reader.remove()
    with pytest.raises(ProgramFailed, match="No such device"):
        home.gpg("--card-status")
    reader.insert(card)
    assert "D27600012401" in home.gpg("--card-status").stdout.decode()


def test_card_pulled_and_put_back(
    sign: Callable[[], object], reader: VirtualReader, card: OpenPGPCard
) -> None:
    reader.remove()
    reader.insert(card)
    sign()


def test_card_pulled_in_the_middle_of_a_signature(
    sign: Callable[[], object], reader: VirtualReader, card: OpenPGPCard
) -> None:
    reader.fault = pulling(PSO)
    with pytest.raises(ProgramFailed):
        sign()
    reader.fault = None
    reader.remove()
    reader.insert(card)
    sign()


def test_absent_card_is_asked_for(
    home: Home, sign: Callable[[], object], reader: VirtualReader, card: OpenPGPCard
) -> None:
    reader.remove()
    with pytest.raises(ProgramFailed):
        sign()
    assert any("insert" in prompt.desc for prompt in home.prompts)
    reader.insert(card)
    sign()


def test_pcscd_restarted(sign: Callable[[], object], pcscd: Pcscd) -> None:
    pcscd.restart()
    sign()


def test_card_changed_elsewhere(
    home: Home, sign: Callable[[], object], reader: VirtualReader, card: OpenPGPCard
) -> None:
    """The same serial number, as of a card that was changed elsewhere: its new key is seen."""
    reader.remove()
    make_key(card, 1, "rsa2048")
    reader.insert(card)
    assert "rsa2048 cv25519 ed25519" in home.gpg("--card-status").stdout.decode()


def test_end_of_the_daemon_disturbs_no_other_program(
    reader: VirtualReader, card: OpenPGPCard, tmp_path: Path
) -> None:
    """pcscd would reset the card of a client that just goes.  OpenSC's module, where p11-kit has it
    registered, resets the cards that it looked at by itself: it is not what is tested here."""
    tmp_path.joinpath("scdaemon.conf").write_text("disable-application pkcs11\n")
    reader.insert(card)
    with Rival(reader.name) as rival:
        for _ in range(3):
            with Daemon(ANYSCD, tmp_path) as daemon:
                assert daemon.ask("SERIALNO")[-1] == b"OK"
        assert rival.transmit(GET_AID).endswith("9000")
