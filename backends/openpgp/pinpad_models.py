"""Readers with a pinpad that need to be known by name: one table, of what GnuPG found out about
them (scd/apdu.c, pcsc_vendor_specific_init)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backends.openpgp.pinpad import Property

#: SCARD_CTL_CODE(1) of pcsclite's reader.h, IOCTL_SMARTCARD_VENDOR_IFD_EXCHANGE of the driver.
VENDOR_IFD_EXCHANGE = 0x42000000 + 1


@dataclass(frozen=True, slots=True)
class Model:
    """``vendor``, ``product``: as on USB; 0: any.  ``name``: part of the reader's name, for drivers
    that tell no numbers.  ``varlen``: takes PINs of any length.  ``longest``: digits; 0: as it says
    itself.  ``setup``: what it must be told first, through the driver."""

    vendor: int
    product: int = 0
    name: str = ""
    varlen: bool = True
    longest: int = 0
    setup: bytes = b""


MODELS: tuple[Model, ...] = (
    Model(0x04E6, 0xE003, "SPRx32", setup=bytes.fromhex("800200")),
    Model(0x046A, 0, "ST-2xxx", longest=15),
    Model(0x0C4B, 0, "cyberJack"),
    Model(0x1A44, 0, "DIGIPASS"),
    Model(0x234B, 0, "Gnuk"),
    Model(0x0D46, 0, "KAAN"),
    Model(0x1FC9, 0x81E6, "Trustica"),
    # Else it asks the card for its tries by a VERIFY without data, which costs some cards one.
    Model(0x0982, 0x0008, varlen=False, setup=bytes.fromhex("B501000300")),
)

_UNKNOWN = Model(0, varlen=False)


def find(properties: Mapping[int, int], reader: str) -> Model:
    """By its numbers if the driver tells them, else by the name."""
    vendor, product = properties.get(Property.VENDOR), properties.get(Property.PRODUCT)
    for model in MODELS:
        if vendor is None:
            if model.name and model.name in reader:
                return model
        elif vendor == model.vendor and model.product in (0, product):
            return model
    return _UNKNOWN
