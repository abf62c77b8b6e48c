"""What is remembered of tokens: times of keys, what was put into slots, and what is wished for."""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from scd.tokenmemory import TokenMemory
from scd.view import Birth

A, B, C = "A" * 40, "B" * 40, "C" * 40
SERIAL, OTHER = "D2760001240103 04FF11 00000001 0000".replace(" ", ""), "D2" * 16
BIRTH = Birth(1_600_000_000, bytes(range(20)))


class Clock:
    now = 1_700_000_000.9

    def __call__(self) -> float:
        self.now += 1
        return self.now


def created(memory: TokenMemory, grip: str, told: int | None = None) -> int:
    return memory.birth(grip, told).created


def test_a_key_keeps_the_time_at_which_it_was_first_seen(tmp_path: Path) -> None:
    times = TokenMemory(tmp_path / "times", Clock())
    first = created(times, A)
    assert first == 1_700_000_001
    assert created(times, B) == first + 1
    assert created(times, A) == first


def test_the_time_outlives_the_daemon(tmp_path: Path) -> None:
    first = created(TokenMemory(tmp_path / "times", Clock()), A)
    assert created(TokenMemory(tmp_path / "times"), A) == first
    assert (tmp_path / "times").read_text() == f"key {A} {first}\n"


def test_two_daemons_add_to_the_same_file(tmp_path: Path) -> None:
    one, other = (TokenMemory(tmp_path / "times", Clock()) for _ in range(2))
    created(one, A)
    created(other, B)
    created(one, C)
    assert [line[4:44] for line in (tmp_path / "times").read_text().splitlines()] == [A, B, C]


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
    times = TokenMemory(tmp_path / "times")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(created, times), grips))
    lines = (tmp_path / "times").read_text().splitlines()
    assert sorted(line[4:44] for line in lines) == grips


def test_the_file_is_the_users_own_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        created(TokenMemory(tmp_path / "times"), A)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "times").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["times"]


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe\x00",
        b"no key\n",
        f"key {A} soon\n".encode(),
        f"key {A} 99999999999\n".encode(),
        f"key {A} 7 {A[1:]}\n".encode(),
        f"slot {SERIAL} 4 {A}\n".encode(),
        b"\n",
    ],
)
def test_damaged_lines_cost_a_warning_and_no_other_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    path = tmp_path / "times"
    path.write_bytes(b"key " + B.encode() + b" 17\n" + damage)
    times = TokenMemory(path, Clock())
    assert created(times, A) == 1_700_000_001
    assert created(times, B) == 17
    assert "damaged lines are ignored" in caplog.text


def test_a_time_that_openpgp_cannot_hold_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "times").write_text(f"key {A} {2**32}\n")
    assert created(TokenMemory(tmp_path / "times", Clock()), A) == 1_700_000_001


@pytest.mark.parametrize("place", ["missing/times", "file/times", "directory"])
def test_without_a_file_the_times_last_as_long_as_the_daemon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    times = TokenMemory(tmp_path / place, Clock())
    with caplog.at_level(logging.WARNING):
        assert created(times, A) == created(times, A)
    assert "cannot be written" in caplog.text
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["directory", "file"]


def test_the_time_that_the_token_tells_is_kept_even_if_it_tells_another_one_later(
    tmp_path: Path,
) -> None:
    times = TokenMemory(tmp_path / "times", Clock())
    assert created(times, A, 17) == 17
    assert created(times, A, 18) == created(TokenMemory(tmp_path / "times"), A) == 17


def test_a_key_that_was_put_into_a_slot_is_there_after_a_restart(tmp_path: Path) -> None:
    memory = TokenMemory(tmp_path / "tokens", Clock())
    created(memory, A, 17)
    memory.put(SERIAL, 2, A, BIRTH)
    memory.put(SERIAL, 3, B, Birth(5))
    again = TokenMemory(tmp_path / "tokens")
    assert again.grips(SERIAL) == {2: A, 3: B}
    assert again.birth(A, 17) == BIRTH
    assert again.birth(B, None) == Birth(5)
    assert not again.grips(OTHER)


def test_the_next_key_takes_the_slot_and_the_old_one_keeps_its_birth(tmp_path: Path) -> None:
    memory = TokenMemory(tmp_path / "tokens", Clock())
    memory.put(SERIAL, 1, A, BIRTH)
    memory.put(SERIAL, 1, B, Birth(5))
    assert memory.grips(SERIAL) == {1: B}
    assert memory.birth(A, None) == BIRTH


def test_a_wish_lasts_until_it_is_fulfilled(tmp_path: Path) -> None:
    memory = TokenMemory(tmp_path / "tokens")
    for slot, algorithm in ((1, "rsa3072"), (2, "cv25519"), (1, "ed25519")):
        memory.wish(SERIAL, slot, algorithm)
    assert TokenMemory(tmp_path / "tokens").wishes(SERIAL) == {1: "ed25519", 2: "cv25519"}
    memory.put(SERIAL, 1, A, BIRTH)
    assert TokenMemory(tmp_path / "tokens").wishes(SERIAL) == {2: "cv25519"}


def test_without_a_file_slots_and_wishes_last_as_long_as_the_daemon(tmp_path: Path) -> None:
    memory = TokenMemory(tmp_path / "missing" / "tokens")
    memory.wish(SERIAL, 2, "cv25519")
    memory.wish(SERIAL, 1, "ed25519")
    memory.put(SERIAL, 1, A, BIRTH)
    assert (memory.grips(SERIAL), memory.wishes(SERIAL)) == ({1: A}, {2: "cv25519"})


def test_what_another_daemon_writes_is_seen(tmp_path: Path) -> None:
    one, other = (TokenMemory(tmp_path / "tokens") for _ in range(2))
    for slot, grip in ((1, A), (1, B), (2, C)):
        one.put(SERIAL, slot, grip, BIRTH)
        assert other.grips(SERIAL)[slot] == grip
        one, other = other, one
    assert one.grips(SERIAL) == other.grips(SERIAL) == {1: B, 2: C}
