"""A program on a terminal of its own: everything that a person would see there, in order."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bed.process import DEADLINE, ProgramFailed


def on_terminal(
    command: Sequence[str | Path],
    env: Mapping[str, str],
    *,
    answers: str | None = None,
    typed: str = "",
) -> str:
    """Run a program to its end, however it ends, and return what stood on its terminal.

    ``answers``: what gpg reads by --command-fd, which is put behind the program's name.
    ``typed``: what is typed ahead.
    """
    program, *words = [os.fspath(word) for word in command]
    with _terminal() as (ours, theirs), _pipe(answers or "") as answering:
        option = [] if answers is None else ["--command-fd", str(answering)]
        process = subprocess.Popen(
            ["setsid", "--ctty", program, *option, *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**env, "TERM": "dumb"},
            pass_fds=(answering,),
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        try:
            shown = _read(ours)
        finally:
            process.kill()
            process.wait(DEADLINE)
    return shown


@contextlib.contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    """A terminal that neither echoes what is typed nor changes what is written."""
    ours, theirs = pty.openpty()
    attributes = termios.tcgetattr(theirs)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    try:
        yield ours, theirs
    finally:
        os.close(ours)


@contextlib.contextmanager
def _pipe(content: str) -> Iterator[int]:
    reading, writing = os.pipe()
    os.write(writing, content.encode())
    os.close(writing)
    try:
        yield reading
    finally:
        os.close(reading)


def _read(terminal: int) -> str:
    """Read until no program has the terminal any more."""
    shown = b""
    deadline = time.monotonic() + DEADLINE
    while select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says EIO where a pipe would be at its end
            part = b""
        if not part:
            return shown.decode(errors="replace")
        shown += part
    raise ProgramFailed(f"waits for something:\n{shown.decode(errors='replace')}")
