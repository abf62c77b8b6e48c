"""The words of a scenario for ``gpg --card-edit`` and for ``--edit-key`` with a card."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.bed.gnupg import Pin
from tests.bed.simulated import Profile
from tests.bed.virtual_reader import Card
from tests.system.scenario import Scenario, Step, lines

#: --expert: all curves can be chosen.
_OPTIONS = ("--expert", "--status-fd", "2")
_BOTH = ("2.2", "2.4")


def edit(
    script: str,
    *before: Callable[[Card], None],
    refused: int = 0,
    files: Mapping[str, bytes] | None = None,
    pins: Mapping[str, Pin] | None = None,
    profile: Profile | None = None,
    survived: tuple[str, ...] = _BOTH,
    better: Mapping[str, str] | None = None,
) -> Scenario:
    """A script for the menu, after which the card is listed."""
    return Scenario(
        (menu(script),),
        pins or {},
        before,
        files or {},
        refused,
        profile=profile,
        survived=survived,
        better=better or {},
    )


def menu(script: str) -> Step:
    """The menu of a card."""
    return Step("gpg", (*_OPTIONS, "--card-edit"), (*lines(script), "list", "quit"))


def key(script: str) -> Step:
    """The menu of the only OpenPGP key."""
    return Step("gpg", (*_OPTIONS, "--edit-key", "example.org"), lines(script))
