"""The daemon as a process: what it logs, where it listens, and that it ends."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from assuan import connect, start
from assuan.errors import AssuanError, Code
from tests.bed.gnupg import ANYSCD
from tests.bed.process import end

PIN = "4815162342"
#: An APDU with a PIN in it (VERIFY), and what the log may say of it.
VERIFY = f"APDU 00200081{len(PIN):02X}{PIN.encode().hex().upper()}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory without devices, and the most talkative log."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "scdaemon.conf").write_text(
        f"disable-application openpgp\ndisable-application pkcs11\nlog-file {tmp_path}/log\n"
        "verbose\ndebug-all\n"
    )
    return home


def command(home: Path) -> list[str]:
    return [str(ANYSCD), "--multi-server", "--homedir", str(home)]


async def test_log_has_no_pin_even_at_its_highest_level(home: Path) -> None:
    with trio.fail_after(60):
        async with start(command(home)) as client:
            with pytest.raises(AssuanError) as caught:
                await client.transact(VERIFY.encode())
            assert caught.value.code == Code.ENODEV
            await client.transact(b"GETINFO version")
    log = (home.parent / "log").read_text()
    assert "client: APDU [" in log
    assert "GETINFO version" in log
    assert PIN not in log
    assert PIN.encode().hex().upper() not in log.upper()


async def test_socket_is_private_and_gone_at_the_end(home: Path) -> None:
    with trio.fail_after(60):
        async with start(command(home)) as client:
            path = trio.Path((await client.transact(b"GETINFO socket_name")).data.decode())
            assert (await path.stat()).st_mode & 0o077 == 0
            async with connect(str(path)) as other:
                assert (await other.transact(b"GETINFO connections")).data == b"2"
    assert not await path.exists()


async def test_newer_daemon_takes_the_socket_over(home: Path) -> None:
    """As when gpg-agent was started again before the end of the older one's daemon."""
    with trio.fail_after(60):
        async with start(command(home)) as older:
            # Greeted is not yet listening.
            path = (await older.transact(b"GETINFO socket_name")).data
            async with start(command(home)) as newer:
                assert (await newer.transact(b"GETINFO socket_name")).data == path
                async with connect(path.decode()) as other:
                    pid = (await other.transact(b"GETINFO pid")).data
                assert pid == (await newer.transact(b"GETINFO pid")).data


async def test_without_a_place_for_the_socket_it_serves_one_client(home: Path) -> None:
    (home / "S.scdaemon").mkdir()
    with trio.fail_after(60):
        async with start([*command(home)]) as client:
            with pytest.raises(AssuanError) as caught:
                await client.transact(b"GETINFO socket_name")
            assert caught.value.code == Code.NO_DATA
            await client.transact(b"NOP")


async def test_end_of_the_pipe_ends_it_while_another_client_is_there(home: Path) -> None:
    with trio.fail_after(60):
        async with start(command(home)) as client:
            pid = int((await client.transact(b"GETINFO pid")).data)
            path = (await client.transact(b"GETINFO socket_name")).data.decode()
            other = connect(path)
            await other.__aenter__()
        with suppress(AssuanError):
            await other.__aexit__(None, None, None)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("how", [b"KILLSCD", signal.SIGTERM, signal.SIGINT])
async def test_told_to_end_it_ends_at_once(how: bytes | signal.Signals, home: Path) -> None:
    with trio.fail_after(60):
        async with start(command(home)) as client:
            pid = int((await client.transact(b"GETINFO pid")).data)
            if isinstance(how, bytes):
                assert (await client.transact(how)).text == b"closing connection"
            else:
                os.kill(pid, how)
            assert await trio.to_thread.run_sync(end, pid), "it had to be killed"
            with pytest.raises(AssuanError):
                await client.transact(b"NOP")


async def test_hangup_signal_reopens_the_log(home: Path) -> None:
    log = home.parent / "log"
    with trio.fail_after(60):
        async with start(command(home)) as client:
            pid = int((await client.transact(b"GETINFO pid")).data)
            log.rename(home.parent / "old")
            os.kill(pid, signal.SIGHUP)
            while not log.exists():
                await client.transact(b"NOP")
            await client.transact(b"GETINFO version")
    assert "GETINFO version" in log.read_text()
