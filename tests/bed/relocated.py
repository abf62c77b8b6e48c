"""Copies of programs and libraries whose compiled-in paths lead to a private folder.

For those that have neither option nor environment variable to say where their files are.  Unlike
a mount namespace this asks for no privilege, and whatever loads such a copy needs to know nothing.
"""

from __future__ import annotations

import secrets
import shutil
import string
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bed.process import ProgramFailed

#: What is replaced, and by what.
Change = tuple[bytes, bytes]

#: As long as the shortest of the paths to be replaced, /var/lib and /var/run.
_LENGTH = 8


@contextmanager
def short_directory() -> Iterator[Path]:
    """A folder with a path of eight characters, which is what a copy has room for: in /tmp,
    whatever TMPDIR says."""
    directory = _make_directory()
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _make_directory() -> Path:
    while True:
        letters = (secrets.choice(string.ascii_letters) for _ in range(_LENGTH - len("/tmp/")))
        directory = Path("/tmp", "".join(letters))
        try:
            directory.mkdir(0o700)
        except FileExistsError:
            continue
        return directory


def moved(path: str, directory: Path) -> Change:
    """Whatever lies under that path is in the folder."""
    return path.encode(), str(directory).ljust(len(path), "/").encode()


def renamed(text: str, other: str) -> Change:
    """A string that ends so ends otherwise."""
    if len(other) > len(text):
        raise ProgramFailed(f"there is no room for {other!r} in the place of {text!r}")
    return f"{text}\0".encode(), f"{other}\0".encode().ljust(len(text) + 1, b"\0")


def relocate(source: Path, target: Path, changes: Iterable[Change]) -> None:
    """Copy a file, changed.  Nothing in it may move, so all changes keep the length."""
    data = source.read_bytes()
    for old, new in changes:
        data = data.replace(old, new)
    target.write_bytes(data)
    target.chmod(0o755)
