"""What GnuPG is told of tokens that have no slots of their own, remembered in a file: which key was
put into which OpenPGP slot, when OpenPGP keys were made of them, and what the next ones shall be.

An OpenPGP key is named by its creation time too, so what was told once must stay the same for ever.
Nothing here is secret.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from scd.statefile import StateFile
from scd.view import Birth

_LINES = (
    re.compile(r"(key [0-9A-F]{40}) ([0-9]{1,10}(?: [0-9A-F]{40})?)"),
    re.compile(r"(slot [0-9A-F]{32} [1-3]) ([0-9A-F]{40})"),
    re.compile(r"(next [0-9A-F]{32} [1-3]) ([0-9A-Za-z]{1,32})"),
)
#: The time of an OpenPGP key has four bytes (RFC 4880 section 3.5).
_MAX_TIME = 2**32 - 1


class TokenMemory:
    """The file ``path``.  Its lines:

    ``key GRIP TIME [FINGERPRINT]``: what OpenPGP key a key is, time in seconds since the epoch; the
    fingerprint if the key was made or imported here, whose parameters may not be the usual ones.
    ``slot SERIAL N GRIP``: the key that was put into that slot of that token.
    ``next SERIAL N ALGORITHM``: what the next key that is made for that slot shall be.

    A file that is missing, damaged or not writable costs a line in the log, never a key.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = StateFile(path, _LINES)
        self._clock = clock
        self._lock = threading.Lock()

    @classmethod
    def in_home(cls, home: Path) -> TokenMemory:
        """That of GnuPG's home directory ``home``."""
        return cls(home / "anyscd-tokens")

    def birth(self, grip: str, told: int | None) -> Birth:
        """That of the OpenPGP key of that keygrip.  If it is not known yet, the time is the one
        ``told`` by the token, or else now.

        May be called by several threads: the keys of each token are looked at in one of its own.
        """
        with self._lock:
            known = _birth(self._file.read().get(f"key {grip}", ""))
            if known is None:
                known = Birth(told or int(self._clock()))
                self._file.write({f"key {grip}": str(known.created)})
            return known

    def put(self, serial: str, slot: int, grip: str, birth: Birth) -> None:
        """A key was put into that slot; so what was wished for is there."""
        with self._lock:
            self._file.write(
                {
                    f"key {grip}": _text(birth),
                    f"slot {serial} {slot}": grip,
                    f"next {serial} {slot}": None,
                }
            )

    def learn(self, births: Mapping[str, Birth]) -> bool:
        """By keygrip, what somebody knows better than it was guessed.  Whether that could be
        written."""
        with self._lock:
            return self._file.write({f"key {g}": _text(birth) for g, birth in births.items()})

    def wish(self, serial: str, slot: int, algorithm: str) -> None:
        """The next key for that slot shall be of that algorithm."""
        self._file.write({f"next {serial} {slot}": algorithm})

    def grips(self, serial: str) -> Mapping[int, str]:
        """Keygrips of what was put into the slots of that token."""
        return self._by_slot("slot", serial)

    def wishes(self, serial: str) -> Mapping[int, str]:
        """Algorithms of the next keys."""
        return self._by_slot("next", serial)

    def _by_slot(self, kind: str, serial: str) -> Mapping[int, str]:
        known = self._file.read()
        names = {slot: f"{kind} {serial} {slot}" for slot in (1, 2, 3)}
        return {slot: known[name] for slot, name in names.items() if name in known}


def _text(birth: Birth) -> str:
    fingerprint = birth.fingerprint.hex().upper() if birth.fingerprint else ""
    return f"{birth.created} {fingerprint}".rstrip()


def _birth(value: str) -> Birth | None:
    created, _, fingerprint = value.partition(" ")
    if not created or int(created) > _MAX_TIME:
        return None
    return Birth(int(created), bytes.fromhex(fingerprint) or None)
