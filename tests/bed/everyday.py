"""Everyday work with one card, step by step, so that each step can be counted or timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.bed.card import USER_PIN, openpgp_card
from tests.bed.gnupg import GnuPG, Home
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.recipes import key_of_token
from tests.bed.virtual_reader import Card, VirtualReader

T = TypeVar("T")

#: Runs a step and says what it cost.
Measure = Callable[[Callable[[], object]], T]

EMPTY_CARD = "first card status, empty card"
AGAIN = "second card status"
THREE_KEYS = "first card status, three keys"
UNKNOWN_CARD = "first signature after a start, card not known"
KNOWN_CARD = "first signature after a start, card known"
SIGNATURE = "warm signature"
DECRYPTION = "warm decryption"
SSH = "warm SSH signature"

#: In the order in which they are taken.
STEPS = (EMPTY_CARD, AGAIN, THREE_KEYS, UNKNOWN_CARD, KNOWN_CARD, SIGNATURE, DECRYPTION, SSH)

#: Where anyscd remembers public keys.
_MEMORY = "anyscd-cards"


def everyday(
    reader: VirtualReader, store: Path, gnupg: GnuPG, scdaemon: Path, measure: Measure[T]
) -> dict[str, T]:
    """Take all steps with a fresh card in the reader; no PKCS#11 module talks to it besides."""
    card = openpgp_card(store)
    costs = {}
    with inserted(reader, card), _home(gnupg, scdaemon) as home:
        costs[EMPTY_CARD] = measure(lambda: home.gpg("--card-status"))
        costs[AGAIN] = measure(lambda: home.gpg("--card-status"))
    for slot, kind in enumerate(("ed25519", "cv25519", "ed25519"), 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    with inserted(reader, card), _home(gnupg, scdaemon) as home:
        costs[THREE_KEYS] = measure(lambda: home.gpg("--card-status"))
        costs |= _use(home, measure)
    return costs


def _use(home: Home, measure: Measure[T]) -> dict[str, T]:
    fingerprint = key_of_token(home, "Karla Card")
    sign = ("--local-user", fingerprint, "--sign")
    to = ("--trust-model", "always", "--recipient", fingerprint)
    encrypted = home.gpg(*to, "--encrypt", input="a secret").stdout
    costs = {}
    for name in (UNKNOWN_CARD, KNOWN_CARD):
        if name is UNKNOWN_CARD:
            (home.path / _MEMORY).unlink(missing_ok=True)
        home.restart_agent()
        costs[name] = measure(lambda: home.gpg(*sign, input="a message"))
    # Opens what the signature left closed, so that nothing goes on behind the next steps.
    home.gpg("--decrypt", input=encrypted)
    costs[SIGNATURE] = measure(lambda: home.gpg(*sign, input="a message"))
    costs[DECRYPTION] = measure(lambda: home.gpg("--decrypt", input=encrypted))
    public = home.path / "id.pub"
    public.write_bytes(home.run("ssh-add", "-L").stdout)
    ssh_sign = ("-Y", "sign", "-f", public, "-n", "test")
    home.run("ssh-keygen", *ssh_sign, input="a message")
    costs[SSH] = measure(lambda: home.run("ssh-keygen", *ssh_sign, input="a message"))
    return costs


@contextmanager
def inserted(reader: VirtualReader, card: Card) -> Iterator[None]:
    """The card is in the reader meanwhile."""
    reader.insert(card)
    try:
        yield
    finally:
        reader.wait_unused()
        reader.remove()


def _home(gnupg: GnuPG, scdaemon: Path) -> Home:
    home = Home(gnupg, scdaemon, pins={"": USER_PIN})
    (home.path / "anyscd.toml").write_text("[pkcs11]\nuse-p11-kit = false\n")
    return home


def counting(reader: VirtualReader) -> Measure[int]:
    """The APDUs that a step sends to the card."""

    def count(step: Callable[[], object]) -> int:
        reader.apdus.clear()
        step()
        return len(reader.apdus)

    return count
