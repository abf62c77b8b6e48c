"""Plays the agent's side of a recorded section to anyscd and compares the answers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from assuan.lines import escape, unescape
from tests.bed.card import ADMIN_PIN, USER_PIN
from tests.dialogues.forms import data_form, forms, uncaret
from tests.dialogues.record import Exchange


class Daemon:
    """anyscd at the end of a pipe, spoken to in bare lines."""

    def __init__(self, command: Path, home: Path) -> None:
        self._process = subprocess.Popen(
            [command, "--multi-server", "--homedir", home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._line().startswith(b"OK ")

    def __enter__(self) -> Daemon:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def ask(self, command: str, keydata: bytes = b"") -> list[bytes]:
        """Send a command and return the answer's lines; PINs and the key are given when asked."""
        self._send(command.encode())
        lines = [self._line()]
        while not re.match(rb"(OK|ERR)( |$)", lines[-1]):
            if lines[-1].startswith(b"INQUIRE NEEDPIN "):
                pin = ADMIN_PIN if b" |A|" in lines[-1] else USER_PIN
                self._answer(pin.encode().ljust(90, b"\0"))
            elif lines[-1] == b"INQUIRE KEYDATA":
                self._answer(keydata)
            lines.append(self._line())
        return lines

    def _answer(self, data: bytes) -> None:
        for start in range(0, len(data), 300):
            self._send(b"D " + escape(data[start : start + 300]))
        self._send(b"END")

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.endswith(b"\n"), "the daemon has gone"
        return line[:-1]


def play(daemon: Daemon, exchange: Exchange, names: Mapping[str, str], *, old: bool) -> None:
    """Ask what the agent asked.  ``names``: recorded serial numbers and keygrips, and ours."""
    command = re.sub(
        r"\b(?:[0-9A-F]{40}|[0-9A-F]{32})\b", lambda m: names.get(m[0], m[0]), exchange.command
    )
    answer = daemon.ask(command)
    data = b"".join(unescape(line[2:]) for line in answer if line.startswith(b"D "))
    texts = [line.decode() for line in answer if not line.startswith(b"D ")]
    wanted = [uncaret(line) for line in exchange.replies if not line.startswith("D ")]
    assert forms(texts, old=old) == forms(wanted, old=old), command
    recorded = "".join(line[2:] for line in exchange.replies if line.startswith("D "))
    assert bool(data) == bool(recorded), command
    if data:
        assert data_form(command, data) == data_form(command, recorded.encode()), command
