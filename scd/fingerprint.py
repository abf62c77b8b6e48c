"""OpenPGP version 4 fingerprints of public keys."""

from __future__ import annotations

import hashlib

from backends.curves import Curve, Form, encode_oid
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use
from scd.sexp import prefixed_point

#: Public key algorithms of RFC 4880 section 9.1 and RFC 6637 section 5.
RSA, ECDH, ECDSA, EDDSA = 1, 18, 19, 22

#: KDF hash and key wrap cipher of an ECDH key by the size of its curve: SHA-256 and AES-128,
#: SHA-384 and AES-256, SHA-512 and AES-256 (g10/ecdh.c, kek_params_table).  For 384 bits GnuPG 2.2
#: takes AES-192, as RFC 6637 section 12.2.1 has it: such a key gets another fingerprint there.
_KEK_PARAMS = ((256, b"\x08\x07"), (384, b"\x09\x09"), (528, b"\x0a\x09"))


def fingerprint(key: PublicKey, created: int, use: Use, kdf: bytes | None = None) -> bytes:
    """20 bytes (RFC 4880 section 12.2, RFC 6637).

    ``created``: seconds since the epoch.  ``use``: DECRYPT makes a key on a Weierstrass curve an
    ECDH key, anything else an ECDSA key.  ``kdf``: KDF field of an ECDH key, None for the usual.
    """
    body = b"\x04" + created.to_bytes(4, "big") + _material(key, use, kdf)
    packet = b"\x99" + len(body).to_bytes(2, "big") + body
    return hashlib.sha1(packet, usedforsecurity=False).digest()


def ec_algo(curve: Curve, use: Use) -> int:
    """The OpenPGP algorithm of a key on that curve with that use."""
    if curve.form is Form.EDWARDS:
        return EDDSA
    return ECDH if curve.form is Form.MONTGOMERY or Use.DECRYPT in use else ECDSA


def kek_params(curve: Curve) -> bytes:
    """The KDF field of an ECDH key: 03 01 hash cipher."""
    return b"\x03\x01" + next(params for bits, params in _KEK_PARAMS if curve.bits <= bits)


def _material(key: PublicKey, use: Use, kdf: bytes | None) -> bytes:
    if isinstance(key, RSAPublicKey):
        return bytes([RSA]) + _mpi(_big_endian(key.n)) + _mpi(_big_endian(key.e))
    return _ec_material(key, ec_algo(key.curve, use), kdf or kek_params(key.curve))


def _ec_material(key: ECPublicKey, algo: int, kdf: bytes) -> bytes:
    oid = encode_oid(key.curve.oid)
    field = kdf if algo == ECDH else b""
    return bytes([algo, len(oid)]) + oid + _mpi(prefixed_point(key)) + field


def _big_endian(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _mpi(value: bytes) -> bytes:
    """RFC 4880 section 3.2: the length in bits, then the bytes without leading zeros."""
    value = value.lstrip(b"\0")
    return int.from_bytes(value, "big").bit_length().to_bytes(2, "big") + value
