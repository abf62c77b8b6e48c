"""Private keys from outside: the extended header list (section 4.4.3.12), and version 1's way."""

from __future__ import annotations

from tests.bed.simulated import tlv
from tests.bed.simulated.algorithms import (
    CRT,
    CRT_N,
    STANDARD_N,
    CurveAttributes,
    RSAAttributes,
)
from tests.bed.simulated.keys import (
    PrivateKey,
    RSAKey,
    curve_of_secret,
    exponent_size,
    rsa_of_primes,
)
from tests.bed.simulated.state import IMPORTED, Key, State
from tests.bed.simulated.status import SW, require

#: Slots by the tag of their control reference template.
TEMPLATES = {0xB6: 1, 0xB8: 2, 0xA4: 3}
#: Slots by the tag under which version 1 takes their keys (its section 4.3.3.6).
VERSION_1 = {0xE0: 1, 0xE1: 2, 0xE2: 3}

_HEADER_LIST, _LENGTHS, _VALUES = 0x4D, 0x7F48, 0x5F48
_E, _P, _Q, _U, _DP, _DQ, _N = range(0x91, 0x98)
_SECRET, _POINT = 0x92, 0x99
_NATIVE_PREFIX = 0x40


def put_key(state: State, data: bytes) -> None:
    """Import what the attributes of the slot announce, and nothing else."""
    slot, fields = _unpack(data)
    attributes = state.attributes(slot)
    if isinstance(attributes, RSAAttributes):
        key: PrivateKey = _rsa(attributes, fields)
    else:
        key = _curve(attributes, fields, state.profile.whole_point)
    state.put_key(slot, Key(key, IMPORTED))


def _unpack(data: bytes) -> tuple[int, dict[int, bytes]]:
    """Slot, and values by tag: all lengths come first, then all values in one piece."""
    tag, length, body = tlv.read_header(tlv.only(_HEADER_LIST, data))
    require(tag in TEMPLATES and length == 0, SW.WRONG_DATA)
    (first, lengths), (second, values) = [*tlv.parse(body), (0, b""), (0, b"")][:2]
    require((first, second) == (_LENGTHS, _VALUES), SW.WRONG_DATA)
    fields: dict[int, bytes] = {}
    while lengths:
        name, size, lengths = tlv.read_header(lengths)
        require(name not in fields and size <= len(values), SW.WRONG_DATA)
        fields[name], values = values[:size], values[size:]
    require(not values, SW.WRONG_DATA)
    return TEMPLATES[tag], fields


def _rsa(attributes: RSAAttributes, fields: dict[int, bytes]) -> RSAKey:
    wanted = {_E, _P, _Q}
    wanted |= {_U, _DP, _DQ} if attributes.form in (CRT, CRT_N) else set()
    wanted |= {_N} if attributes.form in (STANDARD_N, CRT_N) else set()
    require(fields.keys() == wanted, SW.WRONG_DATA)
    half = attributes.bits // 16
    require(len(fields[_E]) == exponent_size(attributes), SW.WRONG_DATA)
    require(len(fields[_P]) == len(fields[_Q]) == half, SW.WRONG_DATA)
    numbers = {tag: int.from_bytes(octets, "big") for tag, octets in fields.items()}
    e, p, q = numbers[_E], numbers[_P], numbers[_Q]
    key = rsa_of_primes(attributes, e, p, q)
    due = {_U: pow(q, -1, p), _DP: pow(e, -1, p - 1), _DQ: pow(e, -1, q - 1), _N: p * q}
    for tag in wanted & due.keys():
        require(numbers[tag] == due[tag], SW.WRONG_DATA)
        require(len(fields[tag]) <= (2 * half if tag == _N else half), SW.WRONG_DATA)
    return key


def _curve(attributes: CurveAttributes, fields: dict[int, bytes], whole: bool) -> PrivateKey:
    required = {_SECRET, _POINT} if attributes.point_wanted else {_SECRET}
    require(required <= fields.keys() <= {_SECRET, _POINT}, SW.WRONG_DATA)
    key = curve_of_secret(attributes.name, fields[_SECRET], whole)
    if _POINT in fields:
        point, due = fields[_POINT], tlv.only(0x86, key.public)
        # OpenPGP writes native points with 40 in front; GnuPG hands them on like that.
        native = point[1:] if len(point) == len(due) + 1 and point[0] == _NATIVE_PREFIX else point
        require(native == due, SW.WRONG_DATA)
    return key


def put_key_version_1(state: State, slot: int, data: bytes) -> bytes:
    """C0 exponent of four bytes, C1 and C2 primes."""
    require(state.profile.key_import, SW.UNKNOWN_INS)
    state.require_admin()
    attributes, fields = state.attributes(slot), tlv.parse(data)
    assert isinstance(attributes, RSAAttributes)
    half = attributes.bits // 16
    shape = [(tag, len(octets)) for tag, octets in fields]
    require(shape == [(0xC0, 4), (0xC1, half), (0xC2, half)], SW.WRONG_DATA)
    e, p, q = (int.from_bytes(octets, "big") for _, octets in fields)
    state.put_key(slot, Key(rsa_of_primes(attributes, e, p, q), IMPORTED))
    return b""
