"""What agents said to change a card, said to anyscd: the card is changed, and the answers agree in
form and order with the recorded ones, but for the admin PIN, which is asked no more often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from backends.curves import NIST_P256
from tests.bed.gnupg import ANYSCD
from tests.bed.key_maker import allow_several_signatures, make_key, set_algorithm
from tests.bed.simulated import SimulatedCard
from tests.bed.virtual_reader import VirtualReader
from tests.dialogues.forms import forms, uncaret
from tests.dialogues.player import Daemon
from tests.dialogues.record import Exchange, sections
from tests.dialogues.test_dialogues import FILES, WRITING, apply
from tests.scd.keydata import keydata, new_parts, rsa_parts

NEEDPIN = "INQUIRE NEEDPIN |A|"


@dataclass(frozen=True)
class Change:
    """``algorithms`` and ``keys``: of the three slots before it.  ``old``: with GnuPG 2.2."""

    exchange: Exchange
    algorithms: tuple[str, ...]
    keys: tuple[bool, ...]
    old: bool


def changes(name: str) -> Iterator[tuple[str, Change]]:
    full = FILES[name]
    algorithms = ["ed25519", "cv25519", "ed25519"] if full or "2.2" in name else ["rsa2048"] * 3
    keys = [full] * 3
    for section in sections(name):
        for exchange in section.exchanges:
            # GnuPG 2.2 imports no RSA key into a slot for another algorithm; we do, as 2.4 does.
            if exchange.command.startswith(WRITING) and exchange.replies[-1].startswith("OK"):
                before = Change(exchange, tuple(algorithms), tuple(keys), "2.2" in name)
                yield f"{name}: {exchange.command}", before
                apply(exchange, algorithms, keys)


CHANGES = dict(pair for name in FILES for pair in changes(name))


@pytest.fixture(scope="module")
def keys() -> dict[bool, bytes]:
    """KEYDATA of an RSA key, or of one on a curve: the recorded ones have lost bytes."""
    return {
        True: keydata(*rsa_parts(rsa.generate_private_key(65537, 2048))),
        False: keydata(*new_parts(NIST_P256)),
    }


@pytest.mark.parametrize("title", CHANGES)
def test_change_is_made_and_told_alike(
    title: str, keys: dict[bool, bytes], reader: VirtualReader, tmp_path: Path
) -> None:
    change = CHANGES[title]
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    home.joinpath("scdaemon.conf").write_text("disable-application pkcs11\n")
    card = SimulatedCard()
    for slot, (kind, present) in enumerate(zip(change.algorithms, change.keys, strict=True), 1):
        set_algorithm(card, slot, kind)
        if present and kind != "nistp256-ecdh":
            make_key(card, slot, kind)
    allow_several_signatures(card, change.exchange.command.endswith("%00"))
    before = card.snapshot()
    reader.insert(card)
    with Daemon(ANYSCD, home) as daemon:
        is_rsa = "(3:rsa" in "".join(part for answer in change.exchange.answers for part in answer)
        answer = [line.decode() for line in daemon.ask(change.exchange.command, keys[is_rsa])]
    agree(answer, [uncaret(line) for line in change.exchange.replies], old=change.old)
    if not change.exchange.command.startswith("PASSWD"):
        assert card.snapshot() != before


def agree(answer: list[str], recorded: list[str], *, old: bool) -> None:
    plain = [line for line in answer if not line.startswith(NEEDPIN)]
    wanted = [line for line in recorded if not line.startswith(NEEDPIN)]
    assert forms(plain, old=old) == forms(wanted, old=old)
    asked = [line for line in answer if line.startswith(NEEDPIN)]
    # The recorded daemon may have known the PIN already.
    assert len(asked) <= max(1, sum(line.startswith(NEEDPIN) for line in recorded))
    for line in asked:
        assert line.startswith(NEEDPIN + "Please enter the Admin PIN%0A%0A\x1eNumber\x1f: ")


def test_there_is_something_to_play() -> None:
    words = {change.exchange.command.split()[0] for change in CHANGES.values()}
    assert words == set(WRITING)
