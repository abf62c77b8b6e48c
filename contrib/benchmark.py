"""anyscd beside GnuPG's own scdaemon, in one run: APDUs, whole commands, start-up, memory.

Run it with ``.venv/bin/python -m contrib.benchmark`` after ``make deps``.  The card is the virtual
one of the test bed.  Times are medians and mean something only as ratios.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.bed.everyday import STEPS, Measure, counting, everyday
from tests.bed.gnupg import ANYSCD, GnuPG, generations
from tests.bed.pcsc import Pcscd
from tests.bed.virtual_reader import VirtualReader

T = TypeVar("T")

ROUNDS = 11

#: Seconds that an APDU takes on the slow card, and how often each step is taken with it.
LATENCY = 0.05
SLOW_ROUNDS = 5

#: What :func:`start_up` measures, from the start of the program on.
FIGURES = (("greeting", "ms"), ("answer of KEYINFO --list", "ms"), ("resident memory", "MB"))


def main() -> None:
    with Pcscd() as pcscd, tempfile.TemporaryDirectory(prefix="anyscd-bench-") as folder:
        reader = pcscd.readers[0]
        for gnupg in generations():
            show_apdus(reader, Path(folder) / f"{gnupg}-apdus", gnupg)
        for gnupg in generations():
            show_times(reader, Path(folder) / f"{gnupg}-times", gnupg)
    for gnupg in generations():
        show_start_up(gnupg)


def show_apdus(reader: VirtualReader, folder: Path, gnupg: GnuPG) -> None:
    print(f"\nGnuPG {gnupg}: APDUs                          anyscd  scdaemon")
    ours, theirs = both(reader, folder, gnupg, counting(reader))
    for step in STEPS:
        print(f"  {step:44} {ours[step]:6}  {theirs[step]:8}")


def show_times(reader: VirtualReader, folder: Path, gnupg: GnuPG) -> None:
    """With a card that takes its time; gpg and its agent take theirs in both columns."""
    print(f"\nGnuPG {gnupg}: {LATENCY * 1000:.0f} ms an APDU             anyscd  scdaemon   ratio")
    reader.latency = LATENCY
    rounds = [both(reader, folder / f"{number}", gnupg, seconds) for number in range(SLOW_ROUNDS)]
    reader.latency = 0.0
    for step in STEPS:
        ours = statistics.median(mine[step] for mine, _ in rounds)
        theirs = statistics.median(stock[step] for _, stock in rounds)
        ratio = statistics.median(mine[step] / stock[step] for mine, stock in rounds)
        print(f"  {step:44} {ours:6.2f} s {theirs:6.2f} s {ratio:6.2f}")


def show_start_up(gnupg: GnuPG) -> None:
    print(f"\nGnuPG {gnupg}: start-up             anyscd     scdaemon   ratio")
    columns = zip(FIGURES, *start_up(ANYSCD, gnupg.scdaemon), strict=True)
    for (what, unit), own, other in columns:
        print(f"  {what:27} {own:6.1f} {unit}  {other:6.1f} {unit}  {own / other:6.1f}")


def both(
    reader: VirtualReader, folder: Path, gnupg: GnuPG, measure: Measure[T]
) -> tuple[dict[str, T], dict[str, T]]:
    """The costs of all steps through anyscd, and then through GnuPG's own scdaemon."""
    folder.mkdir(parents=True)
    ours = everyday(reader, folder / "ours", gnupg, ANYSCD, measure)
    theirs = everyday(reader, folder / "theirs", gnupg, gnupg.scdaemon, measure)
    return ours, theirs


def seconds(step: Callable[[], object]) -> float:
    """How long a step takes."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def start_up(*programs: Path) -> list[list[float]]:
    """The medians of FIGURES for each program, started in turn."""
    rounds = [[_start(program) for program in programs] for _ in range(ROUNDS + 1)][1:]
    return [
        [statistics.median(column) for column in zip(*of_one, strict=True)]
        for of_one in zip(*rounds, strict=True)
    ]


def _start(program: Path) -> tuple[float, float, float]:
    # An installed program has its byte code beside it.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory(prefix="anyscd-bench-") as home:
        began = time.perf_counter()
        process = subprocess.Popen(
            [program, "--multi-server", "--homedir", home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        greeting = time.perf_counter() - began
        process.stdin.write(b"KEYINFO --list\n")
        process.stdin.flush()
        process.stdout.readline()
        answer = time.perf_counter() - began
        memory = _resident(process.pid)
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
    return greeting * 1000, answer * 1000, memory / 1024


def _resident(pid: int) -> float:
    """VmRSS in KiB (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return float(status.partition("VmRSS:")[2].split()[0])


if __name__ == "__main__":
    main()
