"""Keygrips: the names that GnuPG gives to key pairs, made from the public key alone."""

from __future__ import annotations

import hashlib
from dataclasses import astuple

from backends.domain import DOMAINS
from backends.token import ECPublicKey, PublicKey, RSAPublicKey
from scd.sexp import encode, unsigned


def keygrip(key: PublicKey) -> str:
    """40 upper-case hexadecimal digits (libgcrypt: gcry_pk_get_keygrip).

    RSA: over the modulus alone, with the leading 00 that it has in an S-expression.
    Curves: over the domain parameters and the point, which has no prefix 40.
    """
    hashed = unsigned(key.n) if isinstance(key, RSAPublicKey) else _curve_data(key)
    return hashlib.sha1(hashed, usedforsecurity=False).hexdigest().upper()


def _curve_data(key: ECPublicKey) -> bytes:
    values = (*astuple(DOMAINS[key.curve]), key.point)
    return b"".join(map(encode, zip("pabgnq", values, strict=True)))
