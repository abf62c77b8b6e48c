"""What is remembered of cards: believed only with proof, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.curves import CURVE25519, NIST_P256
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use
from scd.cardmemory import CardMemory
from scd.fingerprint import fingerprint

TIME = 1_700_000_000
RSA = RSAPublicKey(0xC5 << 2040 | 1, 65537)
KEYS: list[tuple[PublicKey, Use]] = [
    (RSA, Use.SIGN),
    (ECPublicKey(NIST_P256, b"\4" + bytes(range(64))), Use.SIGN),
    (ECPublicKey(NIST_P256, b"\4" + bytes(range(64))), Use.DECRYPT),
    (ECPublicKey(CURVE25519, bytes(range(32))), Use.DECRYPT),
]
SERIAL = "D276000124010304F1D0000000010000"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "anyscd-cards"


def keep(path: Path, public: PublicKey, use: Use) -> bytes:
    name = fingerprint(public, TIME, use)
    CardMemory(path).keep_public_key(name, TIME, use, public)
    return name


@pytest.mark.parametrize(("public", "use"), KEYS)
def test_a_key_is_known_after_a_restart(path: Path, public: PublicKey, use: Use) -> None:
    name = keep(path, public, use)
    assert CardMemory(path).public_key(name, TIME, use) == public


def test_a_key_is_not_that_of_another_time_use_or_fingerprint(path: Path) -> None:
    public, use = KEYS[1]
    name = keep(path, public, use)
    memory = CardMemory(path)
    assert memory.public_key(name, TIME + 1, use) is None
    assert memory.public_key(name, TIME, Use.DECRYPT) is None
    assert memory.public_key(bytes(20), TIME, use) is None


def test_a_key_that_could_never_be_proven_is_not_kept(path: Path) -> None:
    CardMemory(path).keep_public_key(bytes(20), TIME, Use.SIGN, RSA)
    assert not path.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("10001", "10003"),
        lambda text: text.replace(" rsa ", " ed25519 "),
        lambda text: text[:100],
        lambda text: "nonsense\n",
        lambda text: "\0" * 100,
    ],
)
def test_a_damaged_file_is_not_believed(path: Path, change: object) -> None:
    name = keep(path, RSA, Use.SIGN)
    assert callable(change)
    path.write_text(change(path.read_text()))
    assert CardMemory(path).public_key(name, TIME, Use.SIGN) is None
    keep(path, RSA, Use.SIGN)
    assert CardMemory(path).public_key(name, TIME, Use.SIGN) == RSA


def test_names_are_kept_whatever_is_in_them(path: Path) -> None:
    for name in (b"", b"Doe<<Jane", b"\n\xff holder"):
        CardMemory(path).keep_holder(SERIAL, name)
        assert CardMemory(path).holder(SERIAL) == name
    assert CardMemory(path).holder("D276000124010304F1D0000000020000") is None


def test_two_daemons_keep_what_the_other_has_learned(path: Path) -> None:
    one, other = CardMemory(path), CardMemory(path)
    assert one.holder(SERIAL) is other.holder(SERIAL) is None
    one.keep_holder(SERIAL, b"one")
    other.keep_holder(SERIAL.replace("01", "02"), b"other")
    assert CardMemory(path).holder(SERIAL) == b"one"


def test_the_file_does_not_grow_for_ever(path: Path) -> None:
    memory = CardMemory(path)
    for number in range(250):
        memory.keep_holder(f"D276000124010304F1D0{number:08X}0000", b"name")
    lines = path.read_text().splitlines()
    assert len(lines) == 200
    assert "000000F9" in lines[-1]


def test_a_place_that_cannot_be_written_costs_nothing_but_speed(tmp_path: Path) -> None:
    memory = CardMemory(tmp_path / "missing" / "anyscd-cards")
    memory.keep_holder(SERIAL, b"Doe<<Jane")
    assert memory.holder(SERIAL) == b"Doe<<Jane"


def test_a_key_that_is_to_be_replaced_is_forgotten(path: Path) -> None:
    """Its fingerprint may outlive it on the card."""
    (public, use), (other, other_use) = KEYS[0], KEYS[3]
    name, other_name = keep(path, public, use), keep(path, other, other_use)
    memory = CardMemory(path)
    memory.forget_public_key(bytes(20))
    memory.forget_public_key(name)
    for each in (memory, CardMemory(path)):
        assert each.public_key(name, TIME, use) is None
        assert each.public_key(other_name, TIME, other_use) == other
