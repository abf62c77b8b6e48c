"""Lines to events and back.  Which of them may come now is connection.py's business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assuan.errors import Code, LocalProtocolError, RemoteProtocolError
from assuan.events import (
    Cancel,
    Closed,
    Command,
    Comment,
    Data,
    End,
    Err,
    Event,
    Inquire,
    Ok,
    Status,
)
from assuan.lines import MAX_INQUIRE, MAX_LINE, data_lines, unescape, wipe

_BLANKS = b" \t"


def parse_command(line: bytearray) -> Command | None:
    """What a client says when it is its turn to start a command; None for a line to skip.

    Blanks after the keyword are dropped, those at the end of the line are not.
    """
    if not line or line.startswith(b"#"):
        return None
    if line[0] in _BLANKS:
        raise RemoteProtocolError(Code.ASS_SYNTAX, "leading white-space")
    return Command(*_split_word(bytes(line)))


def parse_answer(line: bytearray) -> Data | End | Cancel | None:
    """What a client says to an inquiry; None for a line to skip.

    Any line that begins with ``CAN`` cancels (libassuan assuan-inquire.c).  The line is wiped.
    """
    if not line or line.startswith(b"#"):
        return None
    if bytes(line[:2]).upper() in (b"D ", b"D"):
        return _take_data(line)
    word = bytes(line[:4]).upper()
    if word.startswith(b"CAN"):
        return Cancel()
    if word in (b"END", b"END "):
        return End()
    wipe(line)
    raise RemoteProtocolError(Code.ASS_UNEXPECTED_CMD)


def parse_response(line: bytearray) -> Ok | Err | Data | Status | Inquire | Comment | None:
    """What a server says; None for a line to skip."""
    if not line:
        return None
    if line.startswith(b"#"):
        return Comment(bytes(line[1:]).removeprefix(b" "))
    keyword = bytes(line[:8]).partition(b" ")[0]
    parser = _RESPONSES.get(keyword)
    if parser is None:
        raise RemoteProtocolError(Code.ASS_INV_RESPONSE)
    return parser(line)


def _split_word(text: bytes) -> tuple[bytes, bytes]:
    """The first word, and what follows the blanks behind it."""
    word = text.replace(b"\t", b" ").partition(b" ")[0]
    return word, text[len(word) :].lstrip(_BLANKS)


def _take_data(line: bytearray) -> Data:
    with memoryview(line) as view:
        data = unescape(view[2:])
    wipe(line)
    return Data(data)


def _parse_ok(line: bytearray) -> Ok:
    return Ok(bytes(line[3:]))


def _parse_err(line: bytearray) -> Err:
    value, _, text = bytes(line[4:]).partition(b" ")
    if not value.isdigit() or len(value) > 10:
        raise RemoteProtocolError(Code.ASS_INV_RESPONSE)
    return Err(int(value), text)


def _parse_status(line: bytearray) -> Status:
    return Status(*_split_keyword(line))


def _parse_inquire(line: bytearray) -> Inquire:
    return Inquire(*_split_keyword(line))


def _split_keyword(line: bytearray) -> tuple[bytes, bytes]:
    keyword, _, text = bytes(line).partition(b" ")[2].lstrip(_BLANKS).partition(b" ")
    if not keyword:
        raise RemoteProtocolError(Code.ASS_INV_RESPONSE)
    return keyword, text


_RESPONSES: dict[bytes, Callable[[bytearray], Ok | Err | Data | Status | Inquire]] = {
    b"OK": _parse_ok,
    b"ERR": _parse_err,
    b"D": _take_data,
    b"S": _parse_status,
    b"INQUIRE": _parse_inquire,
}


def encode(event: Event) -> bytes:
    """The line or lines of an event, with LF; nothing for Closed.

    Raises LocalProtocolError for a LF or NUL in text, a blank in a keyword, a line too long.
    """
    return _ENCODERS[type(event)](event)


def _line(*parts: bytes, limit: int = MAX_LINE) -> bytes:
    line = b" ".join(part for part in parts if part)
    if len(line) > limit:
        raise LocalProtocolError(f"line of {len(line)} bytes, limit is {limit}")
    if b"\n" in line or b"\0" in line:
        raise LocalProtocolError("LF or NUL in a line")
    return line + b"\n"


def _word(keyword: bytes) -> bytes:
    if not keyword or b" " in keyword or b"\t" in keyword:
        raise LocalProtocolError("a keyword must be one word")
    return keyword


_ENCODERS: dict[type[Event], Callable[[Any], bytes]] = {
    Command: lambda event: _line(_word(event.keyword), event.args),
    Data: lambda event: b"".join(data_lines(event.data)),
    End: lambda _: b"END\n",
    Cancel: lambda _: b"CAN\n",
    Ok: lambda event: _line(b"OK", event.text),
    Err: lambda event: _line(b"ERR", b"%d" % event.value, event.text),
    Status: lambda event: _line(b"S", _word(event.keyword), event.text),
    Inquire: lambda event: _line(b"INQUIRE", _word(event.keyword), event.text, limit=MAX_INQUIRE),
    Comment: lambda event: _line(b"#", event.text),
    Closed: lambda _: b"",
}
