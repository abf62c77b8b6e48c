"""The worker process: what it inherits, when it ends, and that the daemon stays light."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from backends.errors import Broken
from backends.pkcs11.provider import PKCS11Provider
from tests.bed.process import DEADLINE
from tests.pkcs11.conftest import Make, key_named, token_named
from tests.pkcs11.stub import PIN, Orders


@contextmanager
def watched(pid: int) -> Iterator[int]:
    """A descriptor that stays with that very process."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def ended(descriptor: int) -> bool:
    """Wait for the end of a watched process."""
    return bool(select.select([descriptor], [], [], DEADLINE)[0])


#: A daemon that has its module hang in a signature.
DAEMON = """
import sys
from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.provider import PKCS11Provider

provider = PKCS11Provider(ModuleConfig("stub", sys.argv[1]))
token = provider.open(provider.present()[0])
token.sign(token.keys()[0], bytes(51), bytearray(b"1234"))
"""


def test_a_hanging_worker_does_not_outlive_the_daemon(stub_module: Path, orders: Orders) -> None:
    orders.give(sign="fork")
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, stub_module])
    try:
        worker, child = orders.wait_for_pids(2)
        with watched(worker) as worker_end, watched(child) as child_end:
            daemon.kill()
            assert ended(worker_end)
            assert ended(child_end)
    finally:
        daemon.kill()
        daemon.wait()


def test_a_worker_outlives_the_thread_that_started_it(stub: PKCS11Provider, orders: Orders) -> None:
    thread = threading.Thread(target=stub.present)
    thread.start()
    thread.join()
    assert len(stub.present()) == 1
    assert len(orders.pids) == 1


def test_the_worker_takes_its_children_along(impatient: PKCS11Provider, orders: Orders) -> None:
    token = token_named(impatient, "stub token")
    key = key_named(token, "stub key")
    orders.give(sign="fork")
    with pytest.raises(Broken):
        token.sign(key, bytes(51), bytearray(PIN))
    worker, child = orders.pids
    assert not Path(f"/proc/{worker}").exists()
    # The child is an orphan now; whoever has adopted it may not have looked after it yet.
    with suppress(ProcessLookupError), watched(child) as child_end:
        assert ended(child_end)


def test_what_the_worker_inherits(stub: PKCS11Provider, orders: Orders) -> None:
    stub.present()
    assert {"core 0", "dumpable 0"} <= set(orders.calls)
    lines = [call.split(maxsplit=2) for call in orders.calls if call.startswith("fd ")]
    given = {int(number): what for _, number, what in lines}
    assert given[0] == given[1] == "/dev/null"
    others = (what.partition(":")[0] for number, what in given.items() if number > 2)
    assert sorted(others) == ["pipe", "socket"]
    (worker,) = orders.pids
    assert os.getpgid(worker) == worker
    assert b"stub.so" not in Path(f"/proc/{worker}/cmdline").read_bytes()


def test_failures_leave_no_descriptors_behind(make: Make, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(3):
        provider = make("none", tmp_path / f"{number}.so")
        with pytest.raises(Broken):
            provider.present()
    assert len(os.listdir("/proc/self/fd")) == before


def test_close_ends_the_worker(stub: PKCS11Provider, orders: Orders) -> None:
    before = len(os.listdir("/proc/self/fd"))
    stub.present()
    with watched(orders.pids[0]) as worker:
        stub.close()
        assert ended(worker)
    assert len(os.listdir("/proc/self/fd")) == before
    stub.close()


def test_the_daemons_side_loads_no_pkcs11_library() -> None:
    code = (
        "import sys, backends.pkcs11.provider, backends.pkcs11.discovery;"
        "heavy = {'pkcs11', 'asn1crypto', 'ctypes', 'cryptography'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
