"""Command APDUs of ISO 7816-4, short, extended and chained, and answers in pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.bed.simulated.profile import Profile
from tests.bed.simulated.status import SW, Refused, require

_CHAINED = 0x10
_SECURE_MESSAGING = 0x0C
_GET_RESPONSE = 0xC0
_SHORT, _EXTENDED = 256, 65536


@dataclass(frozen=True, slots=True)
class Command:
    """``le``: the most bytes that are wanted."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None
    extended: bool = False

    @property
    def p1p2(self) -> int:
        return self.p1 << 8 | self.p2


def parse(apdu: bytes) -> Command:
    """The four cases of ISO 7816-3 section 12.1, with one-byte or two-byte lengths."""
    require(len(apdu) >= 4, SW.WRONG_LENGTH)
    command, body = Command(*apdu[:4]), apdu[4:]
    if not body:
        return command
    if len(body) == 1:
        return replace(command, le=body[0] or _SHORT)
    if body[0] == 0 and len(body) >= 3:
        return _extended(command, body[1:])
    data, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
    require(len(data) == body[0] and len(rest) <= 1, SW.WRONG_LENGTH)
    return replace(command, data=data, le=(rest[0] or _SHORT) if rest else None)


def _extended(command: Command, body: bytes) -> Command:
    size = int.from_bytes(body[:2], "big")
    if len(body) == 2:
        return replace(command, le=size or _EXTENDED, extended=True)
    data, rest = body[2 : 2 + size], body[2 + size :]
    require(size and len(data) == size and len(rest) in (0, 2), SW.WRONG_LENGTH)
    le = (int.from_bytes(rest, "big") or _EXTENDED) if rest else None
    return replace(command, data=data, le=le, extended=True)


#: Data and status word of one whole command; raises Refused.
Execute = Callable[[Command], tuple[bytes, int]]


class Transport:
    """Puts chained commands together, and hands out long answers in pieces."""

    def __init__(self, profile: Profile, execute: Execute) -> None:
        self._profile = profile
        self._execute = execute
        self.forget()

    def forget(self) -> None:
        """Power is off."""
        self._chain: Command | None = None
        self._pending = b""
        self._kept: tuple[Command, bytes] | None = None

    def process(self, apdu: bytes) -> bytes:
        """Answer one APDU."""
        try:
            data, sw = self._process(parse(apdu))
        except Refused as refused:
            self._chain = None
            data, sw = b"", refused.sw
        return data + sw.to_bytes(2, "big")

    def _process(self, command: Command) -> tuple[bytes, int]:
        self._check(command)
        if command.ins == _GET_RESPONSE:
            return self._continue(command)
        self._pending = b""
        if (kept := self._repeated(command)) is not None:
            return kept, SW.OK
        whole = self._collect(command)
        if whole is None:
            return b"", SW.OK
        data, sw = self._execute(whole)
        return self._answer(command, data, sw)

    def _check(self, command: Command) -> None:
        """Whether the card understands commands of this class and length."""
        profile = self._profile
        require(not command.extended or profile.extended_length, profile.no_extended)
        require(len(command.data) <= max(profile.max_command, 255), SW.WRONG_LENGTH)
        if command.cla & _CHAINED:
            require(profile.chaining, SW.NO_CHAINING)
        require(not command.cla & _SECURE_MESSAGING, SW.NO_SECURE_MESSAGING)

    def _collect(self, command: Command) -> Command | None:
        """The whole command; None if more of it is to come (ISO 7816-4 section 5.3.3)."""
        last, self._chain = self._chain, None
        if last is not None and _header(last) == _header(command):
            command = replace(command, data=last.data + command.data)
            if len(command.data) > self._profile.chain_buffer:
                raise Refused(self._profile.chain_overflow)
        if not command.cla & _CHAINED:
            return command
        self._chain = replace(command, cla=command.cla & ~_CHAINED)
        return None

    def _answer(self, command: Command, data: bytes, sw: int) -> tuple[bytes, int]:
        """``command``: as it came, the last of a chain: that one comes again after 6Cxx."""
        room = command.le or _SHORT
        wants_exact = self._profile.exact_le and command.le and not command.extended
        if wants_exact and 0 < len(data) <= _SHORT and len(data) != command.le:
            self._kept = replace(command, le=len(data)), data
            return b"", SW.WRONG_LE | len(data) & 0xFF
        return self._piece(data, min(room, self._profile.max_response), sw)

    def _continue(self, command: Command) -> tuple[bytes, int]:
        """GET RESPONSE (section 7.2.18)."""
        require(self._pending, SW.CONDITIONS)
        require(not command.p1p2 and not command.data, SW.WRONG_P1_P2)
        return self._piece(self._pending, command.le or _SHORT, SW.OK)

    def _piece(self, data: bytes, room: int, sw: int) -> tuple[bytes, int]:
        piece, self._pending = data[:room], data[room:]
        left = len(self._pending)
        return piece, 0x6100 | (left if left < _SHORT else 0) if left else sw

    def _repeated(self, command: Command) -> bytes | None:
        """The answer that waits for the command to come again with the right Le."""
        kept, self._kept = self._kept, None
        return kept[1] if kept is not None and kept[0] == command else None


def _header(command: Command) -> tuple[int, int, int, int]:
    return command.cla & ~_CHAINED, command.ins, command.p1, command.p2
