"""Running the real programs: one call with a time limit, and the certain end of a daemon."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

#: Seconds after which something that hangs is called a failure.
DEADLINE = 60.0

#: Seconds between two attempts to reach a process that is starting.
_ROUND = 0.01


class ProgramFailed(AssertionError):
    """A program of the bed ended with an error; the text is what it wrote."""


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    input: str | bytes = b"",
    check: bool = True,
    timeout: float = DEADLINE,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end; ``check``: raise :class:`ProgramFailed` on a non-zero exit."""
    data = input.encode() if isinstance(input, str) else input
    done = subprocess.run(
        [os.fspath(word) for word in command],
        env=env,
        input=data,
        capture_output=True,
        timeout=timeout,
    )
    if check and done.returncode != 0:
        words = " ".join(os.fspath(word) for word in command)
        wrote = (done.stdout + done.stderr).decode(errors="replace")
        raise ProgramFailed(f"{words}\nended with {done.returncode}:\n{wrote}")
    return done


def wait_for_socket(address: str | tuple[str, int], process: subprocess.Popen[bytes]) -> bool:
    """Wait until a connection to that address is taken; False if the process that should take it
    has ended, or does not do so in time.  ``address``: a Unix socket's path, or host and port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    deadline = time.monotonic() + DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket(family) as probe:
            if probe.connect_ex(address) == 0:
                return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ROUND)
    return False


def processes_of(word: str) -> list[int]:
    """Ids of the live processes with ``word`` among their arguments: who serves that folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if word.encode() in arguments:
                found.append(int(entry.name))
    return found


def end(pid: int, deadline: float = 10.0) -> bool:
    """Wait until a process is gone, ``deadline`` seconds at most, then kill it.

    Returns whether it went by itself.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if select.select([descriptor], [], [], deadline)[0]:
            return True
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], deadline)
        return False
    finally:
        os.close(descriptor)
