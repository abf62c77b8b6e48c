"""GnuPG: its generations, and private homes, each with an agent of its own.

Two generations are on every machine: the one that the distribution has, and another that
contrib/bootstrap unpacked under .bed/ with wrappers for its programs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType

from tests.bed.process import ProgramFailed, end, processes_of, run

ROOT = Path(__file__).resolve().parents[2]

#: The command under test, in the virtual environment that runs the tests.
ANYSCD = Path(sys.executable).parent / "anyscd"

#: What a pinentry answers: always the same, one PIN after the other, or None for not at all.
Pin = str | None | Sequence[str | None]

#: Lines of each log that the report of a failure shows.
_LOG_END = 30


@dataclass(frozen=True, slots=True)
class GnuPG:
    """One generation.  ``name``: major and minor version.  ``bin``: folder of the programs, which
    needs not be in the PATH.  ``scdaemon``: GnuPG's own, the oracle."""

    name: str
    bin: Path
    scdaemon: Path

    def __str__(self) -> str:
        return self.name


@cache
def generations() -> tuple[GnuPG, ...]:
    """Return the generations at hand, the machine's own first."""
    folders = [Path("/usr/bin"), *sorted((ROOT / ".bed").glob("gnupg-*/bin"))]
    return tuple(_generation(folder) for folder in folders)


def generation(name: str) -> GnuPG:
    """Return that generation, ``2.2`` or ``2.4``."""
    return next(each for each in generations() if each.name == name)


def _generation(folder: Path) -> GnuPG:
    first_line = run([folder / "gpg", "--version"]).stdout.splitlines()[0].decode()
    found = re.search(r"(\d+\.\d+)\.\d+", first_line)
    if found is None:
        raise ProgramFailed(f"{folder}/gpg says {first_line!r}")
    own = folder / "scdaemon"
    return GnuPG(found[1], folder, own if own.exists() else Path("/usr/lib/gnupg/scdaemon"))


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the pinentry was told to show; see :mod:`tests.bed.pinentry`."""

    kind: str
    desc: str
    prompt: str
    error: str


class Home:
    """A short-lived GNUPGHOME with a running gpg-agent; as a context manager.

    ``scdaemon``: the program that the agent starts, by default GnuPG's own.  ``pins``: see
    :mod:`tests.bed.pinentry`.  ``env``: more for the environment of every program.
    """

    def __init__(
        self,
        gnupg: GnuPG,
        scdaemon: Path | None = None,
        pins: Mapping[str, Pin] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.gnupg = gnupg
        self.path = Path(tempfile.mkdtemp(prefix="anyscd-"))
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LC_")},
            "LANG": "C.UTF-8",
            "LANGUAGE": "",
            "HOME": str(self.path),
            "GNUPGHOME": str(self.path),
            "PATH": f"{gnupg.bin}:{os.environ['PATH']}",
            **(env or {}),
        }
        self._agent = 0
        self._configure(scdaemon or gnupg.scdaemon)
        self.set_pins(pins or {})

    def __enter__(self) -> Home:
        try:
            self._start_agent()
            self.env["SSH_AUTH_SOCK"] = self.ask_agent("GETINFO ssh_socket_name")
        except BaseException:
            self.close()
            raise
        return self

    def restart_agent(self) -> None:
        """End gpg-agent and its scdaemon, and start them afresh."""
        self.connect_agent("KILLAGENT")
        end(self._agent)
        self._start_agent()

    def _start_agent(self) -> None:
        self.gpg_agent("--daemon")
        self._agent = int(self.ask_agent("GETINFO pid"))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the agent and what it started, and delete the home."""
        served = [*processes_of(str(self.path)), *([self._agent] if self._agent else [])]
        self.connect_agent("KILLAGENT", check=False)
        stubborn = [pid for pid in served if not end(pid)]
        log = self.log_end
        shutil.rmtree(self.path)
        if stubborn:
            raise ProgramFailed(f"{len(stubborn)} processes of {self.path} had to be killed\n{log}")

    @property
    def logs(self) -> dict[str, str]:
        """What the agent, with all that it told scdaemon, and scdaemon logged so far."""
        files = [self.path / name for name in ("gpg-agent.log", "scdaemon.log")]
        return {file.stem: file.read_text(errors="replace") for file in files if file.exists()}

    @property
    def log_end(self) -> str:
        """The last lines of each log."""
        return "\n".join("\n".join(log.splitlines()[-_LOG_END:]) for log in self.logs.values())

    @property
    def prompts(self) -> list[Prompt]:
        """What the pinentry has been asked so far."""
        log = self.path / "prompts.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        return [Prompt(**json.loads(line)) for line in lines]

    def set_pins(self, pins: Mapping[str, Pin]) -> None:
        """Say what the pinentry answers from now on."""
        (self.path / "pins.json").write_text(json.dumps(dict(pins)))

    def send_to_pinpad(self, pipe: Path, line: str) -> None:
        """Say what the user types at a reader, once the pinentry tells to use its pinpad."""
        (self.path / "pinpad.json").write_text(json.dumps({"pipe": str(pipe), "line": line}))

    def gpg(
        self, *arguments: str | Path, input: str | bytes = b"", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run gpg without a terminal."""
        return self.run("gpg", "--batch", "--no-tty", *arguments, input=input, check=check)

    def gpg_agent(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run gpg-agent."""
        return self.run("gpg-agent", *arguments)

    def connect_agent(
        self, *commands: str, check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Send Assuan commands to the running agent; the output has its replies."""
        words = ["gpg-connect-agent", "--no-autostart", *commands, "/bye"]
        return self.run(*words, check=check)

    def ask_agent(self, command: str) -> str:
        """Send one Assuan command and return the text of its D line."""
        reply = self.connect_agent(command).stdout.decode()
        found = re.match(r"D (.*)\nOK", reply)
        if found is None:
            raise ProgramFailed(f"{command}: {reply}\n{self.log_end}")
        return found[1]

    def run(
        self, program: str, *arguments: str | Path, input: str | bytes = b"", check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program of this generation, or any other, in this home's environment."""
        own = self.gnupg.bin / program
        command = [own if own.exists() else program, *arguments]
        try:
            return run(command, env=self.env, input=input, check=check)
        except ProgramFailed as failure:
            raise ProgramFailed(f"{failure}\n{self.log_end}") from None

    def _configure(self, scdaemon: Path) -> None:
        pinentry = self.path / "pinentry"
        program = Path(__file__).with_name("pinentry.py")
        pinentry.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{program}" "{self.path}"\n')
        pinentry.chmod(0o755)
        (self.path / "gpg-agent.conf").write_text(
            f"scdaemon-program {scdaemon}\npinentry-program {pinentry}\nenable-ssh-support\n"
            "s2k-count 65536\n"  # else it finds out first how fast the machine is
            f"log-file {self.path}/gpg-agent.log\ndebug ipc\nextra-socket none\n"
            "browser-socket none\n"
        )
        (self.path / "scdaemon.conf").write_text(
            f"disable-ccid\nlog-file {self.path}/scdaemon.log\n"
        )
