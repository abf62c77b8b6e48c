"""Scenarios: what somebody types at gpg and at its pinentry, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.bed.card import ADMIN_PIN, USER_PIN
from tests.bed.gnupg import Pin
from tests.bed.simulated import Profile
from tests.bed.virtual_reader import Card

NEW_USER_PIN, NEW_ADMIN_PIN = "654321", "87654321"
RESET_CODE, NEW_RESET_CODE = "11223344", "44332211"
WRONG_USER_PIN, WRONG_ADMIN_PIN, WRONG_RESET_CODE = "999999", "99999999", "99887766"

#: By what is in the description; see :mod:`tests.bed.pinentry`.  The first that occurs wins.
PINS: dict[str, Pin] = {
    "New Admin": NEW_ADMIN_PIN,
    "New Reset Code": NEW_RESET_CODE,
    "New PIN": NEW_USER_PIN,
    "Admin": ADMIN_PIN,
    "Reset Code": RESET_CODE,
    "passphrase": "a passphrase",
    "": USER_PIN,
}


@dataclass(frozen=True)
class Step:
    """One program, run on a terminal.

    ``answers``: for gpg's --command-fd; ``typed``: typed ahead on the terminal.
    """

    program: str
    words: tuple[str, ...]
    answers: tuple[str, ...] | None = None
    typed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """``pins``: instead of those of :data:`PINS`.  ``before``: what is done to the card before,
    past any daemon.  ``files``: put into the home directory, where gpg may write ``out``.
    ``refused``: how many PINs the card refuses, because they are typed wrong.  ``software_key``:
    gpg has a key that is on no card.  ``profile``: of the simulated card on which it runs; else it
    is jcecard.  ``survived``: the generations of gpg that come to its end: 2.2.40 frees a value
    twice.  ``better``: lines of gpg's with GnuPG's own scdaemon, and what it rightly says instead.

    ``{home}`` in words and answers stands for the home directory, with a file name and ``*`` behind
    it for the one file that fits; ``{bin}`` in words for the folder of the programs.
    """

    steps: tuple[Step, ...]
    pins: Mapping[str, Pin] = field(default_factory=dict)
    before: tuple[Callable[[Card], None], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    refused: int = 0
    software_key: bool = False
    profile: Profile | None = None
    survived: tuple[str, ...] = ("2.2", "2.4")
    better: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_pins(self) -> dict[str, Pin]:
        """Those of its own and the others; what only a scenario has comes first."""
        return {**{part: None for part in self.pins if part not in PINS}, **PINS, **self.pins}


def lines(script: str) -> tuple[str, ...]:
    """The lines of a script, which has ``|`` between them."""
    return tuple(line.strip() for line in script.split("|")) if script else ()
