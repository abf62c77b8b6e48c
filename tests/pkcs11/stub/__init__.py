"""The stub module: built with gcc, and told what to do through a file."""

from __future__ import annotations

import fcntl
import os
import select
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.bed.process import DEADLINE, run

#: Names the file of orders, in the environment of whoever starts the worker.
VARIABLE = "ANYSCD_STUB"
PIN = b"1234"
SIGNATURE = b"\x5a" * 256

#: Bytes: what a pipe holds at most without privileges (pipe(7)).
_ROOM = 1 << 20


def build_stub(folder: Path) -> Path:
    """The shared object, built into that folder.  Its orders are those of stub.c."""
    source, module = Path(__file__).with_name("stub.c"), folder / "stub.so"
    flags = ["-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-O1"]
    run(["gcc", *flags, "-I/usr/include/p11-kit-1", "-o", module, source])
    return module


class Orders:
    """The file that tells the stub what to do, also in the middle of its life; and the pipe, of
    that name with ".log" behind it, by which the stub tells what it does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        log = path.with_name(path.name + ".log")
        os.mkfifo(log)
        # Open for writing too, so that it never comes to an end; and roomy, as nobody may read.
        self._log = os.open(log, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self._log, fcntl.F_SETPIPE_SZ, _ROOM)
        weakref.finalize(self, os.close, self._log)
        self._told = bytearray()
        self.give()

    def give(self, **orders: object) -> None:
        """``sign="hang"`` and the like; what is not named works."""
        self.path.write_text("".join(f"{what}={how}\n" for what, how in orders.items()))

    @property
    def calls(self) -> list[str]:
        """The names of the calls that the stub has logged so far."""
        with suppress(BlockingIOError):
            while True:
                self._told += os.read(self._log, _ROOM)
        return self._told.decode().splitlines()

    @property
    def pids(self) -> list[int]:
        """The processes that have loaded the stub, or were forked by it, in that order."""
        return [int(call.removeprefix("pid ")) for call in self.calls if call.startswith("pid ")]

    def wait_for(self, call: str) -> None:
        """Until the stub has logged that call."""
        self.wait_until(lambda: call in self.calls)

    def wait_for_pids(self, count: int) -> list[int]:
        self.wait_until(lambda: len(self.pids) >= count)
        return self.pids

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Until that is so after something that the stub has logged."""
        while not condition():
            told, _, _ = select.select([self._log], [], [], DEADLINE)
            assert told, "the stub was not called"
