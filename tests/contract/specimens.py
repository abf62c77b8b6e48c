"""One token of each family of devices, its PIN not verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backends.token import Token


@dataclass(frozen=True)
class Specimen:
    """``tries_left``: asks the device itself, past the token; None where it does not tell."""

    token: Token
    pin: bytes
    wrong_pin: bytes
    tries_left: Callable[[], int | None]
