"""One token of each family of devices, with no PIN verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from backends.changes import PinKeeper, Writable
from backends.token import PinRef, Token


@dataclass(frozen=True)
class Specimen:
    """``tries_left``: asks the device itself, past the token; None where it does not tell."""

    token: Token
    pin: bytes
    wrong_pin: bytes
    tries_left: Callable[[], int | None]


class ChangeableToken(Token, Writable, PinKeeper, Protocol):
    """A token on which everything can be changed."""


@dataclass(frozen=True)
class Changeable:
    """An empty OpenPGP card, or token without slots.  ``tries``: asks the device itself, past the
    token."""

    token: ChangeableToken
    pins: Mapping[PinRef, bytes]
    tries: Callable[[PinRef], int]
