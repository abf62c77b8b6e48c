"""Signatures per second of two clients on one token, with one worker and with two.

Run it with ``.venv/bin/python -m contrib.throughput`` after ``make deps``, where two processors
have nothing else to do.  The token is one of SoftHSM, whose signatures are all processor time.
Rounds with one and with two workers take turns, and the medians are told.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import trio

from assuan.client import Client, connect, start
from assuan.events import Inquire
from tests.bed.gnupg import ANYSCD
from tests.bed.softhsm import MODULE, SoftHSM

KEY = "rsa:4096"
#: Seconds of each round, and rounds.
_DURATION, _ROUNDS = 2.0, 7
_WORKERS = (1, 2)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="anyscd-bench-") as folder:
        store = SoftHSM(Path(folder))
        token = store.init_token("bench")
        token.generate(KEY, 1, "key")
        os.environ |= store.env
        homes = [make_home(Path(folder) / str(workers), workers) for workers in _WORKERS]
        rounds = [[trio.run(measure, home) for home in homes] for _ in range(_ROUNDS)]
        one, two = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(b / a for a, b in rounds)
        print(f"{KEY}, two clients: {one:.1f} per second with one worker, {two:.1f} with two")
        print(f"ratio {ratio:.2f}")


def make_home(home: Path, workers: int) -> Path:
    home.mkdir(mode=0o700)
    (home / "anyscd.toml").write_text(
        f'[pkcs11.module.bench]\npath = "{MODULE}"\nworkers = {workers}\n'
    )
    (home / "scdaemon.conf").write_text("disable-application openpgp\n")
    return home


async def measure(home: Path) -> float:
    """Signatures per second."""
    async with start([str(ANYSCD), "--multi-server", "--homedir", str(home)]) as first:
        socket = (await first.transact(b"GETINFO socket_name")).data.decode()
        async with connect(socket) as second:
            counts = [0, 0]
            for client in (first, second):
                await client.transact(b"SERIALNO")
                await sign(client)
            began = time.perf_counter()
            async with trio.open_nursery() as nursery:
                for number, client in enumerate((first, second)):
                    nursery.start_soon(_keep_signing, client, counts, number)
            return sum(counts) / (time.perf_counter() - began)


async def _keep_signing(client: Client, counts: list[int], number: int) -> None:
    end = time.perf_counter() + _DURATION
    while time.perf_counter() < end:
        await sign(client)
        counts[number] += 1


async def sign(client: Client) -> None:
    await client.transact(b"SETDATA " + b"5A" * 32)
    await client.transact(b"PKSIGN --hash=sha256 OPENPGP.1", inquire=_pin)


async def _pin(question: Inquire) -> bytes:
    return b"123456"


if __name__ == "__main__":
    main()
