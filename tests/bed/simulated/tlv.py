"""BER-TLV, read strictly: what is not exact to the byte is refused with 6A80."""

from __future__ import annotations

from tests.bed.simulated.status import SW, Refused, require


def encode(tag: int, value: bytes) -> bytes:
    """One object, its length in the shortest form."""
    return header(tag, len(value)) + value


def encode_long(tag: int, value: bytes) -> bytes:
    """One object, its length in two bytes even if one would do."""
    return _name(tag) + b"\x82" + len(value).to_bytes(2, "big") + value


def header(tag: int, length: int) -> bytes:
    """Tag and length."""
    name = _name(tag)
    if length < 0x80:
        return name + bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return name + bytes([0x80 | len(octets)]) + octets


def _name(tag: int) -> bytes:
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big")


def read_header(data: bytes) -> tuple[int, int, bytes]:
    """Tag and length of the first object, and what follows: two-byte tags, two-byte lengths."""
    try:
        tag, at = data[0], 1
        if tag & 0x1F == 0x1F:
            tag, at = tag << 8 | data[1], 2
        length, at = data[at], at + 1
        if length >= 0x80:
            size = length & 0x7F
            require(size in (1, 2) and at + size <= len(data), SW.WRONG_DATA)
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
    except IndexError:
        raise Refused(SW.WRONG_DATA) from None
    return tag, length, data[at:]


def parse(data: bytes) -> list[tuple[int, bytes]]:
    """All objects of this level, in order."""
    found = []
    while data:
        tag, length, data = read_header(data)
        require(length <= len(data), SW.WRONG_DATA)
        found.append((tag, data[:length]))
        data = data[length:]
    return found


def only(tag: int, data: bytes) -> bytes:
    """The value of the one object that there is."""
    objects = parse(data)
    require([found for found, _ in objects] == [tag], SW.WRONG_DATA)
    return objects[0][1]
