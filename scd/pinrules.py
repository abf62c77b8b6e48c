"""What the configuration says of one token's PINs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from backends.token import TokenInfo
from scd.choices import PinOptions


@dataclass(frozen=True, slots=True)
class PinRules:
    """``lifetime``: how long they last."""

    lifetime: PinOptions = field(default_factory=PinOptions)


#: Finds the rules for a token.
RuleFinder = Callable[[TokenInfo], PinRules]
