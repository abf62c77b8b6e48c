"""``anyscd --link``: what gpg lists of OpenPGP keys is remembered for the keys of tokens."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from scd import cli
from scd.linking import births
from scd.tokenmemory import TokenMemory
from scd.view import Birth

FPR, SUB = "0123456789ABCDEF0123456789ABCDEF01234567", "89ABCDEF" * 5
GRIP, SUB_GRIP = "A" * 40, "B" * 40
#: As gpg 2.4 prints it; the record fp2 is there with --with-v5-fingerprint only.
LISTED = f"""\
tru::1:1600000000:0:3:1:5
pub:u:256:19:0123456701234567:1600000000:::u:::scESCA:::+::nistp256:::0:
fpr:::::::::{FPR}:
grp:::::::::{GRIP}:
uid:u::::1600000000::{FPR}::grp\\x3a Jane::::::::::0:
sub:u:256:18:89ABCDEF89ABCDEF:1600000001::::::e:::+::nistp256::
fpr:::::::::{SUB}:
fp2:::::::::{64 * "C"}:
grp:::::::::{SUB_GRIP}:
"""
BIRTHS = {
    GRIP: Birth(1_600_000_000, bytes.fromhex(FPR)),
    SUB_GRIP: Birth(1_600_000_001, bytes.fromhex(SUB)),
}


def test_time_and_fingerprint_of_each_key_are_read() -> None:
    assert births(LISTED) == BIRTHS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpg: error",
        LISTED.replace("grp", "xxx"),
        LISTED.replace(":16000000", ":2020-01-01T"),
        LISTED.replace(FPR, 64 * "D").replace(SUB, 64 * "E"),
    ],
    ids=["empty", "no listing", "no keygrips", "no times", "version 5"],
)
def test_what_is_no_key_for_a_token_is_left_out(text: str) -> None:
    assert births(text) == {}


def link(monkeypatch: pytest.MonkeyPatch, home: Path, text: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return cli.main(["--homedir", str(home), "--link"])


def test_it_replaces_what_was_guessed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    memory = TokenMemory.in_home(tmp_path)
    memory.birth(GRIP, 1)
    assert link(monkeypatch, tmp_path, LISTED) == 0
    assert capsys.readouterr().out == f"linked {GRIP}\nlinked {SUB_GRIP}\n"
    assert {grip: memory.birth(grip, 1) for grip in BIRTHS} == BIRTHS


def test_failure_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert link(monkeypatch, tmp_path, "") == 2
    assert "no key to link; please use: gpg " in capsys.readouterr().err
    assert link(monkeypatch, tmp_path / "missing", LISTED) == 1
    assert capsys.readouterr().out == ""
