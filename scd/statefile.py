"""Small files of lines in which the daemon remembers public things from one start to the next.

Several daemons may use one file: it is read again before something is added, and replaced as a
whole, so that no reader ever sees half of it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_log = logging.getLogger(__name__)


class StateFile:
    """Lines of a name and a value; a new value takes the place of the old one.

    ``lines``: each matches whole lines of one kind, with a group for the name and one for the
    value.  ``limit``: how many lines are kept; those that were written first are dropped.  What
    cannot be written is remembered for the life of this object.  May be used by several threads.
    """

    def __init__(
        self, path: Path, lines: Sequence[re.Pattern[str]], limit: int = sys.maxsize
    ) -> None:
        self._path = path
        self._patterns = lines
        self._limit = limit
        self._unwritten: dict[str, str | None] = {}
        self._version: tuple[int, int, int] | None = None
        self._parsed: dict[str, str] = {}
        self._lock = threading.Lock()

    def read(self) -> dict[str, str]:
        """All values, by name, those written last at the end."""
        with self._lock:
            return self._read()

    def write(self, values: Mapping[str, str | None]) -> bool:
        """Set these values; None forgets one.  Whether they are in the file now."""
        with self._lock:
            self._unwritten |= values
            lines = [f"{name} {value}" for name, value in self._read().items()]
            written = _write_lines(self._path, lines[-self._limit :])
            if written:
                self._unwritten.clear()
            return written

    def _read(self) -> dict[str, str]:
        version = _version(self._path)
        if version is None or version != self._version:
            self._version, self._parsed = version, self._parse()
        known = dict(self._parsed)
        for name, value in self._unwritten.items():
            known.pop(name, None)
            if value is not None:
                known[name] = value
        return known

    def _parse(self) -> dict[str, str]:
        lines = [line.decode("ascii", "replace") for line in _read_lines(self._path)]
        found = [self._parts(line) for line in lines]
        if None in found:
            _log.warning("%s: damaged lines are ignored", self._path)
        return {parts[1]: parts[2] for parts in found if parts}

    def _parts(self, line: str) -> re.Match[str] | None:
        return next((m for p in self._patterns if (m := p.fullmatch(line))), None)


def _version(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file is replaced; None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read_lines(path: Path) -> list[bytes]:
    """The lines of the file; none, with a line in the log unless it is just missing, if it cannot
    be read."""
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        _log.warning("%s: %s", path, error.strerror)
        return []


def _write_lines(path: Path, lines: list[str]) -> bool:
    """Replace the file; False, and a line in the log, if that cannot be done."""
    try:
        _replace(path, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        _log.warning("%s: cannot be written: %s", path, error.strerror)
        return False
    return True


def _replace(path: Path, content: bytes) -> None:
    name = f"{path}.{os.getpid()}"
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(handle, "wb") as stream:
            stream.write(content)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
