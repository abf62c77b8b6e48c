from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scd.socketdir import socket_path

# Runs as the user (or what passes for root) of a mount namespace of its own, where /run is empty.
_SCRIPT = """
set -e
mount -t tmpfs none /run
umask 077
{setup}
{python} -c 'from scd import config, socketdir
print(socketdir.socket_dir(config.homedir([])))'
gpgconf --list-dirs socketdir
"""

_USER = "mkdir -p /run/user/$(id -u)"
_OTHER = "export GNUPGHOME=$HOME/other; mkdir $GNUPGHOME"
_HASHED = f"{_USER}; {_OTHER}; gpgconf --create-socketdir"

#: What to prepare, and a part of the name that must come out, lest nothing but home directories
#: be compared.
SETUPS = {
    "no runtime directory": ("true", "/.gnupg"),
    "no runtime directory, other home": (_OTHER, "/other"),
    "default home": (_USER, "/run/user/"),
    "other home": (f"{_USER}; {_OTHER}", "/gnupg/d."),
    "other home prepared by gpgconf": (_HASHED, "/gnupg/d."),
    "trailing slash": (f"{_HASHED}; GNUPGHOME=$GNUPGHOME/", "/gnupg/d."),
    "open to others": (f"{_HASHED}; chmod 755 /run/user/*/gnupg", "/other"),
    "own directory open to others": (
        f"{_HASHED}; chmod 755 /run/user/*/gnupg/d.*",
        "/other",
    ),
}


@pytest.mark.parametrize(("setup", "part"), SETUPS.values(), ids=SETUPS.keys())
def test_sockets_are_where_gpgconf_says(setup: str, part: str, tmp_path: Path) -> None:
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    (tmp_path / ".gnupg").mkdir(0o700)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    script = _SCRIPT.format(setup=setup, python=sys.executable)
    output = subprocess.run(
        [*namespace, "sh", "-c", script],
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    ours, theirs = output.splitlines()
    assert ours == theirs
    assert part in ours


def test_the_socket_has_its_usual_name(tmp_path: Path) -> None:
    assert socket_path(tmp_path).name == "S.scdaemon"
