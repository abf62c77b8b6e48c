"""What the configuration says of one token's PINs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from backends.token import TokenInfo
from scd.choices import PinOptions
from scd.pinsource import PinSource


@dataclass(frozen=True, slots=True)
class PinRules:
    """``lifetime``: how long they last.  ``source``: where they come from, if not from the user."""

    lifetime: PinOptions = field(default_factory=PinOptions)
    source: PinSource | None = None


#: Finds the rules for a token.
RuleFinder = Callable[[TokenInfo], PinRules]
