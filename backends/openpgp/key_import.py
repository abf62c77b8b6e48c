"""Private keys as cards take them (OpenPGP card 3.4 section 4.4.3.12): pure functions.

Everything is a bytearray that the caller wipes.
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.changes import ECPrivateKey, PrivateKey, RSAPrivateKey
from backends.curves import CURVE25519
from backends.errors import BadInput
from backends.openpgp import tlv
from backends.openpgp.slots import Slot
from backends.token import Algorithm, ECAlgorithm, RSAAlgorithm

_EXTENDED_HEADER_LIST, _TEMPLATE, _DATA = 0x4D, 0x7F48, 0x5F48
_E, _P, _Q, _INVERSE, _DP, _DQ, _N = 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97
_SECRET, _POINT = 0x92, 0x99
#: Import formats (section 4.4.3.10): bit 1 wants the modulus, bit 2 the parts for the CRT.
_WITH_MODULUS, _WITH_CRT = 0x01, 0x02
#: Objects of version 1.1 (its section 4.3.3.6).
_V1_E, _V1_P, _V1_Q = 0xC0, 0xC1, 0xC2

#: Tag and value, in order.
_Parts = Sequence[tuple[int, bytes]]


def extended_header_list(slot: Slot, private: PrivateKey, algorithm: Algorithm) -> bytearray:
    """The data of PUT DATA (odd instruction) for this key.  ``algorithm``: the slot's attributes.

    Raises BadInput for numbers that do not fit the card's fields.
    """
    if isinstance(private, RSAPrivateKey):
        assert isinstance(algorithm, RSAAlgorithm)
        parts = _rsa_parts(private, algorithm)
    else:
        assert isinstance(algorithm, ECAlgorithm)
        parts = _ec_parts(private, algorithm)
    header = b"".join(tlv.encode_header(tag, len(value)) for tag, value in parts)
    length = sum(len(value) for _, value in parts)
    before = slot.crt + tlv.encode(_TEMPLATE, header) + tlv.encode_header(_DATA, length)
    data = bytearray(tlv.encode_header(_EXTENDED_HEADER_LIST, len(before) + length) + before)
    for _, value in parts:
        data += value
    return data


def version_1(private: RSAPrivateKey) -> bytearray:
    """The data of PUT DATA E0 to E2 of a card of version 1."""
    e, p, q = private.public.e, private.p, private.q
    half = private.public.size // 2
    parts = ((_V1_E, _number(e, 4)), (_V1_P, _number(p, half)), (_V1_Q, _number(q, half)))
    data = bytearray()
    for tag, value in parts:
        data += bytes((tag, len(value))) + value
    return data


def _rsa_parts(private: RSAPrivateKey, algorithm: RSAAlgorithm) -> _Parts:
    p, q, e = private.p, private.q, private.public.e
    half = (algorithm.nbits // 2 + 7) // 8
    parts = [
        (_E, _number(e, (algorithm.ebits + 7) // 8)),
        (_P, _number(p, half)),
        (_Q, _number(q, half)),
    ]
    if algorithm.import_format & _WITH_CRT:
        parts.append((_INVERSE, _number(pow(q, -1, p), half)))
        parts.append((_DP, _number(pow(e, -1, p - 1), half)))
        parts.append((_DQ, _number(pow(e, -1, q - 1), half)))
    if algorithm.import_format & _WITH_MODULUS:
        parts.append((_N, _number(private.public.n, algorithm.nbits // 8)))
    return parts


def _ec_parts(private: ECPrivateKey, algorithm: ECAlgorithm) -> _Parts:
    # Curve25519's scalar goes as an integer, as OpenPGP has it; all else as it is.
    reverse = private.public.curve is CURVE25519
    parts = [(_SECRET, private.secret[::-1] if reverse else private.secret)]
    if algorithm.public_wanted:
        parts.append((_POINT, private.public.point))
    return parts


def _number(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise BadInput(f"a part of the key does not fit into {size} bytes") from None
