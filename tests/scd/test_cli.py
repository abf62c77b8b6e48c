from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from scd import cli
from scd.version import GNUPG_VERSION, PACKAGE_VERSION
from tests.scd.test_entry import anyscd


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GNUPGHOME", str(tmp_path))
    return tmp_path


def test_the_version_is_first_the_one_that_programs_parse(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["--version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"scdaemon (GnuPG) {GNUPG_VERSION}", f"anyscd {PACKAGE_VERSION}"]
    theirs = subprocess.run(
        ["/usr/lib/gnupg/scdaemon", "--version"], check=True, capture_output=True, text=True
    ).stdout.splitlines()[0]
    form = re.compile(r"scdaemon \(GnuPG\) (\d+)\.(\d+)\.(\d+)")
    ours, installed = form.fullmatch(lines[0]), form.fullmatch(theirs)
    assert ours
    assert installed
    assert tuple(map(int, ours.groups())) > tuple(map(int, installed.groups()))


def test_the_project_has_one_version() -> None:
    from importlib.metadata import version

    assert version("anyscd") == PACKAGE_VERSION


def test_help_shows_the_options_of_every_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-h"]) == 0
    text = capsys.readouterr().out
    assert " -v, --verbose                verbose\n" in text
    assert "\nOptions controlling the security:\n     --deny-admin " in text


def test_the_first_of_several_requests_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--multi-server", "--dump-options", "--version"]) == 0
    assert capsys.readouterr().out.startswith("--gpgconf-list\n")


def test_without_a_mode_it_only_says_so(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert cli.main([]) == 0
    assert "please use the option '--daemon'" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--bogus"], ["--server", "--options", "/nonexistent"]])
def test_a_wrong_command_line_ends_with_two(
    argv: list[str], capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert cli.main(argv) == 2
    assert capsys.readouterr().err.startswith("anyscd: ")


@pytest.mark.parametrize(
    ("conf", "toml", "status"),
    [
        ("verbose\n", "", 0),
        ("bogus\n", "", 0),
        ("debug-level loud\n", "", 2),
        ("", "[pkcs11", 2),
        ("", "[pkcs11]\nsettle = 'x'\n", 2),
    ],
)
def test_gpgconf_is_told_whether_the_configuration_is_sound(
    conf: str, toml: str, status: int, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "scdaemon.conf").write_text(conf)
    (home / "anyscd.toml").write_text(toml)
    assert cli.main(["--gpgconf-test"]) == status
    assert bool(capsys.readouterr().err) is (conf != "verbose\n")


def test_a_wrong_configuration_does_not_stop_the_server(tmp_path: Path) -> None:
    (tmp_path / "anyscd.toml").write_text("[pkcs11.module.x]\npath = 7\n")
    (tmp_path / "scdaemon.conf").write_text(
        f"log-file {tmp_path}/log\nbogus\nverbose\npcsc-shared\n"
    )
    ended = anyscd("--server", home=tmp_path, stdin=b"GETINFO version\nBYE\n")
    assert f"D {GNUPG_VERSION}\n".encode() in ended.stdout
    log = (tmp_path / "log").read_text()
    assert f"{tmp_path}/scdaemon.conf:2: invalid option: bogus\n" in log
    assert "anyscd.toml: pkcs11.module.x.path: Expected `str`, got `int`\n" in log
    assert "options that have no meaning here: pcsc-shared\n" in log


def _ask(path: str) -> bytes:
    """The daemon's own process id, by its socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(path)
        with client.makefile("rwb") as stream:
            stream.readline()
            stream.write(b"GETINFO pid\n")
            stream.flush()
            return bytes(stream.readline())


@pytest.mark.parametrize(
    ("shell", "options", "form"),
    [
        ("/bin/sh", [], r"SCDAEMON_INFO=(.*):(\d+):1; export SCDAEMON_INFO;\n"),
        ("/bin/tcsh", [], r"setenv SCDAEMON_INFO (.*):(\d+):1;\n"),
        ("/bin/tcsh", ["-c", "-s"], r"SCDAEMON_INFO=(.*):(\d+):1; export SCDAEMON_INFO;\n"),
        ("/bin/sh", ["--csh"], r"setenv SCDAEMON_INFO (.*):(\d+):1;\n"),
    ],
)
def test_a_daemon_says_where_it_listens(
    shell: str, options: list[str], form: str, tmp_path: Path
) -> None:
    started = anyscd("--daemon", *options, home=tmp_path, SHELL=shell)
    match = re.fullmatch(form, started.stdout.decode())
    assert match, started
    try:
        assert _ask(match[1]) == f"D {match[2]}\n".encode()
    finally:
        os.kill(int(match[2]), signal.SIGTERM)


def test_a_daemon_starts_a_command_that_can_find_it(tmp_path: Path) -> None:
    script = "echo $SCDAEMON_INFO; IFS=:; set -- $SCDAEMON_INFO; kill $2"
    started = anyscd("--daemon", "sh", "-c", script, home=tmp_path)
    assert re.fullmatch(rf"{tmp_path}/S\.scdaemon:\d+:1\n", started.stdout.decode())


def test_without_its_command_no_daemon_stays_behind(tmp_path: Path) -> None:
    """It would hold the pipes open, and so this would not return."""
    started = anyscd("--daemon", "--no-detach", "/nonexistent", home=tmp_path)
    assert started.returncode == 2
    assert b"/nonexistent: No such file" in started.stderr


def test_a_daemon_that_cannot_listen_is_told(tmp_path: Path) -> None:
    started = anyscd("--daemon", "--homedir", str(tmp_path / "missing"), home=tmp_path)
    assert started.returncode == 2
    assert b"the daemon did not start" in started.stderr
    assert started.stdout == b""
