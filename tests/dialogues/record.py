"""Reads the recorded dialogues: what the agent said, and what GnuPG's scdaemon answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Exchange:
    """One command with the answers to its inquiries (each a list of D lines' payloads), and
    the lines that the scdaemon sent, OK or ERR last.  Text is in caret notation."""

    command: str
    answers: tuple[tuple[str, ...], ...]
    replies: tuple[str, ...]


@dataclass
class Section:
    """What one thing that the user ran led to.  ``fresh``: the scdaemon had just started."""

    title: str
    fresh: bool = False
    exchanges: list[Exchange] = field(default_factory=list)


@dataclass
class _Command:
    section: Section
    line: str
    answers: list[tuple[str, ...]] = field(default_factory=list)


def sections(name: str) -> list[Section]:
    """The sections of a recorded file.

    Commands and answers are paired over a whole life of the scdaemon: the last answer of a
    section may have been logged after the title of the next one.
    """
    found = [Section("")]
    for life in _lives(RECORDED.joinpath(name).read_text().splitlines()):
        commands, replies = list(_commands(life, found)), list(_replies(life))
        # The last command may have met the scdaemon's end.
        assert 0 <= len(commands) - len(replies) <= 1, f"{name}: unequal numbers"
        for command, reply in zip(commands, replies, strict=False):
            exchange = Exchange(command.line, tuple(command.answers), reply)
            inquiries = sum(line.startswith("INQUIRE ") for line in reply)
            assert len(exchange.answers) == inquiries, f"{name}: {exchange}"
            command.section.exchanges.append(exchange)
    return [section for section in found if section.exchanges]


def _lives(lines: list[str]) -> Iterator[list[str]]:
    """The lines from each greeting to the next."""
    life: list[str] = []
    for line in lines:
        if line.startswith("S: OK GNU Privacy"):
            yield life
            life = []
        life.append(line)
    yield life


def _commands(lines: list[str], found: list[Section]) -> Iterator[_Command]:
    """The commands, each with the agent's answers to inquiries during it."""
    command: _Command | None = None
    data: list[str] = []
    for line in lines:
        kind, text = line[:3], line[3:]
        if line.startswith("S: OK GNU Privacy"):
            found[-1].fresh = True
        elif line.startswith("=== started as"):
            continue
        elif line.startswith(("=== ", "##### ")):
            found.append(Section(line.lstrip("=# ")))
        elif kind == "C: " and text.startswith("D "):
            data.append(text[2:])
        elif kind == "C: " and text == "END":
            assert command is not None
            command.answers.append(tuple(data))
            data = []
        elif kind == "C: ":
            if command is not None:
                yield command
            command = _Command(found[-1], text)
    if command is not None:
        yield command


def _replies(lines: list[str]) -> Iterator[tuple[str, ...]]:
    """What came up to and with each OK or ERR, but for greetings."""
    group: list[str] = []
    for line in lines:
        if line.startswith("S: ") and not line.startswith("S: OK GNU Privacy"):
            group.append(line[3:])
            if group[-1].split(" ")[0] in ("OK", "ERR"):
                yield tuple(group)
                group = []
