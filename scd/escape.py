"""Escaping of the fields in status lines and arguments.  That of D lines is assuan's own."""

from __future__ import annotations

import re

#: Where send_status_info of GnuPG (scd/command.c) cuts off what it sends, well inside the 1000
#: bytes of a line.
STATUS_LIMIT = 948

_UNSAFE = re.compile(rb'[\x00-\x20"%+]')
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})|\+")


def plus_escape(data: bytes) -> bytes:
    """One field of a status line: control characters, ``"``, ``%`` and ``+`` as %XX, the blank
    as ``+``, everything else, UTF-8 and 7F included, as it is."""
    return _UNSAFE.sub(lambda m: b"+" if m[0] == b" " else b"%%%02X" % m[0][0], data)


def unescape(data: bytes) -> bytes:
    """Undo %XX and ``+``; a ``%`` without two hexadecimal digits stands for itself."""
    return _ESCAPED.sub(lambda m: bytes.fromhex(m[1].decode()) if m[1] else b" ", data)


def status_fields(*fields: bytes) -> bytes:
    """The arguments of a status line: escaped, empty ones left out, joined by blanks, cut off
    behind the last whole character that fits into STATUS_LIMIT bytes."""
    line = b" ".join(plus_escape(field) for field in fields if field)
    if len(line) <= STATUS_LIMIT:
        return line
    cut = STATUS_LIMIT
    percent = line.rfind(b"%", cut - 2, cut)
    return line[: percent if percent >= 0 else cut]
