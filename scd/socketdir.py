"""Where GnuPG's daemons of one home directory put their sockets (common/homedir.c)."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

_ZBASE32 = "ybndrfg8ejkmcpqxot1uwisza345h769"
_RUN = (Path("/run"), Path("/var/run"))


def default_homedir() -> Path:
    """``~/.gnupg``, as GnuPG takes it: by $HOME."""
    return Path(os.environ.get("HOME") or Path.home()) / ".gnupg"


def socket_path(homedir: Path) -> Path:
    """The socket of the smartcard daemon that belongs to this home directory."""
    return socket_dir(homedir) / "S.scdaemon"


def socket_dir(homedir: Path, run: tuple[Path, ...] = _RUN) -> Path:
    """``/run/user/UID/gnupg``, or ``d.HASH`` below it for any other than the default home
    directory, both made if need be; if that cannot be, the home directory itself."""
    for base in run:
        runtime = base / "user" / str(os.getuid())
        if runtime.is_dir():
            shared = runtime / "gnupg"
            wanted = shared if homedir == default_homedir() else shared / f"d.{_hash(homedir)}"
            return wanted if _private(shared) and _private(wanted) else homedir
    return homedir


def _private(directory: Path) -> bool:
    """Whether it is, or now becomes, a directory of ours that no one else may enter."""
    try:
        directory.mkdir(0o700, exist_ok=True)
        status = directory.stat()
    except OSError:
        return False
    others = stat.S_IRWXG | stat.S_IRWXO
    owned = status.st_uid == os.getuid()
    return stat.S_ISDIR(status.st_mode) and owned and not status.st_mode & others


def _hash(homedir: Path) -> str:
    """The first 120 bits of the SHA-1 of the name in z-base-32: 24 characters."""
    digest = hashlib.sha1(os.fsencode(homedir), usedforsecurity=False).digest()
    bits = int.from_bytes(digest[:15], "big")
    return "".join(_ZBASE32[bits >> shift & 31] for shift in range(115, -1, -5))
