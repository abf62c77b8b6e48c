"""Signatures per second on one token, with one worker and with two.

Run it with ``.venv/bin/python -m contrib.throughput`` after ``make deps``, where two processors
have nothing else to do.  The token is one of SoftHSM, whose signatures are all processor time.
Rounds with one and with two workers take turns, and the medians are told: first of the backend
alone, as two threads use it; then through the daemon, where the clients and the daemon, which are
Python, take their part of the two processors.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import trio

from assuan.client import Client, connect, start
from assuan.events import Inquire
from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.provider import PKCS11Provider
from backends.pkcs11.token import PKCS11Token
from backends.token import PinRef
from tests.bed.gnupg import ANYSCD
from tests.bed.softhsm import MODULE, SoftHSM

KEY = "rsa:4096"
#: Seconds of each round, and rounds.
_DURATION, _ROUNDS = 2.0, 7
_WORKERS = (1, 2)
#: More than there are workers, so that none waits for a client.
_CLIENTS = 4


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="anyscd-bench-") as folder:
        store = SoftHSM(Path(folder))
        token = store.init_token("bench")
        token.generate(KEY, 1, "key")
        os.environ |= store.env
        with backends() as tokens:
            tell("backend", [[from_threads(token) for token in tokens] for _ in range(_ROUNDS)])
        homes = [make_home(Path(folder) / str(workers), workers) for workers in _WORKERS]
        rounds = [[trio.run(through_daemon, home) for home in homes] for _ in range(_ROUNDS)]
        tell("daemon", rounds)


def tell(what: str, rounds: list[list[float]]) -> None:
    one, two = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(b / a for a, b in rounds)
    print(f"{KEY}, {what}: {one:.1f} per second with one worker, {two:.1f} with two: {ratio:.2f}")


@contextmanager
def backends() -> Iterator[list[PKCS11Token]]:
    """The token with one worker and with two, logged in."""
    configs = [ModuleConfig("bench", str(MODULE), workers=workers) for workers in _WORKERS]
    providers = [PKCS11Provider(config) for config in configs]
    tokens = []
    for provider in providers:
        token = provider.open(provider.present()[0])
        assert token is not None
        token.verify_pin(PinRef.USER, bytearray(b"123456"))
        tokens.append(token)
    yield tokens
    for provider in providers:
        provider.close()


def from_threads(token: PKCS11Token) -> float:
    """Signatures per second of two threads."""
    (key,) = token.keys()
    counts = [0, 0]

    def keep_signing(number: int) -> None:
        end = time.perf_counter() + _DURATION
        while time.perf_counter() < end:
            assert token.pin_for(key) is None
            token.sign(key, bytes(51), None)
            counts[number] += 1

    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(keep_signing, range(2)))
    return sum(counts) / (time.perf_counter() - began)


def make_home(home: Path, workers: int) -> Path:
    home.mkdir(mode=0o700)
    (home / "anyscd.toml").write_text(
        f'[pkcs11.module.bench]\npath = "{MODULE}"\nworkers = {workers}\n'
    )
    (home / "scdaemon.conf").write_text("disable-application openpgp\n")
    return home


async def through_daemon(home: Path) -> float:
    """Signatures per second of several clients."""
    async with AsyncExitStack() as stack:
        argv = [str(ANYSCD), "--multi-server", "--homedir", str(home)]
        first = await stack.enter_async_context(start(argv))
        socket = (await first.transact(b"GETINFO socket_name")).data.decode()
        others = [await stack.enter_async_context(connect(socket)) for _ in range(_CLIENTS - 1)]
        clients = [first, *others]
        for client in clients:
            await client.transact(b"SERIALNO")
            await sign(client)
        counts = [0] * _CLIENTS
        began = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for number, client in enumerate(clients):
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
