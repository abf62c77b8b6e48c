from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scd import log
from scd.config import Config

_OURS = ("assuan", "backends", "scd")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The root logger belongs to pytest."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    levels = {name: logging.getLogger(name).level for name in _OURS}
    raising = logging.raiseExceptions
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers, logging.raiseExceptions = handlers, raising
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def say_everything(name: str = "scd.test") -> None:
    logger = logging.getLogger(name)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logger.log(level, "level %d", level)


@pytest.mark.parametrize(
    ("config", "levels"),
    [
        (Config(Path("/")), [30, 40]),
        (Config(Path("/"), verbose=1), [20, 30, 40]),
        (Config(Path("/"), debug=True), [10, 20, 30, 40]),
        (Config(Path("/"), debug=True, quiet=True), [10, 20, 30, 40]),
        (Config(Path("/"), quiet=True), [40]),
    ],
)
def test_the_options_choose_what_is_logged(
    config: Config, levels: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    log.install(config)
    for name in _OURS:
        say_everything(f"{name}.test")
        lines = capfd.readouterr().err.splitlines()
        assert [int(line.split()[-1]) for line in lines] == levels
        assert all(line.startswith(f"anyscd[{os.getpid()}]: ") for line in lines)


def test_libraries_are_never_debugged(capfd: pytest.CaptureFixture[str]) -> None:
    log.install(Config(Path("/"), debug=True))
    say_everything("library")
    assert "level 20" not in capfd.readouterr().err


def test_a_log_file_has_the_form_of_gnupgs(tmp_path: Path) -> None:
    log.install(Config(tmp_path, log_file=str(tmp_path / "log"), debug=True))
    say_everything()
    lines = (tmp_path / "log").read_text().splitlines()
    form = rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d anyscd\[{os.getpid()}\] (DBG: )?level \d0"
    assert all(re.fullmatch(form, line) for line in lines)
    assert [line.endswith("DBG: level 10") for line in lines] == [True, False, False, False]


def test_a_rotated_log_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log.install(Config(tmp_path, log_file=str(path)))
    logging.getLogger("scd").error("one")
    path.rename(tmp_path / "log.1")
    logging.getLogger("scd").error("two")
    log.reopen()
    logging.getLogger("scd").error("three")
    assert len((tmp_path / "log.1").read_text().splitlines()) == 2
    assert path.read_text().endswith(" three\n")


def test_a_log_that_is_lost_costs_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "place").mkdir()
    path = tmp_path / "place" / "log"
    log.install(Config(tmp_path, log_file=str(path)))
    path.unlink()
    path.parent.rmdir()
    log.reopen()
    logging.getLogger("scd").error("PIN of %s", object())
    assert capfd.readouterr().err == ""


def test_reopening_the_standard_error_changes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    log.install(Config(Path("/")))
    log.reopen()
    logging.getLogger("scd").error("still here")
    assert capfd.readouterr().err.endswith(": still here\n")


@pytest.mark.parametrize(
    ("log_file", "complaint"),
    [
        ("/nonexistent/log", "log-file /nonexistent/log: No such file or directory"),
        ("socket:///run/log", "log-file socket:///run/log: only files are served"),
        ("tcp://[::1]:1", "log-file tcp://[::1]:1: only files are served"),
    ],
)
def test_without_its_file_the_log_goes_to_the_standard_error(
    log_file: str, complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    log.install(Config(Path("/"), log_file=log_file))
    assert capfd.readouterr().err == f"anyscd[{os.getpid()}]: {complaint}\n"


def test_a_dash_is_the_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    log.install(Config(Path("/"), log_file="-"))
    assert capfd.readouterr().err == ""
    logging.getLogger("scd").error("here")
    assert capfd.readouterr().err.endswith(": here\n")
