"""BER-TLV as ISO 7816-4 section 5.2.2 uses it.  What the tags mean is not here."""

from __future__ import annotations

from collections.abc import Iterator

from backends.errors import Broken


def parse(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The data objects of one level as (tag, value), in order; bytes 00 and FF between are padding.

    The tag is the number that its bytes make, big-endian: 0x5F52.  Raises Broken if an object ends
    after the data do, or has a length of more than four bytes.
    """
    at = 0
    while at < len(data):
        if data[at] in (0x00, 0xFF):
            at += 1
            continue
        tag, at = _tag(data, at)
        length, at = _length(data, at)
        if at + length > len(data):
            raise Broken("data object is cut off")
        yield tag, data[at : at + length]
        at += length


def find(data: bytes, tag: int) -> bytes | None:
    """The value of the first object with that tag on the level of ``data``, or None."""
    return next((value for found, value in parse(data) if found == tag), None)


def unwrap(tag: int, data: bytes) -> bytes:
    """The value, if ``data`` are exactly one object with that tag, else ``data`` themselves.

    Cards differ in whether GET DATA answers with or without the tag that was asked for.
    """
    try:
        objects = list(parse(data))
    except Broken:
        return data
    return objects[0][1] if [found for found, _ in objects] == [tag] else data


def encode(tag: int, value: bytes) -> bytes:
    """One object with the shortest length field."""
    return encode_header(tag, len(value)) + value


def encode_header(tag: int, length: int) -> bytes:
    """Tag and length without a value."""
    return _number(tag) + _encode_length(length)


def _tag(data: bytes, at: int) -> tuple[int, int]:
    tag, at = data[at], at + 1
    if tag & 0x1F == 0x1F:
        while True:
            octet, at = _octet(data, at), at + 1
            tag = tag << 8 | octet
            if not octet & 0x80:
                break
    return tag, at


def _length(data: bytes, at: int) -> tuple[int, int]:
    first, at = _octet(data, at), at + 1
    if first < 0x80:
        return first, at
    size = first & 0x7F
    if not 1 <= size <= 4 or at + size > len(data):
        raise Broken("data object has no usable length")
    return int.from_bytes(data[at : at + size], "big"), at + size


def _octet(data: bytes, at: int) -> int:
    if at >= len(data):
        raise Broken("data object is cut off")
    return data[at]


def _encode_length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    octets = _number(length)
    return bytes([0x80 | len(octets)]) + octets


def _number(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8 or 1, "big")
