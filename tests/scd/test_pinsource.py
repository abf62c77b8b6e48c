"""Tokens whose PIN nobody types: what is sent, what is not sent again, and who is asked then."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from assuan.client import Client
from assuan.errors import Code
from backends.token import PinRef
from scd.choices import TokenOptions
from tests.fake import PIN, SO_PIN, FakeProvider, FakeToken
from tests.scd.bed import Asked, bed, bed_of, fails
from tests.scd.test_commands import HASH, SIGN, sign, view_of
from tests.scd.test_pins import Dialogue

WRONG = b"000000"


class Safe:
    """A file with a PIN, and how it is named in the configuration."""

    def __init__(self, folder: Path, pin: bytes = PIN) -> None:
        self.path = folder / "pin"
        self.path.touch(0o600)
        self.path.write_bytes(pin + b"\n")
        self.tokens = (TokenOptions("fake 1", pin_source=f"file:{self.path}"),)


@pytest.fixture
def asked() -> Asked:
    return Asked()


async def fails_to_sign(client: Client, token: FakeToken, asked: Asked) -> None:
    await client.transact(b"SETDATA " + HASH.hex().encode())
    await fails(client, SIGN + view_of(token).keys[0].grip.encode(), Code.BAD_PIN, asked)


async def test_nobody_is_asked(tmp_path: Path, asked: Asked) -> None:
    token = FakeToken()
    async with bed(tmp_path, token, tokens=Safe(tmp_path).tokens) as b:
        client = await b.client()
        for _ in range(2):
            await sign(client, token, asked)
            token.reset()
        await client.transact(b"CHECKPIN " + token.info.serial.encode(), inquire=asked)
    assert not asked.questions
    assert token.pins.sent == 3


async def test_command_is_a_source_too(tmp_path: Path, asked: Asked) -> None:
    tokens = (TokenOptions("fake 1", pin_source=f"|/bin/echo {PIN.decode()}"),)
    token = FakeToken()
    async with bed(tmp_path, token, tokens=tokens) as b:
        await sign(await b.client(), token, asked)
    assert not asked.questions


async def test_other_tokens_ask(tmp_path: Path, asked: Asked) -> None:
    token = FakeToken(2)
    async with bed(tmp_path, token, tokens=Safe(tmp_path).tokens) as b:
        await sign(await b.client(), token, asked)
    assert len(asked.questions) == 1


async def test_wrong_pin_is_sent_once_and_then_the_user_is_asked(
    tmp_path: Path, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    token, safe = FakeToken(), Safe(tmp_path, WRONG)
    provider = FakeProvider("fakes", t=token)
    async with bed_of(tmp_path, provider, tokens=safe.tokens) as b:
        client = await b.client()
        await fails_to_sign(client, token, asked)
        assert (token.tries, len(asked.questions)) == (2, 0)
        # Taking it out and putting it back makes the PIN no better.
        provider.tokens = {}
        await b.shared.registry.by_serial("00")
        provider.tokens = {"t": token}
        await b.shared.registry.by_serial("00")
        token._closed = False
        await sign(client, token, asked)
        assert len(asked.questions) == 1
        token.reset()
        safe.path.write_bytes(PIN)
        await sign(client, token, asked)
        assert len(asked.questions) == 1
    assert token.pins.sent == 3
    assert "fake 1: the PIN of its pin-source is wrong, and not sent again" in caplog.text
    assert WRONG.decode() not in caplog.text


async def test_wrong_pin_of_the_user_does_not_speak_against_the_source(
    tmp_path: Path, asked: Asked
) -> None:
    token, safe = FakeToken(), Safe(tmp_path)
    safe.path.chmod(0o644)
    async with bed(tmp_path, token, tokens=safe.tokens) as b:
        client = await b.client()
        await fails_to_sign(client, token, Asked(WRONG))
        safe.path.chmod(0o600)
        await sign(client, token, asked)
    assert not asked.questions


@pytest.mark.parametrize(
    ("mode", "pin", "tries", "complaint"),
    [
        (0o644, PIN, 3, "open to others than its owner"),
        (0o600, b"1", 3, "too short or too long"),
        (0o600, PIN, 1, "the last try is left to the user"),
    ],
)
async def test_source_of_no_use_costs_nothing_and_the_user_is_asked(
    mode: int,
    pin: bytes,
    tries: int,
    complaint: str,
    tmp_path: Path,
    asked: Asked,
    caplog: pytest.LogCaptureFixture,
) -> None:
    token, safe = FakeToken(), Safe(tmp_path, pin)
    safe.path.chmod(mode)
    token.pins.tries[PinRef.USER] = tries
    async with bed(tmp_path, token, tokens=safe.tokens) as b:
        await sign(await b.client(), token, asked)
    assert len(asked.questions) == token.pins.sent == 1
    assert complaint in caplog.text


async def test_pins_are_changed_by_people(tmp_path: Path) -> None:
    token = FakeToken()
    dialogue = Dialogue(PIN, b"654321", SO_PIN, b"123456")
    async with bed(tmp_path, token, tokens=Safe(tmp_path).tokens) as b:
        client = await b.client()
        await client.transact(b"PASSWD 1", inquire=dialogue)
        await client.transact(b"PASSWD --reset 1", inquire=dialogue)
    assert not dialogue.answers


async def test_pin_is_in_no_log(
    tmp_path: Path, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = FakeToken()
    async with bed(tmp_path, token, tokens=Safe(tmp_path).tokens) as b:
        await sign(await b.client(), token, asked)
    assert PIN.decode() not in caplog.text
