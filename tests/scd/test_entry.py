from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scd import entry

_BEFORE_GREETING = """
import os, sys

def write(descriptor, data):
    assert descriptor == 1
    print(data.decode().split(",")[0])
    print(*sorted(sys.modules))
    sys.exit()

os.write = write
from scd.entry import main
sys.argv[1:] = ["--multi-server"]
main()
"""


def anyscd(
    *arguments: str, home: Path, stdin: bytes = b"", **environ: str
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end, with no devices but what ``home`` configures."""
    toml = home / "anyscd.toml"
    if not toml.exists():
        toml.write_text("[pkcs11]\nuse-p11-kit = false\n")
    return subprocess.run(
        [sys.executable, "-m", "scd", *arguments],
        env=os.environ
        | {"GNUPGHOME": str(home), "PCSCLITE_CSOCK_NAME": str(home / "no-pcscd")}
        | environ,
        input=stdin,
        capture_output=True,
        timeout=60,
    )


def test_nothing_that_takes_time_is_imported_before_the_greeting() -> None:
    output = subprocess.run(
        [sys.executable, "-c", _BEFORE_GREETING], check=True, capture_output=True, text=True
    ).stdout
    greeting, modules = output.splitlines()
    assert greeting == "OK GNU Privacy Guard's Smartcard server ready"
    slow = {"trio", "msgspec", "logging", "dataclasses", "pathlib", "enum", "scd.cli", "ctypes"}
    assert not slow & set(modules.split())


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--server"], True),
        (["--multi-server"], True),
        (["--multi-server", "--homedir", "/x"], True),
        (["--homedir", "/x", "--server"], True),
        (["--homedir", "--server"], False),
        (["--homedir", "--version", "--server"], True),
        (["--server", "--homedir"], False),
        ([], False),
        (["--daemon"], False),
        (["--version"], False),
        (["--server", "--version"], False),
        (["--multi-server", "--gpgconf-test"], False),
        (["--multi-server", "--options", "/x"], False),
        (["--server", "--server"], False),
        (["--", "--server"], False),
        (["--homedir", "--server", "/x"], False),
    ],
)
def test_only_a_plain_server_is_greeted_at_once(argv: list[str], expected: bool) -> None:
    assert entry.greets(argv, {}) is expected
    assert not entry.greets(argv, {"_assuan_connection_fd": "5"})


def test_the_process_is_hardened() -> None:
    script = """
import ctypes, os, resource
from scd.entry import harden
harden()
print(os.umask(0), resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3))
"""
    output = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    assert output == "63 (0, 0) 0\n"  # 0o077, and PR_GET_DUMPABLE of prctl(2)


def test_a_closed_standard_output_ends_it_quietly(tmp_path: Path) -> None:
    command = f'exec "{sys.executable}" -m scd --server >&-'
    ended = subprocess.run(
        ["sh", "-c", command],
        env=os.environ | {"GNUPGHOME": str(tmp_path)},
        timeout=60,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("option", ["--server", "--serv"])
def test_there_is_one_greeting_early_or_late(tmp_path: Path, option: str) -> None:
    """The abbreviation is only understood by the full parser."""
    ended = anyscd(option, home=tmp_path, stdin=b"GETINFO pid\nBYE\n")
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(b"OK GNU Privacy Guard's Smartcard server ready, process ")
    assert lines[1] == b"D " + lines[0].split()[-1]
    assert lines[2:] == [b"OK", b"OK closing connection"]
    assert ended.returncode == 0
