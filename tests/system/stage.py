"""Runs a scenario twice at the same time: GnuPG's own scdaemon on one card, another on its twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bed.gnupg import GnuPG, Home
from tests.bed.stand_in import StandIn
from tests.bed.terminal import on_terminal
from tests.bed.virtual_reader import Card, VirtualReader
from tests.system.masks import masked
from tests.system.outcome import Outcome, asked, refusals, state
from tests.system.scenario import Scenario, Step

_SETTINGS = {"gpg.conf": b"disable-dirmngr\n", "anyscd.toml": b"[pkcs11]\nuse-p11-kit = false\n"}
#: gpg says so after each answer that it read.
_READ = "[GNUPG:] GOT_IT"


@dataclass(frozen=True)
class Place:
    """A reader, and what is in it all the time."""

    reader: VirtualReader
    stand_in: StandIn

    @contextmanager
    def holding(self, card: Card) -> Iterator[None]:
        """Put a card in, and take it when nobody uses it any more."""
        self.reader.wait_unused()
        self.reader.apdus.clear()
        self.stand_in.put(card)
        try:
            yield
            self.reader.wait_unused()
        finally:
            self.stand_in.take()


@dataclass(frozen=True)
class Stage:
    """``make_card``: makes the card of a scenario, as it left the factory, always with the same
    serial number.  ``software_key``: for scenarios that want a key on no card; what gpg exports."""

    places: tuple[Place, Place]
    make_card: Callable[[Scenario], Card]
    software_key: Callable[[], bytes]

    def perform(self, scenario: Scenario, gnupg: GnuPG, scdaemon: Path) -> tuple[Outcome, Outcome]:
        """Run a scenario with GnuPG's own scdaemon and with another; return what came of both."""
        with ThreadPoolExecutor(2) as pool:
            daemons = (gnupg.scdaemon, scdaemon)
            runs = [
                pool.submit(self._perform, place, scenario, gnupg, daemon)
                for place, daemon in zip(self.places, daemons, strict=True)
            ]
            expected, ours = (run.result() for run in runs)
            return expected, ours

    def _perform(self, place: Place, scenario: Scenario, gnupg: GnuPG, scdaemon: Path) -> Outcome:
        card = self.make_card(scenario)
        for prepare in scenario.before:
            prepare(card)
        home = Home(gnupg, scdaemon, pins=scenario.all_pins)
        furnish(home, scenario.files, place.reader.name)
        with place.holding(card), home:
            if scenario.software_key:
                home.gpg("--import", input=self.software_key())
            said = "".join(_run(home, step) for step in scenario.steps)
            said += "".join(f"out: {file.read_bytes().hex()}\n" for file in home.path.glob("out"))
            prompts, logs = home.prompts, home.log_end
        names = {str(home.path): "HOME", place.reader.name: "READER"}
        return Outcome(
            masked(said, names).splitlines(),
            asked(prompts),
            state(card),
            refusals(place.reader.apdus),
            sum(len(step.answers or ()) for step in scenario.steps) - said.count(_READ),
            logs,
        )


def furnish(home: Home, files: Mapping[str, bytes], reader: str) -> None:
    """Write settings and other files; the daemon gets one reader for its own."""
    for name, content in (_SETTINGS | dict(files)).items():
        (home.path / name).write_bytes(content)
    with (home.path / "scdaemon.conf").open("a") as settings:
        settings.write(f"reader-port {reader}\n")


def _run(home: Home, step: Step) -> str:
    words = [_filled(word, home) for word in step.words]
    answers = [_filled(answer, home) for answer in step.answers or ()]
    return on_terminal(
        [home.gnupg.bin / step.program, *words],
        home.env,
        answers=None if step.answers is None else "".join(f"{answer}\n" for answer in answers),
        typed="".join(f"{line}\n" for line in step.typed),
    )


def _filled(word: str, home: Home) -> str:
    before, mark, name = word.replace("{bin}", str(home.gnupg.bin)).partition("{home}/")
    if not mark:
        return before
    found = list(home.path.glob(name)) if "*" in name else []
    return before + str(found[0] if found else home.path / name)
