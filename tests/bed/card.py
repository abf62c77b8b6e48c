"""The OpenPGP card of the bed: jcecard, an OpenPGP 3.4 card by other hands, made quiet."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jcecard.main import OpenPGPCard

USER_PIN = "123456"
ADMIN_PIN = "12345678"

#: OpenSC knows cards by their ATR, and not jcecard's own; this is a YubiKey 4's.
YUBIKEY_ATR = bytes.fromhex("3bf81300008131fe15597562696b657934d4")


def openpgp_card(store: Path, serial: int = 1, atr: bytes | None = None) -> OpenPGPCard:
    """Make the card that keeps its state in ``store``, or take it up again.

    ``serial``: the card's number in its AID, 32 bits.
    """
    jcecard = _load()
    card = jcecard.OpenPGPCard(atr or jcecard.DEFAULT_ATR, store)
    card.card_state.serial_number = serial
    return card


def _load() -> ModuleType:
    """Import jcecard, which sets up the root logger and logs every APDU, and undo that."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    module = importlib.import_module("jcecard.main")
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("jcecard").setLevel(logging.CRITICAL + 1)
    return module
