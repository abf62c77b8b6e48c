"""A daemon without a process, on fake tokens, and clients that answer its questions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from assuan.client import Client, InquireHandler
from assuan.errors import AssuanError, Code
from assuan.events import Inquire
from assuan.server import serve
from backends.token import Provider, Token
from scd.commands import SYNOPSES
from scd.config import Config
from scd.daemon import make_service
from scd.providers import rule_finder, view_maker
from scd.registry import Registry
from scd.session import Shared
from scd.tokenmemory import TokenMemory
from tests.fake import ADMIN_PIN, PIN, FakeProvider


class Bed:
    """A daemon without a process: its clients are at the other end of streams in memory."""

    def __init__(self, shared: Shared, nursery: trio.Nursery) -> None:
        self.shared = shared
        self.stop = trio.Event()
        self._service = make_service(shared, self.stop)
        self._nursery = nursery

    async def client(self) -> Client:
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(partial(serve, self._service, theirs))
        client = Client(ours)
        await client.greet()
        return client


@asynccontextmanager
async def bed(home: Path, *tokens: Token, **settings: Any) -> AsyncIterator[Bed]:
    provider = FakeProvider("fakes", **{f"t{n}": token for n, token in enumerate(tokens)})
    async with bed_of(home, provider, **settings) as b:
        yield b


@asynccontextmanager
async def bed_of(home: Path, *providers: Provider, **settings: Any) -> AsyncIterator[Bed]:
    """``settings``: fields of :class:`Config`."""
    config = Config(home, **settings)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            memory = TokenMemory.in_home(home)
            rules = rule_finder(config)
            registry = Registry(providers, view_maker(config, memory), 0.1, nursery, rules)
            yield Bed(Shared(config, registry, None, SYNOPSES, memory), nursery)
            registry.close()
            nursery.cancel_scope.cancel()


class Asked:
    """Answers every inquiry with the PIN, and remembers what was asked."""

    def __init__(self, answer: bytes | None = PIN) -> None:
        self.answer = answer
        self.questions: list[tuple[str, str]] = []

    async def __call__(self, question: Inquire) -> bytes | None:
        self.questions.append((question.keyword.decode(), question.text.decode()))
        return self.answer if self.answer is None else self.answer.ljust(90, b"\0")


class Answers:
    """Answers each kind of inquiry, and remembers what was asked."""

    def __init__(self, **by_keyword: bytes) -> None:
        self.by_keyword: Mapping[str, bytes] = {"NEEDPIN": ADMIN_PIN} | by_keyword
        self.asked: list[str] = []

    async def __call__(self, question: Inquire) -> bytes:
        self.asked.append(question.keyword.decode())
        answer = self.by_keyword[self.asked[-1]]
        return answer.ljust(90, b"\0") if self.asked[-1] == "NEEDPIN" else answer


async def fails(
    client: Client, line: bytes, code: Code, inquire: InquireHandler | None = None
) -> None:
    with pytest.raises(AssuanError) as caught:
        await client.transact(line, inquire=inquire)
    assert caught.value.code == code, line
    await client.transact(b"NOP")
