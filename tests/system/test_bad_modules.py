"""PKCS#11 modules that crash or hang, beside an OpenPGP card that must not notice."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from assuan import Client, connect, start
from assuan.client import InquireHandler
from assuan.errors import AssuanError, Code
from assuan.events import Inquire
from tests.bed.card import USER_PIN
from tests.bed.gnupg import ANYSCD
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.virtual_reader import VirtualReader
from tests.pkcs11.stub import PIN, SIGNATURE, Orders

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

#: Seconds: what the module may take, by anyscd.toml, and what a busy machine may take besides.
LIMIT, SLACK = 2.0, 2.0

DIGEST_INFO = "3031300D060960864801650304020105000420" + 32 * "5A"


@pytest.fixture
def home(tmp_path: Path, stub_module: Path) -> Path:
    """A home directory whose only module is the stub, with short limits."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    (path / "anyscd.toml").write_text(
        f'[pkcs11]\nsettle = 0.1\n[pkcs11.module.stub]\npath = "{stub_module}"\n'
        f"start-timeout = {LIMIT}\ntimeout = {LIMIT}\n"
    )
    return path


@pytest.fixture(autouse=True)
def _card_with_keys(reader: VirtualReader, card: OpenPGPCard) -> None:
    for slot, kind in enumerate(("ed25519", "cv25519", "ed25519"), 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    reader.insert(card)


@dataclass
class Daemon:
    """anyscd with two clients, as two programs that use one gpg-agent."""

    one: Client
    two: Client


@asynccontextmanager
async def daemon(home: Path) -> AsyncIterator[Daemon]:
    with trio.fail_after(60):
        async with start([str(ANYSCD), "--multi-server", "--homedir", str(home)]) as one:
            path = (await one.transact(b"GETINFO socket_name")).data.decode()
            async with connect(path) as two:
                yield Daemon(one, two)


async def pin(question: Inquire) -> bytes:
    return PIN if b"stub" in question.text else USER_PIN.encode()


async def sign(client: Client, key: str, answer: InquireHandler = pin) -> bytes:
    await client.transact(f"SETDATA {DIGEST_INFO}".encode())
    return (await client.transact(f"PKSIGN --hash=sha256 {key}".encode(), inquire=answer)).data


async def grips(client: Client) -> tuple[str, str]:
    """The keygrips of the card's signing key and of the stub's key, once both are there."""
    await client.transact(b"SERIALNO --all")
    found: dict[bool, str] = {}
    while len(found) < 2:
        for line in (await client.transact(b"KEYINFO --list=sign")).status:
            grip, _, serial, *_ = line.text.decode().split()
            found.setdefault("FF11" in serial, grip)
    return found[False], found[True]


async def card_signs(client: Client, key: str) -> None:
    assert len(await sign(client, key)) == 64


@pytest.mark.parametrize(("fault", "limit"), [("crash", 0.0), ("hang", LIMIT)])
async def test_module_fails_in_sign(fault: str, limit: float, home: Path, orders: Orders) -> None:
    async with daemon(home) as d:
        on_card, on_stub = await grips(d.two)
        await card_signs(d.two, on_card)
        orders.give(sign=fault)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails_in_time, d.one, on_stub, limit)
            await trio.to_thread.run_sync(orders.wait_for, "sign")
            began = time.monotonic()
            await card_signs(d.two, on_card)
            assert time.monotonic() - began < SLACK
        await card_signs(d.two, on_card)
        orders.give()
        assert await sign(d.one, (await grips(d.one))[1]) == SIGNATURE


async def fails_in_time(client: Client, key: str, limit: float) -> None:
    began = time.monotonic()
    with pytest.raises(AssuanError) as caught:
        await sign(client, key)
    taken = time.monotonic() - began
    assert caught.value.code == Code.CARD
    assert "stub" in caught.value.description
    assert limit <= taken < limit + SLACK
    print(f"error after {taken:.2f} s: {caught.value}")


async def test_module_hangs_in_initialize(home: Path, orders: Orders) -> None:
    orders.give(init="hang")
    async with daemon(home) as d:
        began = time.monotonic()
        reply = await d.two.transact(b"SERIALNO --all")
        assert b"FF11" not in reply.status[0].text
        listed = (await d.two.transact(b"KEYINFO --list=sign")).status
        (on_card,) = {line.text.decode().split()[0] for line in listed if b"OPENPGP.1" in line.text}
        await card_signs(d.two, on_card)
        assert time.monotonic() - began < SLACK, "the card waited for the module"
        with pytest.raises(AssuanError) as caught:
            await sign(d.one, 40 * "0")
        assert caught.value.code == Code.NO_SECKEY
        assert time.monotonic() - began < LIMIT + SLACK
        await card_signs(d.two, on_card)
