"""The KDF-DO: vectors that a real YubiKey accepted, and a naive S2K beside ours."""

from __future__ import annotations

import hashlib

import pytest

from backends.errors import NotSupported
from backends.openpgp import tlv
from backends.openpgp.kdf import KDF
from backends.token import PinRef

#: DO F9 as far as it is set up, and the hashes: cards/README.md says where they are from.
YUBIKEY_DO = "81010382010a8304000186a08408abababababababab8508abababababababab8608abababababababab"
YUBIKEY_PW1 = (
    "c6a8ae5ea8adf3cc733df4212bfd595098f4b9998b8c06ed38f5e281625d618b"
    "56ccd4dac0c91d287873caa38599c333a27eec3133b622719dcee8f18b2da073"
)
YUBIKEY_PW3 = (
    "4697ac90356e37c9e1f7097d3a5721b75986af308920304b110cb6a7775a8a85"
    "2de7d3b913a92f45afc1fc5ce87b9a4ae3227de8f4f1aa03c841fd32f10b000f"
)


def kdf(*fields: tuple[int, bytes]) -> KDF | None:
    return KDF.parse(b"".join(tlv.encode(tag, value) for tag, value in fields))


def test_hashes_that_a_yubikey_accepted() -> None:
    parsed = KDF.parse(bytes.fromhex(YUBIKEY_DO))
    assert parsed is not None
    assert parsed.derive(PinRef.PW1_81, b"123456").hex() == YUBIKEY_PW1
    assert parsed.derive(PinRef.PW1_82, b"123456").hex() == YUBIKEY_PW1
    assert parsed.derive(PinRef.PW3, b"12345678").hex() == YUBIKEY_PW3


@pytest.mark.parametrize("count", [0, 1, 14, 15, 1000, 100_000])
def test_salts_of_each_pin_and_any_count(count: int) -> None:
    salts = {PinRef.PW1_81: b"saltPW1.", PinRef.PW1_82: b"saltPW1.", PinRef.PW3: b"saltPW3."}
    parsed = kdf(
        (0x81, b"\3"), (0x82, b"\x08"), (0x83, count.to_bytes(4, "big")),
        (0x84, b"saltPW1."), (0x86, b"saltPW3."),
    )  # fmt: skip
    assert parsed is not None
    for ref, salt in salts.items():
        salted = salt + b"123456"
        octets = (salted * (count + 1))[: max(count, len(salted))]
        assert parsed.derive(ref, bytearray(b"123456")) == hashlib.sha256(octets).digest()


def test_one_salt_for_all() -> None:
    parsed = kdf((0x81, b"\3"), (0x82, b"\x08"), (0x83, b"\0\0\1\0"), (0x84, b"saltsalt"))
    assert parsed is not None
    assert parsed.derive(PinRef.PW3, b"12345678") == parsed.derive(PinRef.PW1_81, b"12345678")


def test_no_derivation() -> None:
    assert kdf((0x81, b"\0")) is None


@pytest.mark.parametrize(
    "fields",
    [
        [(0x81, b"\1"), (0x82, b"\x08"), (0x84, b"saltsalt")],
        [(0x81, b"\3"), (0x82, b"\x02"), (0x84, b"saltsalt")],
        [(0x81, b"\3"), (0x82, b"\x08")],
    ],
)
def test_unknown_derivations_are_refused(fields: list[tuple[int, bytes]]) -> None:
    with pytest.raises(NotSupported):
        kdf(*fields)
