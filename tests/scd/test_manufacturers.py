from __future__ import annotations

import pytest

from scd.manufacturers import manufacturer_name


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0x0000, "test card"),
        (0x0005, "ZeitControl"),
        (0x0006, "Yubico"),
        (0xF1D0, "CanoKeys"),
        (0xF517, "FSIJ"),
        (0xFEFF, "unknown"),
        (0xFF00, "unmanaged S/N range"),
        (0xFFFE, "unmanaged S/N range"),
        (0xFFFF, "test card"),
        (0x10000, "unknown"),
    ],
)
def test_the_names_that_gnupg_prints(number: int, name: str) -> None:
    assert manufacturer_name(number) == name
