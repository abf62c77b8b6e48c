"""What one side of an Assuan dialogue says to the other, one frozen record per kind of line.

Records only: the bytes they come from are connection.py.  Text is bytes, as on the wire and
without its line end.  What may hold a secret (data, arguments) is left out of the repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Command:
    """Client: ``KEYWORD[ args]``.  The keyword is as the client spelled it.

    RESET, CANCEL, OPTION, and END or D outside of an inquiry are commands like any other.
    """

    keyword: bytes
    args: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Data:
    """Either side: decoded data.  Received: of one D line.  Sent: of any length, cut into lines."""

    data: bytes | bytearray = field(repr=False)


@dataclass(frozen=True, slots=True)
class End:
    """Client: ``END``, the answer to an inquiry is complete."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Client: ``CAN``, there is no answer to the inquiry."""


@dataclass(frozen=True, slots=True)
class Ok:
    """Server: ``OK[ text]``, the command is done; as first line, the greeting."""

    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Err:
    """Server: ``ERR value[ text]``.  ``value`` is ``source << 24 | code``, see errors.py."""

    value: int
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Status:
    """Server: ``S KEYWORD[ text]``, beside the result."""

    keyword: bytes
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Inquire:
    """Server: ``INQUIRE KEYWORD[ text]``, a question that the client answers with data."""

    keyword: bytes
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Comment:
    """Server: ``# text``, for human eyes.  Those of a client are skipped, as are empty lines."""

    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Closed:
    """Either side: end of file."""


Event = Command | Data | End | Cancel | Ok | Err | Status | Inquire | Comment | Closed
