"""Each kind of key that a card and a generation of GnuPG have in common, made on the card and moved
to it; then it signs, decrypts and authenticates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.bed.gnupg import ANYSCD, GnuPG, Home, generations
from tests.bed.key_maker import allow_several_signatures
from tests.bed.process import ProgramFailed
from tests.bed.recipes import (
    KINDS,
    encrypt_and_decrypt,
    generate_on_card,
    move_to_card,
    sign_and_verify,
    ssh_keys,
)
from tests.bed.simulated import PRESETS, SimulatedCard
from tests.bed.software_key import software_key
from tests.bed.sshd import Sshd
from tests.bed.stand_in import ATR
from tests.system.scenario import PINS
from tests.system.stage import Place, furnish

#: Too slow to make on the card one after the other.
MOVED_ONLY = ("rsa3072", "rsa4096")
#: What a generation does not know, and what only takes more time with the other: gpg-agent 2.4
#: takes half a second for each prompt, and says the same to the daemon.
LEFT_OUT = {
    "2.2": ("curve448",),
    "2.4": ("rsa3072", "rsa4096", "nistp521", "brainpoolP256r1", "brainpoolP384r1"),
}
COMBINATIONS = [
    pytest.param(each, kind, id=f"{each}-{kind}")
    for each in generations()
    for kind in KINDS
    if kind not in LEFT_OUT[each.name]
]

SSH_TYPES = {
    "rsa2048": "ssh-rsa",
    "rsa3072": "ssh-rsa",
    "rsa4096": "ssh-rsa",
    "curve25519": "ssh-ed25519",
    "nistp256": "ecdsa-sha2-nistp256",
    "nistp384": "ecdsa-sha2-nistp384",
    "nistp521": "ecdsa-sha2-nistp521",
}
_SETTINGS = {"gpg.conf": b"disable-dirmngr\ncompliance gnupg\n"}
#: What INTERNAL AUTHENTICATE is asked for, where ssh does not know the kind.
_HASH = 32 * "5A"


@pytest.mark.parametrize(("gnupg", "kind"), COMBINATIONS)
def test_key_type(gnupg: GnuPG, kind: str, places: tuple[Place, Place]) -> None:
    """Both ways at the same time, each with a card of its own."""
    ways: tuple[Callable[[Place, GnuPG, str], None], ...] = (moved, made_on_card)
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(way, place, gnupg, kind) for way, place in zip(ways, places, strict=True)
        ]
        for run in runs:
            run.result()


def moved(place: Place, gnupg: GnuPG, kind: str) -> None:
    with card_in_use(place, gnupg) as home:
        home.gpg("--import", input=software_key(kind))
        work(home, move_to_card(home), kind)


def made_on_card(place: Place, gnupg: GnuPG, kind: str) -> None:
    if kind in MOVED_ONLY:
        return
    with card_in_use(place, gnupg) as home:
        work(home, generate_on_card(home, kind, "Karla Card"), kind)


@contextmanager
def card_in_use(place: Place, gnupg: GnuPG) -> Iterator[Home]:
    """A new card on which one PIN is good for several signatures."""
    card = SimulatedCard(replace(PRESETS["modern"], atr=ATR))
    allow_several_signatures(card, True)
    home = Home(gnupg, ANYSCD, pins=PINS)
    furnish(home, _SETTINGS, place.reader.name)
    with place.holding(card), home:
        yield home


def work(home: Home, fingerprint: str, kind: str) -> None:
    sign_and_verify(home, fingerprint)
    encrypt_and_decrypt(home, fingerprint)
    if kind in SSH_TYPES:
        (key,) = [line for line in ssh_keys(home) if line.split()[0] == SSH_TYPES[kind]]
        with Sshd(key + "\n") as sshd:
            assert sshd.login(home.env, "echo", "inside") == "inside\n"
    else:
        said = home.connect_agent(f"SCD SETDATA {_HASH}", "SCD PKAUTH OPENPGP.3").stdout
        if not said.endswith(b"\nOK\n") or b"\nD " not in said:
            raise ProgramFailed(f"{said!r}\n{home.log_end}")
