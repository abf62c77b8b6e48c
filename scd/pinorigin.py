"""Where a PIN can be read that nobody types: a file, or what a command says (RFC 7512 section 2.4).

Everything here blocks.  Complaints say what is wrong with the place, never what was read there.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import FileIO
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

from backends.secret import wipe

#: Bytes that are read; the PIN is the first line of them.
_ROOM = 1024
#: Seconds that a command gets.
_PATIENCE = 30.0

#: What is another if the place has changed since.
State = tuple[int, ...]


class BadOrigin(ValueError):
    """Not the name of a place; the text says why."""


class Unreadable(Exception):
    """There is no PIN to be had; the text says why."""


class Origin(Protocol):
    def read(self, known: State | None) -> tuple[State, bytearray] | None:
        """The PIN, for the caller to wipe; None if the place is still as it was then, which is
        found out without reading it.  Raises Unreadable."""


def parse(text: str) -> Origin:
    """``file:/path`` or ``|/path/to/command arguments``.  Raises BadOrigin."""
    return _command(text[1:]) if text.startswith("|") else _file(text)


def _file(text: str) -> PinFile:
    url = urlsplit(text)
    path = unquote(url.path)
    if url.scheme != "file" or url.netloc not in ("", "localhost") or not path.startswith("/"):
        raise BadOrigin("pin-source is neither file:/path nor |/path/to/command")
    return PinFile(path)


def _command(text: str) -> PinCommand:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise BadOrigin(f"pin-source: {error}") from None
    if not words or not words[0].startswith("/"):
        raise BadOrigin("pin-source: a command is named by its whole path")
    return PinCommand(words)


@dataclass(frozen=True, slots=True)
class PinFile:
    """A regular file of the user's that nobody else can read."""

    path: str

    def read(self, known: State | None) -> tuple[State, bytearray] | None:
        # Not waiting for the other end, should it be a pipe.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            with FileIO(os.open(self.path, flags)) as file:
                state = self._checked(os.fstat(file.fileno()))
                return None if state == known else (state, _first_line(file.readinto))
        except OSError as error:
            raise Unreadable(f"{self.path}: {error.strerror}") from None

    def _checked(self, status: os.stat_result) -> State:
        complaints = {
            "not a regular file": not stat.S_ISREG(status.st_mode),
            "owned by somebody else": status.st_uid != os.geteuid(),
            "open to others than its owner": status.st_mode & 0o077 != 0,
        }
        for complaint, holds in complaints.items():
            if holds:
                raise Unreadable(f"{self.path}: {complaint}")
        return (
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )


@dataclass(frozen=True, slots=True)
class PinCommand:
    """A command, started without a shell, that writes the PIN to its standard output.  Whether it
    would say something else next time nobody can know, so its state never changes."""

    words: tuple[str, ...]

    def read(self, known: State | None) -> tuple[State, bytearray] | None:
        if known is not None:
            return None
        try:
            process = subprocess.Popen(  # noqa: S603  # the user's own words
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # it may say anything, and the log is no place for it
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise Unreadable(f"{self.words[0]}: {error.strerror}") from None
        return (), self._said(process)

    def _said(self, process: subprocess.Popen[bytes]) -> bytearray:
        end = time.monotonic() + _PATIENCE
        pin = bytearray()
        with process:
            try:
                pin = _first_line(partial(_read_before, end, process.stdout))
                status = process.wait(max(0.0, end - time.monotonic()))
            except (TimeoutError, subprocess.TimeoutExpired):
                status = None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        if status != 0:
            wipe(pin)
            said = "took too long" if status is None else f"ended with status {status}"
            raise Unreadable(f"{self.words[0]}: {said}")
        return pin


def _read_before(end: float, pipe: IO[bytes] | None, room: memoryview) -> int | None:
    assert isinstance(pipe, FileIO)
    if not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
        raise TimeoutError
    return pipe.readinto(room)


def _first_line(read_into: Callable[[memoryview], int | None]) -> bytearray:
    """What stands before the first line end.  No copy of it is left."""
    room, count = bytearray(_ROOM), 0
    try:
        with memoryview(room) as view:
            while n := read_into(view[count:]):
                count += n
        ends = [end for end in (room.find(b"\n", 0, count), room.find(b"\r", 0, count)) if end >= 0]
        return room[: min([count, *ends])]
    finally:
        wipe(room)
