"""Parts that contrib/bootstrap unpacked and did not install; or the machine's own, if it has them.

Installed, they would start services, make groups and tell every program of the machine to load
them.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.bed.gnupg import ROOT
from tests.bed.process import ProgramFailed

_TREE = ROOT / ".bed" / "tokens"
_LIBRARIES = ("usr/lib/*-linux-*", "usr/lib/*/swtpm")


def find(pattern: str) -> Path:
    """The file of that name: a pattern, without the first slash."""
    found = find_any(pattern)
    if found is None:
        raise ProgramFailed(f"no {pattern} here: run contrib/bootstrap tokens")
    return found


def find_any(pattern: str) -> Path | None:
    """The same for a file that not every version has."""
    for root in (_TREE, Path("/")):
        for path in sorted(root.glob(pattern)):
            return path
    return None


def library_path() -> dict[str, str]:
    """What a program needs in its environment that is linked with these parts."""
    folders = [str(path) for pattern in _LIBRARIES for path in sorted(_TREE.glob(pattern))]
    given = os.environ.get("LD_LIBRARY_PATH")
    path = ":".join([*folders, *([given] if given else [])])
    return {"LD_LIBRARY_PATH": path}
