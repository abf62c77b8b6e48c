"""Algorithms by the names that GnuPG gives them, to and from the records of the contract."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assuan.errors import AssuanError, Code
from backends.curves import BY_NAME, BY_OID, Curve
from backends.openpgp.algorithms import parse_information
from backends.token import Algorithm, ECAlgorithm, RSAAlgorithm, Use
from scd.fingerprint import ECDH, ECDSA, EDDSA, RSA, ec_algo
from scd.view import SLOT_USES

#: Bits of an RSA modulus that a slot may be set to, and what they are rounded up to
#: (scd/app-openpgp.c, change_rsa_keyattr).
_MIN_BITS, _MAX_BITS, _STEP = 1024, 4096, 32

_KEY_ATTR = re.compile(rb"--force[ \t]+(-?\d+)[ \t]+(\d+)[ \t]+(.*)", re.DOTALL)
_NUMBER = re.compile(r"[ \t]*(\d{1,9})")

#: Tags of the algorithm information object (OpenPGP card 3.4 section 4.4.3.11) and the number
#: that GnuPG shows for each: that of the slot, 129 for the attestation key.
_SLOT_NUMBERS = {0xC1: 1, 0xC2: 2, 0xC3: 3, 0xDA: 129}


def slot_ref(text: str, *, number: bool = False) -> str:
    """``OPENPGP.1`` to ``.3`` from any spelling of it; ``number``: the bare number will do.

    Raises INV_ID.
    """
    match = re.fullmatch(r"(?i:(OPENPGP)\.)?([1-3])", text)
    if match is None or not (number or match[1]):
        raise AssuanError(Code.INV_ID)
    return f"OPENPGP.{match[2]}"


def slot_use(ref: str) -> Use:
    """What the key in that slot is for."""
    return SLOT_USES[int(ref[-1]) - 1]


def key_attr(value: bytes) -> tuple[str, Algorithm]:
    """Slot and algorithm of ``SETATTR KEY-ATTR``: ``--force 1 22 ed25519``.

    Raises what GnuPG does (scd/app-openpgp.c, change_keyattr_from_string): INV_DATA, PUBKEY_ALGO,
    INV_ID, TOO_SHORT, TOO_LARGE, WRONG_PUBKEY_ALGO.
    """
    match = _KEY_ATTR.fullmatch(value.rstrip(b"\0"))
    if match is None:
        raise AssuanError(Code.INV_DATA, "--force, slot, algorithm and its name are wanted")
    number, algo, name = int(match[1]), int(match[2]), match[3].decode(errors="replace").strip()
    if algo not in (RSA, ECDH, ECDSA, EDDSA):
        raise AssuanError(Code.PUBKEY_ALGO)
    curve = None if algo == RSA else _curve(name)
    ref = slot_ref(str(number), number=True)
    if curve is None:
        # As GnuPG does, which skips the three letters without a look at them.
        found = _NUMBER.match(name[3:])
        return ref, _rsa(int(found[1]) if found else 0)
    return ref, _on_curve(curve, ref, algo)


def named_algorithm(name: str, ref: str) -> Algorithm:
    """The algorithm that GENKEY --algo names, for that slot.  Raises as :func:`key_attr`."""
    if re.fullmatch(r"rsa\d{1,9}", name):
        return _rsa(int(name[3:]))
    if re.fullmatch(r"(dsa|elg)\d+", name):
        raise AssuanError(Code.PUBKEY_ALGO)
    curve = _curve(name)
    return _on_curve(curve, ref, ec_algo(curve, slot_use(ref)))


def _curve(name: str) -> Curve:
    curve = BY_NAME.get(name.lower()) or BY_OID.get(name)
    if curve is None:
        raise AssuanError(Code.INV_DATA, "unknown curve")
    return curve


def _rsa(nbits: int) -> RSAAlgorithm:
    if nbits < _MIN_BITS:
        raise AssuanError(Code.TOO_SHORT)
    if nbits > _MAX_BITS:
        raise AssuanError(Code.TOO_LARGE)
    return RSAAlgorithm(-(-nbits // _STEP) * _STEP)


def _on_curve(curve: Curve, ref: str, algo: int) -> ECAlgorithm:
    """Only the slot for decryption takes ECDH, and nothing else; and a curve has its algorithm."""
    use = slot_use(ref)
    if (algo == ECDH) is not (use is Use.DECRYPT) or algo != ec_algo(curve, use):
        raise AssuanError(Code.WRONG_PUBKEY_ALGO)
    return ECAlgorithm(algo, curve)


def offered(information: bytes) -> Iterator[tuple[int, str]]:
    """Number of the slot and name of each algorithm in the algorithm information object (DO FA)."""
    for tag, algorithm in parse_information(information):
        if tag in _SLOT_NUMBERS:
            yield _SLOT_NUMBERS[tag], algorithm.name
