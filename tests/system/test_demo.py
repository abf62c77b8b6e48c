"""The demo runs to its happy end."""

from __future__ import annotations

import sys

from tests.bed.gnupg import ROOT
from tests.bed.process import run


def test_demo() -> None:
    done = run(["env", "-C", ROOT, sys.executable, "-X", "utf8", "-m", "contrib.demo"])
    said = done.stdout.decode()
    assert "All of it worked" in said
    assert "✗" not in said
    for title in ("The OpenPGP card", "The PKCS#11 token"):
        part = said.partition(title)[2]
        assert "Good signature" in part
        assert "Meet me at the usual place." in part
        assert "Accepted publickey" in part
