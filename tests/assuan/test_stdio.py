"""The test program on every kind of standard input and output that it may be started with."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from assuan.server import connection_fd_stream
from tests.assuan import program

PROGRAM = [sys.executable, program.__file__]
SENT = b"ECHO hi\nBYE\n"
RECEIVED = b"OK test server ready\nD hi\nOK\nOK closing connection\n"


def test_pipes() -> None:
    done = subprocess.run(PROGRAM, input=SENT, capture_output=True, timeout=30, check=True)
    assert done.stdout == RECEIVED


def test_a_stray_print_goes_to_standard_error() -> None:
    done = subprocess.run(PROGRAM, input=b"", capture_output=True, timeout=30, check=True)
    assert done.stdout == b"OK test server ready\n"
    assert done.stderr == b"a stray print\n"


def test_no_standard_error() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *PROGRAM],
        input=SENT,
        stdout=subprocess.PIPE,
        timeout=30,
        check=True,
    )
    assert done.stdout == RECEIVED


def test_regular_files(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(SENT)
    with (tmp_path / "in").open("rb") as stdin, (tmp_path / "out").open("wb") as stdout:
        subprocess.run(PROGRAM, stdin=stdin, stdout=stdout, timeout=30, check=True)
    assert (tmp_path / "out").read_bytes() == RECEIVED


def test_null_device() -> None:
    done = subprocess.run(
        PROGRAM, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=30, check=True
    )
    assert done.stdout == b"OK test server ready\n"
    subprocess.run(
        PROGRAM, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=30, check=True
    )


@pytest.mark.parametrize("passed", ["stdio", "_assuan_connection_fd"])
def test_one_socket_both_ways(passed: str) -> None:
    """As gpg-agent may start us: both descriptors are the same socket, or it has a number."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        stdio = number if passed == "stdio" else subprocess.DEVNULL
        variable = {} if passed == "stdio" else {passed: str(number)}
        child = subprocess.Popen(
            PROGRAM,
            stdin=stdio,
            stdout=stdio,
            env=os.environ | variable,
            pass_fds=[number] if variable else [],
        )
        theirs.close()
        ours.sendall(SENT)
        with ours.makefile("rb") as file:
            assert file.read() == RECEIVED  # up to the end: nothing else holds the socket
        assert child.wait(30) == 0


async def test_no_connection_fd() -> None:
    assert connection_fd_stream({}) is None


@pytest.mark.parametrize("value", ["", "x", "-1", "99999"])
async def test_bad_connection_fd(value: str) -> None:
    environment = {"_assuan_connection_fd": value}
    with pytest.raises(ValueError, match="not a connected socket"):
        connection_fd_stream(environment)
    assert environment == {}


async def test_connection_fd_that_is_a_file(tmp_path: Path) -> None:
    with (
        (tmp_path / "file").open("wb") as file,
        pytest.raises(ValueError, match="not a connected socket"),
    ):
        connection_fd_stream({"_assuan_connection_fd": str(file.fileno())})
