from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scd.keytimes import KeyTimes

A, B, C = "A" * 40, "B" * 40, "C" * 40


class Clock:
    now = 1_700_000_000.9

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_a_key_keeps_the_time_at_which_it_was_first_seen(tmp_path: Path) -> None:
    times = KeyTimes(tmp_path / "times", Clock())
    first = times.created(A)
    assert first == 1_700_000_001
    assert times.created(B) == first + 1
    assert times.created(A) == first


def test_the_time_outlives_the_daemon(tmp_path: Path) -> None:
    first = KeyTimes(tmp_path / "times", Clock()).created(A)
    assert KeyTimes(tmp_path / "times").created(A) == first
    assert (tmp_path / "times").read_text() == f"{A} {first}\n"


def test_two_daemons_add_to_the_same_file(tmp_path: Path) -> None:
    one, other = (KeyTimes(tmp_path / "times", Clock()) for _ in range(2))
    one.created(A)
    other.created(B)
    one.created(C)
    assert [line[:40] for line in (tmp_path / "times").read_text().splitlines()] == [A, B, C]


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as the interpreter lets them."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("restless")
def test_threads_do_not_lose_each_others_keys(tmp_path: Path) -> None:
    grips = [f"{n:040X}" for n in range(100)]
    times = KeyTimes(tmp_path / "times")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(times.created, grips))
    assert [line[:40] for line in (tmp_path / "times").read_text().splitlines()] == grips


def test_the_file_is_the_users_own_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        KeyTimes(tmp_path / "times").created(A)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "times").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["times"]


@pytest.mark.parametrize(
    "damage",
    [b"\xff\xfe\x00", b"no grip\n", b"A" * 40 + b" soon\n", A.encode() + b" 99999999999\n", b"\n"],
)
def test_damaged_lines_cost_a_warning_and_no_other_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    path = tmp_path / "times"
    path.write_bytes(B.encode() + b" 17\n" + damage)
    times = KeyTimes(path, Clock())
    assert times.created(A) == 1_700_000_001
    assert times.created(B) == 17
    assert "damaged lines are ignored" in caplog.text


def test_a_time_that_openpgp_cannot_hold_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "times").write_text(f"{A} {2**32}\n")
    assert KeyTimes(tmp_path / "times", Clock()).created(A) == 1_700_000_001


@pytest.mark.parametrize("place", ["missing/times", "file/times", "directory"])
def test_without_a_file_the_times_last_as_long_as_the_daemon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    times = KeyTimes(tmp_path / place, Clock())
    with caplog.at_level(logging.WARNING):
        assert times.created(A) == times.created(A)
    assert "cannot be written" in caplog.text
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["directory", "file"]
