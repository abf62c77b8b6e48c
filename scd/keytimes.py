"""When a key of a token that knows no dates was first seen here.

An OpenPGP key is named by its creation time too.  GnuPG 2.4 makes keys with the time that
KEYPAIRINFO reports, so that time must stay the same for ever.  Nothing here is secret.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from scd.statefile import read_lines, write_lines

_log = logging.getLogger(__name__)

_LINE = re.compile(rb"([0-9A-F]{40}) ([0-9]{1,10})")
#: The time of an OpenPGP key has four bytes (RFC 4880 section 3.5).
_MAX_TIME = 2**32 - 1


class KeyTimes:
    """The file ``path``: lines of a keygrip, a blank, and seconds since the epoch.

    A file that is missing, damaged or not writable costs a line in the log, never a key: the
    times are then remembered for the life of this object.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._times: dict[str, int] = {}
        self._lock = threading.Lock()

    def created(self, grip: str) -> int:
        """The time for this keygrip, seconds since the epoch; if there is none yet, now.

        The file is read again before anything is added: another daemon may have done so.  May
        be called by several threads: the keys of each token are looked at in one of its own."""
        with self._lock:
            if grip not in self._times:
                self._times = self._read() | self._times
            if grip not in self._times:
                self._times[grip] = int(self._clock())
                self._write()
            return self._times[grip]

    def _read(self) -> dict[str, int]:
        matches = [_LINE.fullmatch(line) for line in read_lines(self._path)]
        if None in matches:
            _log.warning("%s: damaged lines are ignored", self._path)
        times = {m[1].decode(): int(m[2]) for m in reversed(matches) if m}
        return {grip: value for grip, value in times.items() if value <= _MAX_TIME}

    def _write(self) -> None:
        write_lines(self._path, [f"{grip} {value}" for grip, value in sorted(self._times.items())])
