"""Small files of lines in which the daemon remembers public things from one start to the next.

Several daemons may use one file: it is read again before something is added, and replaced as a
whole, so that no reader ever sees half of it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)


def read_lines(path: Path) -> list[bytes]:
    """The lines of the file; none, with a line in the log unless it is just missing, if it cannot
    be read."""
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        _log.warning("%s: %s", path, error.strerror)
        return []


def write_lines(path: Path, lines: list[str]) -> None:
    """Replace the file; a line in the log if that cannot be done."""
    try:
        _replace(path, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        _log.warning("%s: cannot be written: %s", path, error.strerror)


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
