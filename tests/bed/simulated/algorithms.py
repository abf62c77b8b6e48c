"""Algorithm attributes, DO C1 to C3 (sections 4.4.3.9 and 4.4.3.10): names, bytes, slots."""

from __future__ import annotations

from dataclasses import dataclass

SIGN, DECRYPT, AUTHENTICATE = 1, 2, 3
SLOTS = (SIGN, DECRYPT, AUTHENTICATE)

RSA, ECDH, ECDSA, EDDSA = 0x01, 0x12, 0x13, 0x16
POINT_WANTED = 0xFF

#: Import formats of RSA keys: standard, with modulus, CRT, CRT with modulus.
STANDARD, STANDARD_N, CRT, CRT_N = range(4)


@dataclass(frozen=True, slots=True)
class RSAAttributes:
    """``exponent_bits``: of the public exponent's field.  ``form``: import format."""

    bits: int
    exponent_bits: int
    form: int


@dataclass(frozen=True, slots=True)
class CurveAttributes:
    """``point_wanted``: the public key must be in the import template."""

    name: str
    point_wanted: bool


Attributes = RSAAttributes | CurveAttributes

#: Content of the OBJECT IDENTIFIER of each curve.
OIDS: dict[str, bytes] = {
    "nistp256": bytes.fromhex("2a8648ce3d030107"),
    "nistp384": bytes.fromhex("2b81040022"),
    "nistp521": bytes.fromhex("2b81040023"),
    "brainpoolP256r1": bytes.fromhex("2b2403030208010107"),
    "brainpoolP384r1": bytes.fromhex("2b240303020801010b"),
    "brainpoolP512r1": bytes.fromhex("2b240303020801010d"),
    "secp256k1": bytes.fromhex("2b8104000a"),
    "ed25519": bytes.fromhex("2b06010401da470f01"),
    "ed448": bytes.fromhex("2b6571"),
    "cv25519": bytes.fromhex("2b060104019755010501"),
    "x448": bytes.fromhex("2b656f"),
}
_NAMES = {oid: name for name, oid in OIDS.items()}
_EDWARDS, _MONTGOMERY = ("ed25519", "ed448"), ("cv25519", "x448")

RSA_SIZES = ("rsa2048", "rsa3072", "rsa4096")
ALL = ("rsa1024", *RSA_SIZES, *OIDS)


def identifier(name: str, slot: int) -> int | None:
    """The first byte of the attributes; None where the algorithm is not for the slot."""
    if name.startswith("rsa"):
        return RSA
    if slot == DECRYPT:
        return None if name in _EDWARDS else ECDH
    return None if name in _MONTGOMERY else EDDSA if name in _EDWARDS else ECDSA


def curve_bytes(name: str, slot: int) -> bytes:
    """Attributes of a curve."""
    kind = identifier(name, slot)
    assert kind is not None
    return bytes([kind]) + OIDS[name]


def rsa_bytes(bits: int, exponent_bits: int, form: int | None) -> bytes:
    """Attributes of RSA; ``form`` None: five bytes, as in version 1."""
    tail = b"" if form is None else bytes([form])
    return bytes([RSA]) + bits.to_bytes(2, "big") + exponent_bits.to_bytes(2, "big") + tail


def parse(data: bytes, slot: int) -> Attributes | None:
    """None for what no key of the slot can have."""
    if data[:1] == bytes([RSA]) and len(data) in (5, 6):
        bits, exponent = int.from_bytes(data[1:3], "big"), int.from_bytes(data[3:5], "big")
        return RSAAttributes(bits, exponent, data[5] if len(data) == 6 else STANDARD)
    wanted = data[-1:] == bytes([POINT_WANTED])
    name = _NAMES.get(data[1:-1] if wanted else data[1:])
    if name is None or identifier(name, slot) != data[0]:
        return None
    return CurveAttributes(name, wanted)
