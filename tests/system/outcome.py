"""All that a scenario left behind, as text that two runs of it can be compared by."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from backends.token import PinRef
from tests.bed.card import ADMIN_PIN, USER_PIN
from tests.bed.contents import contents
from tests.bed.gnupg import GnuPG, Prompt
from tests.bed.raw_card import SUCCESS, RawCard, try_pins
from tests.bed.virtual_reader import Card
from tests.system.scenario import (
    NEW_ADMIN_PIN,
    NEW_RESET_CODE,
    NEW_USER_PIN,
    PINS,
    RESET_CODE,
    Scenario,
)

_PIN_COMMANDS = {0x20: "VERIFY", 0x24: "CHANGE", 0x2C: "RESET"}
_HARMLESS = (bytes.fromhex(SUCCESS), bytes.fromhex("6700"))
_CANDIDATES = {
    PinRef.PW1_82: (USER_PIN, NEW_USER_PIN),
    PinRef.PW3: (ADMIN_PIN, NEW_ADMIN_PIN),
}
_PROTECTED = ("0103", "0104")


@dataclass(frozen=True)
class Outcome:
    """``said``: on the terminal.  ``prompts``: at the pinentry.  ``card``: what is on it, and which
    PINs it takes.  ``refused``: commands with a wrong PIN, or one that is blocked.  ``unread``:
    answers that gpg did not ask for.  ``logs``: for the report of a failure."""

    said: Sequence[str]
    prompts: Sequence[str]
    card: Sequence[str]
    refused: Sequence[str]
    unread: int
    logs: str

    def text(self) -> list[str]:
        parts = {"terminal": self.said, "card": self.card}
        return [line for name, part in parts.items() for line in (f"--- {name}", *part)]


def check(scenario: Scenario, gnupg: GnuPG, expected: Outcome, ours: Outcome) -> None:
    """Fail where the second outcome is not the first, or the first is not what was meant."""
    if gnupg.name in scenario.survived:
        assert expected.unread == 0, "\n".join(expected.said)
    assert len(expected.refused) == scenario.refused, expected.refused
    said = [scenario.better.get(line, line) for line in expected.said]
    if differences := difference(replace(expected, said=said), ours):
        pytest.fail(differences, pytrace=False)
    assert not Counter(ours.prompts) - Counter(expected.prompts), "asks for more than GnuPG does"
    assert len(ours.refused) <= len(expected.refused), f"lost tries: {ours.refused}"


def difference(expected: Outcome, ours: Outcome) -> str:
    """Empty if there is none; else what differs, line by line, with the logs of the second."""
    lines = list(difflib.unified_diff(expected.text(), ours.text(), "oracle", "ours", lineterm=""))
    return "\n".join([*lines, "", ours.logs]) if lines else ""


def asked(prompts: Sequence[Prompt]) -> list[str]:
    """What the pinentry was asked for, but for the words in which it was."""
    return [
        f"{prompt.kind} {next(part for part in (*PINS, '') if part in prompt.desc)} {prompt.error}"
        for prompt in prompts
    ]


def refusals(apdus: Sequence[tuple[bytes, bytes]]) -> list[str]:
    """The commands with a PIN that the card refused; not for their length, which costs no try."""
    return [
        f"{_PIN_COMMANDS[command[1]]} {command[2:4].hex().upper()}: {answer.hex().upper()}"
        for command, answer in apdus
        if command[1] in _PIN_COMMANDS and len(command) > 5 and answer not in _HARMLESS
    ]


def state(card: Card) -> list[str]:
    """The content of a card, and its PINs, of which tries may be used up by this."""
    raw = RawCard(card)
    if raw.selected != SUCCESS:
        return [f"SELECT {raw.selected}"]
    found = [f"{name}: {value}" for name, value in contents(raw).items()]
    found += try_pins(raw, _CANDIDATES)
    for tag in _PROTECTED:
        data, status = raw.send(f"00CA{tag}00")
        found.append(f"{tag} with PINs: {data.hex()} {status}")
    for code in (RESET_CODE, NEW_RESET_CODE):
        found.append(f"reset code {code}: {raw.reset(code, USER_PIN)}")
    return found
