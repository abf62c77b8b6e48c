"""The stub module: built with gcc, and told what to do through a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.bed.process import DEADLINE, run

#: Names the file of orders, in the environment of whoever starts the worker.
VARIABLE = "ANYSCD_STUB"
PIN = b"1234"
SIGNATURE = b"\x5a" * 256


def build_stub(folder: Path) -> Path:
    """The shared object, built into that folder.  Its orders are those of stub.c."""
    source, module = Path(__file__).with_name("stub.c"), folder / "stub.so"
    flags = ["-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-O1"]
    run(["gcc", *flags, "-I/usr/include/p11-kit-1", "-o", module, source])
    return module


class Orders:
    """The file that tells the stub what to do; also in the middle of its life."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.give()

    def give(self, **orders: object) -> None:
        """``sign="hang"`` and the like; what is not named works."""
        self.path.write_text("".join(f"{what}={how}\n" for what, how in orders.items()))

    @property
    def calls(self) -> list[str]:
        """The names of the calls that the stub has logged so far."""
        log = self.path.with_name(self.path.name + ".log")
        return log.read_text().splitlines() if log.exists() else []

    @property
    def pids(self) -> list[int]:
        """The processes that have loaded the stub, or were forked by it, in that order."""
        return [int(call.removeprefix("pid ")) for call in self.calls if call.startswith("pid ")]

    def wait_for(self, call: str) -> None:
        """Until the stub has logged that call."""
        _until(lambda: call in self.calls)

    def wait_for_pids(self, count: int) -> list[int]:
        _until(lambda: len(self.pids) >= count)
        return self.pids


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "the stub was not called"
        time.sleep(0.01)
