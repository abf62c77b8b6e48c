"""Three PKCS#11 modules at once, one of which hangs and one of which has two tokens.

The one that hangs has an hour for it: whatever waited for it would never be done here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from assuan import Client
from assuan.events import Inquire
from tests.bed.nss import nss
from tests.bed.softhsm import MODULE, SoftHSM
from tests.pkcs11.stub import PIN, Orders
from tests.system.test_bad_modules import daemon, sign

PINS = {"stub": PIN, "one": b"271828", "two": b"314159", "nss": b"123456"}


@pytest.fixture
def home(
    tmp_path: Path, softhsm: SoftHSM, stub_module: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A home directory with three modules and no readers."""
    monkeypatch.setenv("SOFTHSM2_CONF", softhsm.env["SOFTHSM2_CONF"])
    for label in ("one", "two"):
        softhsm.init_token(label, PINS[label].decode()).generate("EC:prime256v1", 1, label)
    with nss() as token:
        token.generate("EC:prime256v1", 1, "nss")
        path = tmp_path / "home"
        path.mkdir(mode=0o700)
        modules = {"stub": stub_module, "softhsm": MODULE, "nss": token.module}
        lines = [
            f'[pkcs11.module.{name}]\npath = "{module}"\nstart-timeout = 3600\ntimeout = 3600\n'
            for name, module in modules.items()
        ]
        (path / "anyscd.toml").write_text("[pkcs11]\nsettle = 0.1\n" + "".join(lines))
        (path / "scdaemon.conf").write_text("disable-application openpgp\n")
        yield path


async def enter(question: Inquire) -> bytes:
    token = question.text.decode().rpartition("Token\x1f: ")[2]
    return next(pin for label, pin in PINS.items() if token.startswith(label))


async def listed(client: Client, tokens: int) -> dict[str, str]:
    """A keygrip by the serial number of each token, once there are so many."""
    found: dict[str, str] = {}
    while len(found) < tokens:
        await client.transact(b"SERIALNO --all")
        for line in (await client.transact(b"KEYINFO --list=sign")).status:
            grip, _, serial, *_ = line.text.decode().split()
            found[serial] = grip
    return found


async def signed(client: Client, grip: str) -> int:
    return len(await sign(client, grip, enter))


async def test_module_that_hangs_at_its_start_holds_up_nobody(home: Path, orders: Orders) -> None:
    orders.give(init="hang")
    async with daemon(home) as d:
        found = await listed(d.one, 3)
        for grip in found.values():
            assert await signed(d.two, grip) == 64
        assert set(await listed(d.two, 3)) == set(found)
        assert hangs(orders, "init")


async def test_module_that_hangs_at_work_holds_up_nobody(home: Path, orders: Orders) -> None:
    async with daemon(home) as d:
        found = await listed(d.one, 4)
        (on_stub,) = [grip for grip in found.values() if await signed(d.one, grip) == 256]
        signatures = orders.calls.count("sign")
        orders.give(sign="hang")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(signed, d.one, on_stub)
            await trio.to_thread.run_sync(
                orders.wait_until, lambda: orders.calls.count("sign") > signatures
            )
            assert await listed(d.two, 4) == found
            for grip in set(found.values()) - {on_stub}:
                assert await signed(d.two, grip) == 64
            assert hangs(orders, "sign")
            assert nursery.child_tasks, "the one who waits still does"
            nursery.cancel_scope.cancel()


def hangs(orders: Orders, call: str) -> bool:
    """Whether the module's only process is in that call, and was not given up."""
    (process,) = orders.pids
    os.kill(process, 0)
    return orders.calls[-1] == call
