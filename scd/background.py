"""Daemon mode: a process of its own, and the word to its starter that it answers."""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

#: Seconds until a daemon that does not answer is given up.
_PATIENCE = 10.0
_POLL = 0.01


def fork(socket_path: Path, command: Sequence[str], csh: bool, detach: bool) -> int | None:
    """Split in two, before any thread or trio exists.

    Returns None in the daemon.  The starter waits until the daemon listens, then becomes
    ``command`` with SCDAEMON_INFO in its environment, or, without one, prints the shell's command
    that sets it; it returns the exit status.
    """
    child = os.fork()
    if child == 0:
        if detach:
            _detach()
        return None
    if not _wait_for(socket_path, child):
        print("anyscd: the daemon did not start", file=sys.stderr)
        return 2
    info = f"{socket_path}:{child}:1"
    if command:
        os.environ["SCDAEMON_INFO"] = info
        return _become(command, child)
    print(_shell_command(info, csh), flush=True)
    return 0


def wants_csh() -> bool:
    """Whether the user's shell is one of the C shells."""
    return os.environ.get("SHELL", "").endswith("csh")


def _shell_command(info: str, csh: bool) -> str:
    if csh:
        return f"setenv SCDAEMON_INFO {info};"
    return f"SCDAEMON_INFO={info}; export SCDAEMON_INFO;"


def _become(command: Sequence[str], child: int) -> int:
    """Run the command in this process; without it nobody wants the daemon."""
    try:
        os.execvp(command[0], list(command))  # noqa: S606  # the user's own words
    except OSError as error:
        os.kill(child, signal.SIGTERM)
        print(f"anyscd: {command[0]}: {error.strerror}", file=sys.stderr)
        return 2


def _detach() -> None:
    """Leave the session, the directory and the terminal of the starter."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _wait_for(path: Path, child: int) -> bool:
    """Until the child listens there; False if it ended, or takes too long and is ended."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        if _listener(path) == child:
            return True
        time.sleep(_POLL)
    os.kill(child, signal.SIGTERM)
    return False


def _listener(path: Path) -> int | None:
    """The process that listens at the path (SO_PEERCRED, unix(7)): it may be an older daemon."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return None
        size = struct.calcsize("3i")
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", credentials)[0])
