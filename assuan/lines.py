"""Assuan lines as bytes: their limits, and the escaping inside D lines.

No state, and no notion of whose turn it is: that is connection.py.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Bytes of a line without its LF or CR LF (libassuan: ASSUAN_LINELENGTH 1002, both included).
MAX_LINE = 1000

#: Bytes of an INQUIRE line without its LF (libassuan assuan-inquire.c).
MAX_INQUIRE = 992

_MAX_PAYLOAD = MAX_LINE - len(b"D ")
_HEX = frozenset(b"0123456789ABCDEFabcdef")


def escape(data: bytes | bytearray) -> bytes:
    """Escape what may not stand in a D line: ``%``, CR and LF.  NUL and 8-bit bytes stay raw."""
    escaped = data.replace(b"%", b"%25").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
    return bytes(escaped)


def unescape(line: bytes | bytearray | memoryview) -> bytearray:
    """Decode every ``%XX``.  A ``%`` at the end of the line with fewer than two bytes behind it is
    dropped, as libassuan does; one that no hex digits follow stands for itself.

    The result is a fresh bytearray, and no other copy is made: a secret can be wiped.
    """
    decoded = bytearray(line)
    read = write = decoded.find(b"%")
    if read < 0:
        return decoded
    while read < len(decoded):
        byte = decoded[read]
        read += 1
        if byte == 0x25:
            if read + 2 > len(decoded):
                continue
            if _HEX.issuperset(decoded[read : read + 2]):
                byte = int(decoded[read : read + 2], 16)
                read += 2
        decoded[write] = byte
        write += 1
    wipe(decoded, write)
    del decoded[write:]
    return decoded


def data_lines(data: bytes | bytearray) -> Iterator[bytes]:
    """Cut data into D lines of at most MAX_LINE bytes, LF not counted but appended.

    An escape is never split over two lines.  No data: no line.
    """
    escaped = escape(data)
    start = 0
    while start < len(escaped):
        end = start + _MAX_PAYLOAD
        if end < len(escaped):
            # In escaped data each % begins an escape of three bytes.
            tail = escaped.rfind(b"%", end - 2, end)
            end = end if tail < 0 else tail
        yield b"D %b\n" % escaped[start:end]
        start = end


def wipe(secret: bytearray, start: int = 0) -> None:
    """Overwrite a secret in place, from ``start`` to its end."""
    secret[start:] = bytes(len(secret) - start)
