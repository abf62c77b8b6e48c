"""What each kind of change takes: one table.

A check needs no PIN and writes nothing; an action runs with its PIN verified.  Both are called
within an operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backends.changes import (
    Attest,
    Change,
    GenerateKey,
    SetAlgorithm,
    SetAttribute,
    WriteCertificate,
    WriteKey,
)
from backends.openpgp import data_changes, key_changes
from backends.openpgp.application import Application
from backends.token import PinRef, PublicKey


@dataclass(frozen=True, slots=True)
class Kind:
    """``check`` raises BadInput, NotSupported or NotFound."""

    pin: Callable[[Application, Any], PinRef]
    check: Callable[[Application, Any], object]
    action: Callable[[Application, Any], PublicKey | None]


def _admin(application: Application, change: Change) -> PinRef:
    return PinRef.PW3


KINDS: dict[type[Change], Kind] = {
    SetAttribute: Kind(
        lambda application, change: data_changes.row_of(application, change).pin,
        data_changes.row_of,
        data_changes.set_attribute,
    ),
    SetAlgorithm: Kind(_admin, key_changes.check_set_algorithm, key_changes.set_algorithm),
    GenerateKey: Kind(_admin, key_changes.check_generate, key_changes.generate),
    WriteKey: Kind(_admin, key_changes.check_write_key, key_changes.write_key),
    WriteCertificate: Kind(_admin, data_changes.check_certificate, data_changes.write_certificate),
    Attest: Kind(
        lambda application, change: PinRef.PW1_81, data_changes.check_attest, data_changes.attest
    ),
}
