"""Files and commands that a PIN is read from, and those from which it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scd import pinorigin
from scd.pinorigin import BadOrigin, PinCommand, PinFile, Unreadable, parse


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("file:/etc/pin", PinFile("/etc/pin")),
        ("file:///etc/a%20pin", PinFile("/etc/a pin")),
        ("file://localhost/etc/pin", PinFile("/etc/pin")),
        ("|/bin/pin", PinCommand(("/bin/pin",))),
        ("|/bin/pin --of 'my hsm'", PinCommand(("/bin/pin", "--of", "my hsm"))),
    ],
)
def test_what_a_source_is(text: str, origin: object) -> None:
    assert parse(text) == origin


@pytest.mark.parametrize(
    "text",
    ["1234", "file:pin", "file://host/pin", "http://host/pin", "|", "|pin", "|/bin/pin 'x", "/pin"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(BadOrigin, match="pin-source"):
        parse(text)


@pytest.fixture
def file(tmp_path: Path) -> PinFile:
    path = tmp_path / "pin"
    path.touch(0o600)
    path.write_bytes(b"1234\n")
    return PinFile(str(path))


def pin_of(origin: pinorigin.Origin) -> bytes:
    found = origin.read(None)
    assert found is not None
    return bytes(found[1])


@pytest.mark.parametrize("content", [b"1234", b"1234\n", b"1234\r\n", b"1234\n5678\n"])
def test_the_pin_is_the_first_line(content: bytes, file: PinFile) -> None:
    Path(file.path).write_bytes(content)
    assert pin_of(file) == b"1234"


def test_a_file_that_has_not_changed_is_not_read(file: PinFile) -> None:
    found = file.read(None)
    assert found is not None
    assert file.read(found[0]) is None
    Path(file.path).write_bytes(b"56789\n")
    assert file.read(found[0]) is not None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610])
def test_a_file_open_to_others_is_refused(mode: int, file: PinFile) -> None:
    os.chmod(file.path, mode)
    with pytest.raises(Unreadable, match="open to others"):
        file.read(None)


def test_a_file_of_somebody_else_is_refused(file: PinFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(Unreadable, match="owned by somebody else"):
        file.read(None)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, complaint in (("", "irectory"), ("pipe", "not a regular"), ("none", "No such file")):
        with pytest.raises(Unreadable, match=complaint):
            PinFile(str(tmp_path / name)).read(None)


def command(script: str) -> PinCommand:
    return PinCommand(("/bin/sh", "-c", script))


def test_a_command_is_run_once() -> None:
    origin = command("echo 1234; echo more")
    found = origin.read(None)
    assert found is not None
    assert found[1] == b"1234"
    assert origin.read(found[0]) is None


@pytest.mark.parametrize(
    ("origin", "complaint"),
    [
        (command("echo 1234; exit 3"), "/bin/sh: ended with status 3$"),
        (PinCommand(("/nowhere/pin",)), "/nowhere/pin: No such file"),
    ],
)
def test_a_command_that_fails_gives_no_pin(origin: PinCommand, complaint: str) -> None:
    with pytest.raises(Unreadable, match=complaint):
        origin.read(None)


@pytest.mark.parametrize("script", ["exec sleep 600", "echo 1234; exec >&-; exec sleep 600"])
def test_a_command_that_hangs_is_ended(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinorigin, "_PATIENCE", 0.2)
    with pytest.raises(Unreadable, match="took too long"):
        command(script).read(None)
