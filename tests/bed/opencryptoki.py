"""openCryptoki: a private pkcsslotd with one software token.

Its paths and the group of its users are compiled in, so daemon and libraries are relocated copies.
Nothing else of the machine is touched; the daemon is root's, who is asked by sudo if need be.
"""

from __future__ import annotations

import getpass
import grp
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bed.module_token import ModuleToken, pkcs11_tool
from tests.bed.process import DEADLINE, ProgramFailed, end, run
from tests.bed.relocated import moved, relocate, renamed, short_directory
from tests.bed.unpacked import find, find_any

#: Where versions 3.8 and 3.23 have their files.
_PATHS = ("/etc/opencryptoki", "/run/opencryptoki", "/var/lib", "/var/lock", "/var/log", "/var/run")
_LIBRARIES = "usr/lib/*/opencryptoki"
_DAEMON = "pkcsslotd"
_MODULE = "libopencryptoki.so"
_TOKEN = "libpkcs11_sw.so"
_GROUP = "pkcs11"
#: User and group, on every Debian, in whose names root has it run.
_ROOTS = "daemon"

#: What a token is made with.
_FIRST_SO_PIN, _SO_PIN = "87654321", "12345679"
_FIRST_PIN, _PIN = "111111", "123456"
_LABEL = "ock"


@contextmanager
def opencryptoki() -> Iterator[ModuleToken]:
    """Start the daemon and make a token without keys."""
    with short_directory() as directory:
        _copy(directory)
        with _daemon(directory):
            _init_token(directory / _MODULE)
            yield ModuleToken(directory / _MODULE, {}, _LABEL, _PIN)


def _copy(directory: Path) -> None:
    user = _user()
    changes = [
        *(moved(path, directory) for path in _PATHS),
        renamed(f"\0{_GROUP}", f"\0{_group()}"),
        # The daemon's place, the key to the memory that it shares with the libraries, ends in the
        # name of its user, for which version 3.23 has no other string.
        renamed(f"/usr/sbin/{_DAEMON}", f"{directory}//{user}"),
    ]
    relocate(find(f"usr/sbin/{_DAEMON}"), directory / user, changes)
    relocate(find(f"{_LIBRARIES}/{_MODULE}.0"), directory / _MODULE, changes)
    relocate(find(f"{_LIBRARIES}/stdll/{_TOKEN}"), directory / _TOKEN, changes)
    strength = find_any("etc/opencryptoki/strength.conf")
    if strength is not None:
        owned = ("--owner=root", f"--group={_group()}", "--mode=640")  # or it is not believed
        run([*_as_root(), "install", *owned, strength, directory])
    objects = directory / "opencryptoki" / "swtok" / "TOK_OBJ"
    objects.mkdir(parents=True)
    for folder in (objects, *objects.parents[:3]):
        shutil.chown(folder, user)
    (directory / "opencryptoki.conf").write_text(
        f"version opencryptoki-3.1\nslot 0\n{{\nstdll = {directory}/{_TOKEN}\n}}\n"
    )


def _user() -> str:
    """Whom version 3.23 runs as: never root, or it would start itself again and again."""
    return _ROOTS if os.geteuid() == 0 else getpass.getuser()


def _group() -> str:
    """One in whose list this user is, as those who may use sudo are in that of sudo."""
    if os.geteuid() == 0:
        return _ROOTS
    user = getpass.getuser()
    for group in grp.getgrall():
        if len(group.gr_name) <= len(_GROUP) and user in group.gr_mem:
            return group.gr_name
    raise ProgramFailed(f"{user} is listed in no group whose name is as short as {_GROUP}")


def _as_root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


@contextmanager
def _daemon(directory: Path) -> Iterator[None]:
    """It goes to the background once its socket listens."""
    with (directory / "log").open("wb") as log:  # a pipe would be kept open
        command = [*_as_root(), str(directory / _user())]
        done = subprocess.run(command, stdout=log, stderr=log, timeout=DEADLINE)
    if done.returncode != 0:
        raise ProgramFailed(f"{_DAEMON}: {(directory / 'log').read_text()}")
    try:
        yield
    finally:
        pid = (directory / f"{_DAEMON}.pid").read_text().strip()
        run([*_as_root(), "kill", pid])
        end(int(pid))
        for memory in Path("/dev/shm").glob(f"tmp.{directory.name}.*"):
            memory.unlink()


def _init_token(module: Path) -> None:
    """The first PINs open nothing until they have been changed."""
    officer = ["--login", "--login-type", "so", "--so-pin"]
    for words in (
        ["--init-token", "--label", _LABEL, "--so-pin", _FIRST_SO_PIN],
        [*officer, _FIRST_SO_PIN, "--change-pin", "--new-pin", _SO_PIN],
        [*officer, _SO_PIN, "--init-pin", "--new-pin", _FIRST_PIN],
        ["--login", "--pin", _FIRST_PIN, "--change-pin", "--new-pin", _PIN],
    ):
        pkcs11_tool(module, {}, "--slot", "0", *words)
