"""Where the socket is: as gpgconf says on this machine, and by the rules on any other."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scd.config import homedir
from scd.socketdir import socket_dir, socket_path

#: A home directory, and the folder that ``gpgconf --list-dirs socketdir`` of GnuPG 2.2.40 names for
#: it below /run/user/UID/gnupg.
HOME, HASHED = Path("/tmp/anyscd-home"), "d.1ojsj3kg86s64tm1o7113zoi"


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """What /run/user/UID is on a machine with logind."""
    runtime = tmp_path / "run" / "user" / str(os.getuid())
    runtime.mkdir(parents=True, mode=0o700)
    return runtime


def found(home: Path, runtime: Path) -> Path:
    return socket_dir(home, (runtime.parent.parent,))


@pytest.mark.parametrize("other", ["", "other", "other/"])
def test_sockets_are_where_gpgconf_says(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On this machine, whatever it has in /run; gpgconf makes the directory as we do."""
    (tmp_path / ".gnupg").mkdir(0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GNUPGHOME", raising=False)
    if other:
        (tmp_path / "other").mkdir(0o700)
        monkeypatch.setenv("GNUPGHOME", f"{tmp_path}/{other}")
    listed = subprocess.run(
        ["gpgconf", "--list-dirs", "socketdir"], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert str(socket_dir(homedir([]))) == listed
    subprocess.run(["gpgconf", "--remove-socketdir"], check=False, capture_output=True)


def test_default_home_has_the_shared_directory(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert found(tmp_path / ".gnupg", runtime) == runtime / "gnupg"


def test_other_homes_have_one_of_their_own_which_is_private(runtime: Path) -> None:
    directory = found(HOME, runtime)
    assert directory == runtime / "gnupg" / HASHED
    assert directory.stat().st_mode & 0o777 == 0o700


def test_without_a_runtime_directory_it_is_the_home(tmp_path: Path) -> None:
    assert socket_dir(HOME, (tmp_path,)) == HOME


@pytest.mark.parametrize("shared", ["gnupg", f"gnupg/{HASHED}"])
def test_directory_that_others_may_enter_is_not_used(shared: str, runtime: Path) -> None:
    found(HOME, runtime)
    (runtime / shared).chmod(0o755)
    assert found(HOME, runtime) == HOME


def test_the_socket_has_its_usual_name(tmp_path: Path) -> None:
    assert socket_path(tmp_path).name == "S.scdaemon"
