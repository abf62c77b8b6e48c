"""What the agents of GnuPG 2.2.40, 2.4.7 and 2.5.13 said, said to anyscd on a virtual card with
like keys: the answers agree in form and order.

Commands that change the card are played in test_changing.py; here, what they did is done to the
card behind the daemon's back, and the rest of the section is played to a daemon started after it.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scd.keygrip import keygrip
from tests.bed.card import openpgp_card
from tests.bed.gnupg import ANYSCD
from tests.bed.key_maker import allow_several_signatures, make_key, set_algorithm
from tests.bed.virtual_reader import VirtualReader
from tests.dialogues.player import Daemon, play
from tests.dialogues.record import Exchange, sections

WRITING = ("SETATTR", "GENKEY", "WRITEKEY", "PASSWD")

#: Whether the slots of the recorded card held Ed25519 and Cv25519 keys when the file began.
FILES = {
    "gnupg-2.2.40-generate.txt": False,
    "gnupg-2.2.40-sign.txt": True,
    "gnupg-2.2.40-decrypt.txt": True,
    "gnupg-2.2.40-sshadd.txt": True,
    "gnupg-2.2.40-sshsign.txt": True,
    "gnupg-2.2.40-keytocard.txt": True,
    "gnupg-2.4.7-a.txt": False,
    "gnupg-2.4.7-b.txt": True,
    "gnupg-2.5.13-beta.txt": False,
}

#: Keygrips that 2.2 used without having been told them in the same file.
OLD_GRIPS = {
    "EBE9FF1756DD690CAD411005C7CE73FBD90D94E6": 1,
    "AECADFFBA7C83EFD53A4511D9AC38B2FEDAD6404": 2,
    "688F9033C4E42CDC81539E9D4151DE870311B794": 3,
}


@dataclass(frozen=True)
class Act:
    """Exchanges between two changes of the card.

    ``algorithms`` and ``keys``: of the three slots.  ``old``: with GnuPG 2.2.  ``warm``: the PIN
    had been verified before.  ``known``: the scdaemon had seen the card before.
    """

    algorithms: tuple[str, ...]
    keys: tuple[bool, ...]
    exchanges: tuple[Exchange, ...]
    old: bool
    warm: bool
    known: bool


def acts(name: str) -> Iterator[tuple[str, Act]]:
    full = FILES[name]
    young = ["ed25519", "cv25519", "ed25519"]
    algorithms = young if full or "2.2" in name else ["rsa2048"] * 3
    keys = [full] * 3
    for section in sections(name):
        scene: list[Exchange] = []
        number, known = 1, not section.fresh
        for exchange in [*section.exchanges, None]:
            if exchange is not None and not exchange.command.startswith(WRITING):
                scene.append(exchange)
                continue
            if scene:
                warm = _is_warm(scene)
                act = Act(tuple(algorithms), tuple(keys), tuple(scene), "2.2" in name, warm, known)
                yield f"{name}: {section.title} ({number})", act
                scene, number, known = [], number + 1, True
            if exchange is not None and exchange.replies[-1].startswith("OK"):
                apply(exchange, algorithms, keys)


def _is_warm(scene: list[Exchange]) -> bool:
    """Whether the first use of a key asked for no PIN."""
    uses = [e for e in scene if re.match("PKSIGN|PKAUTH|PKDECRYPT", e.command)]
    return bool(uses) and not uses[0].answers


def apply(exchange: Exchange, algorithms: list[str], keys: list[bool]) -> None:
    """What a recorded writing command did to the slots."""
    words = exchange.command.replace("+", " ").split()
    if words[:2] == ["SETATTR", "KEY-ATTR"]:
        slot = int(words[3]) - 1
        algorithms[slot], keys[slot] = words[5], False
    elif words[0] == "GENKEY":
        keys[int(words[-1]) - 1] = True
    elif words[0] == "WRITEKEY":
        slot = int(words[-1][-1]) - 1
        rsa = "(3:rsa" in exchange.answers[0][0]
        algorithms[slot], keys[slot] = "rsa2048" if rsa else "nistp256-ecdh", True


ACTS = dict(pair for name in FILES for pair in acts(name))


@pytest.fixture(autouse=True)
def _signalled() -> Iterator[None]:
    """Stand what the agent asks for by ``event-signal=12``: SIGUSR2 at each change of cards."""
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("title", ACTS)
def test_answers_agree(title: str, reader: VirtualReader, tmp_path: Path) -> None:
    act = ACTS[title]
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    home.joinpath("scdaemon.conf").write_text("disable-application pkcs11\n")
    card = openpgp_card(tmp_path / "card")
    grips = {}
    for slot, (kind, present) in enumerate(zip(act.algorithms, act.keys, strict=True), 1):
        if present:
            grips[slot] = keygrip(make_key(card, slot, kind))
        else:
            set_algorithm(card, slot, kind)
    allow_several_signatures(card, act.warm)
    reader.insert(card)
    with Daemon(ANYSCD, home) as daemon:
        prepare(daemon, act)
        names = recorded_names(act, grips)
        for exchange in act.exchanges:
            play(daemon, exchange, names, old=act.old)


def prepare(daemon: Daemon, act: Act) -> None:
    """Bring the daemon to where the recorded scdaemon was."""
    if act.known:
        serial = daemon.ask("SERIALNO --all")[0].split()[-1].decode()
        if act.warm:
            assert daemon.ask(f"CHECKPIN {serial}")[-1] == b"OK"


def recorded_names(act: Act, grips: dict[int, str]) -> dict[str, str]:
    """What the act calls our card and its keys."""
    names = {"D276000124010304F1D0000000000000": "D2760001240103040000000000010000"}
    told = re.compile(r"([0-9A-F]{40}) (?:T [0-9A-F]{32} )?OPENPGP\.([123])")
    slots = dict(OLD_GRIPS)
    for exchange in act.exchanges:
        for grip, slot in told.findall("\n".join(exchange.replies)):
            slots[grip] = int(slot)
    # A keygrip may be used before the act tells whose it is: the agent knew it from the key.
    for exchange in act.exchanges:
        grip = exchange.command.removeprefix("GETATTR $DISPSERIALNO ")
        if grip != exchange.command and grip not in slots:
            slots[grip] = _slot_read_last(act, exchange)
    return names | {grip: grips[slot] for grip, slot in slots.items() if slot in grips}


def _slot_read_last(act: Act, exchange: Exchange) -> int:
    """The slot of the READKEY before this exchange."""
    before = act.exchanges[: act.exchanges.index(exchange)]
    return next(int(e.command[-1]) for e in reversed(before) if e.command.startswith("READKEY"))


def test_every_recorded_file_is_played() -> None:
    from tests.dialogues.record import RECORDED

    assert {path.name for path in RECORDED.glob("*.txt")} == set(FILES)
