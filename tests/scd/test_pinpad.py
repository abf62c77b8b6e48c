"""What gpg-agent is told while a PIN is entered at the reader: shown first, taken away always."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assuan.client import Client
from assuan.errors import AssuanError, Code
from assuan.events import Inquire
from backends.errors import BadPin, PinCanceled, PinNeeded, TimedOut, TokenError
from backends.token import PinRef, PinRequest
from tests.fake import PIN, FakeToken
from tests.scd.bed import bed
from tests.scd.test_commands import HASH, SIGN, view_of

POPUP, DISMISS = "POPUPPINPADPROMPT", "DISMISSPINPADPROMPT"


class PinpadToken(FakeToken):
    """``errors``: what comes of the next entries; afterwards the PIN is entered."""

    def __init__(self, *errors: TokenError) -> None:
        super().__init__()
        self.errors = list(errors)
        self.entries = 0

    def pin_named(self, ref: PinRef) -> PinRequest:
        return replace(super().pin_named(ref), pinpad=True)

    def verify_pin(self, ref: PinRef, pin: bytearray | None) -> None:
        assert pin is None
        self.entries += 1
        if self.errors:
            raise self.errors.pop(0)
        super().verify_pin(ref, bytearray(PIN))

    def _authorize(self, pin: bytearray | None) -> None:
        if not self.is_verified(PinRef.USER):
            self.verify_pin(PinRef.USER, pin)
        super()._authorize(None)


class Agent:
    """Shows messages; cancels instead where ``cancels`` says so."""

    def __init__(self, cancels: Sequence[str] = ()) -> None:
        self.cancels = cancels
        self.questions: list[str] = []
        self.text = b""

    async def __call__(self, question: Inquire) -> bytes | None:
        keyword = question.keyword.decode()
        self.questions.append(keyword)
        self.text = self.text or question.text
        return None if keyword in self.cancels else b""


async def sign(client: Client, token: FakeToken, agent: Agent) -> int | None:
    """The error of a signature.  Whatever it is, the client and the daemon still agree on where
    the next command begins."""
    await client.transact(b"SETDATA " + HASH.hex().encode())
    try:
        await client.transact(SIGN + view_of(token).keys[0].grip.encode(), inquire=agent)
    except AssuanError as error:
        return error.code
    finally:
        assert (await client.transact(b"GETINFO version")).data
    return None


async def test_message_is_shown_and_taken_away(tmp_path: Path) -> None:
    token, agent = PinpadToken(), Agent()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        assert await sign(client, token, agent) is None
        assert await sign(client, token, agent) is None
    assert agent.questions == [POPUP, DISMISS]
    assert agent.text.startswith(b"||Please unlock the token%0A%0A\x1eNumber\x1f: FF00 00000001")


@pytest.mark.parametrize(
    ("error", "code"),
    [(BadPin(), Code.BAD_PIN), (PinCanceled(), Code.CANCELED), (TimedOut(), Code.TIMEOUT)],
)
async def test_message_is_taken_away_after_a_failure_too(
    error: TokenError, code: Code, tmp_path: Path
) -> None:
    token, agent = PinpadToken(error), Agent()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        assert await sign(client, token, agent) == code
    assert agent.questions == [POPUP, DISMISS]
    assert token.entries == 1


async def test_lost_pin_is_asked_for_again_once(tmp_path: Path) -> None:
    token, agent = PinpadToken(PinNeeded(), PinNeeded()), Agent()
    async with bed(tmp_path, token) as b:
        client = await b.client()
        assert await sign(client, token, agent) == Code.BAD_PIN
    assert agent.questions == [POPUP, DISMISS] * 2


async def test_message_that_is_not_shown_begins_no_entry(tmp_path: Path) -> None:
    token, agent = PinpadToken(), Agent(cancels=[POPUP])
    async with bed(tmp_path, token) as b:
        client = await b.client()
        assert await sign(client, token, agent) == Code.ASS_CANCELED
        assert agent.questions == [POPUP]
        assert token.entries == 0
        assert await sign(client, token, Agent()) is None


@pytest.mark.parametrize(("errors", "code"), [([], Code.ASS_CANCELED), ([BadPin()], Code.BAD_PIN)])
async def test_message_that_is_not_taken_away_hides_no_failure(
    errors: list[TokenError], code: Code, tmp_path: Path
) -> None:
    token, agent = PinpadToken(*errors), Agent(cancels=[DISMISS])
    async with bed(tmp_path, token) as b:
        client = await b.client()
        assert await sign(client, token, agent) == code
    assert agent.questions == [POPUP, DISMISS]
