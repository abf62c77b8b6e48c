"""Against libassuan itself: gpg-connect-agent as client, scdaemon and gpg-agent as servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from assuan.client import start
from assuan.errors import AssuanError, Code, Source
from assuan.events import Inquire
from assuan.server import listen, serve_socket
from tests.assuan import program
from tests.assuan.program import BINARY, Session, make_service

#: A PIN as gpg-agent sends it, and everything that a careless reader would take for a line end.
PIN = b"123456\x85\x1e\x0b\x0c\r\n%41+" + bytes(84)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A GNUPGHOME of our own."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return os.environ | {"GNUPGHOME": str(home)}


@pytest.fixture
def scdaemon() -> str:
    asked = subprocess.run(
        ["gpgconf", "--list-dirs", "libexecdir"], capture_output=True, check=True, text=True
    )
    return f"{asked.stdout.strip()}/scdaemon"


async def gpg_connect_agent(arguments: list[str], script: str, env: dict[str, str]) -> bytes:
    with trio.fail_after(30):
        done = await trio.run_process(
            ["gpg-connect-agent", "--no-autostart", *arguments],
            stdin=script.encode(),
            capture_stdout=True,
            env=env,
        )
    return bytes(done.stdout)


async def against_socket(tmp_path: Path, script: str, env: dict[str, str]) -> tuple[bytes, Session]:
    """What gpg-connect-agent prints, and the session on our side."""
    path = str(tmp_path / "S")
    sessions: list[Session] = []
    async with trio.open_nursery() as nursery, await listen(path) as listener:
        nursery.start_soon(serve_socket, make_service(sessions), listener)
        printed = await gpg_connect_agent(["--raw-socket", path], script, env)
        nursery.cancel_scope.cancel()
    return printed, sessions[0]


async def test_plain_commands(tmp_path: Path, environment: dict[str, str]) -> None:
    script = "ECHO hello\nSTATE\nFOO\nFAIL why\nHELP ECHO\nRESET\n/bye\n"
    printed, session = await against_socket(tmp_path, script, environment)
    assert printed == (
        b"D hello\nOK\n"
        b"S FULL \xff raw\nS BARE\nD data\nOK with text\n"
        b"ERR 100663571 Unknown IPC command <SCD>\n"
        b"ERR 100663351 Invalid value <SCD> - why\n"
        b"# ECHO text\n#\n# Send the text back.\nOK\n"
        b"OK\n"
    )
    assert session.closed == 1


async def test_inquiries_and_cancel(tmp_path: Path, environment: dict[str, str]) -> None:
    """gpg-connect-agent sends CAN for an inquiry that it has no answer to."""
    file = tmp_path / "pin"
    await trio.Path(file).write_bytes(PIN)
    script = f"ASK 200\nNOP\n/definqfile WHAT {file}\nASK 200\nASK 9\nNOP\n/bye\n"
    printed, session = await against_socket(tmp_path, script, environment)
    answers = [line[:20] for line in printed.split(b"\n")]
    assert answers == [
        b"INQUIRE WHAT is it",
        b"ERR 100663573 IPC ca",
        b"OK",
        b"INQUIRE WHAT is it",
        (b"D " + PIN.replace(b"%", b"%25").replace(b"\r", b"%0D").replace(b"\n", b"%0A"))[:20],
        b"OK",
        b"INQUIRE WHAT is it",
        b"ERR 100663569 Too mu",
        b"OK",
        b"",
    ]
    assert session.asked == [PIN]


async def test_binary_both_ways(tmp_path: Path, environment: dict[str, str]) -> None:
    question, answer = tmp_path / "question", tmp_path / "answer"
    await trio.Path(question).write_bytes(BINARY)
    script = f"/definqfile WHAT {question}\n/datafile {answer}\nASK 9999\nBINARY\n/bye\n"
    _, session = await against_socket(tmp_path, script, environment)
    assert session.asked == [BINARY]
    assert await trio.Path(answer).read_bytes() == BINARY * 2


async def test_as_a_program(environment: dict[str, str]) -> None:
    arguments = ["--exec", sys.executable, program.__file__]
    printed = await gpg_connect_agent(arguments, "ECHO hello\nKILLSCD\nLEAVE\n", environment)
    assert printed == b"D hello\nOK\nERR 100663571 Unknown IPC command <SCD>\nOK so long\n"


async def test_scdaemon(scdaemon: str, environment: dict[str, str]) -> None:
    with trio.fail_after(30):
        async with start([scdaemon, "--server"], env=environment) as client:
            version = (await client.transact(b"GETINFO version")).data
            assert version.count(b".") >= 1
            with pytest.raises(AssuanError) as caught:
                await client.transact(b"GETINFO foo")
            error = caught.value
            assert (error.code, error.source) == (Code.ASS_PARAMETER, Source.SCD)
            assert error.description == "unknown value for WHAT"
            assert (await client.transact(b"BYE")).text == b"closing connection"


async def test_gpg_agent_asks_and_is_answered(environment: dict[str, str]) -> None:
    async def parameters(question: Inquire) -> bytes | None:
        assert question.keyword == b"KEYPARAM"
        return answers.pop()

    answers = [b"(genkey(ecc(curve 7:Ed25519)(flags 5:eddsa)))", None]
    with trio.fail_after(30):
        async with start(["gpg-agent", "--server"], env=environment) as client:
            with pytest.raises(AssuanError) as caught:
                await client.transact(b"GENKEY --no-protection", inquire=parameters)
            assert (caught.value.code, caught.value.source) == (Code.ASS_CANCELED, Source.GPGAGENT)
            reply = await client.transact(b"GENKEY --no-protection", inquire=parameters)
            assert reply.data.startswith(b"(10:public-key(3:ecc(5:curve7:Ed25519)")
