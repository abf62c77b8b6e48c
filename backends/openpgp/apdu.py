"""Command and response APDUs of ISO 7816-4, and the ways to get long ones across.

A chain of small senders; what the commands mean is not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from backends.errors import Broken, NotSupported
from backends.openpgp.status import SW

#: Sends one APDU as it is and returns the answer, which ends with SW1 SW2.
Transmit = Callable[[bytes | bytearray], bytes]

SHORT_DATA = 255
SHORT_ANSWER = 256
#: As much as the card has: Le 0000 of an extended APDU.
ANY_LENGTH = 65536
#: One less than fits: GnuPG sends no longer chunks, so this is what cards have seen.
CHUNK = 254
_CHAIN = 0x10
_GET_RESPONSE = 0xC0


@dataclass(frozen=True, slots=True)
class Command:
    """One command.  ``le``: the most bytes of answer that are wanted, up to 65536; None: none.

    ``data``: a bytearray if they are secret; what is encoded is one then too, to be wiped.
    """

    ins: int
    p1: int
    p2: int
    data: bytes | bytearray = b""
    le: int | None = None
    cla: int = 0

    def short(self) -> bytes | bytearray:
        """Encoded with one-byte lengths; ``le`` is cut to 256, written 00."""
        encoded = type(self.data)((self.cla, self.ins, self.p1, self.p2))
        if self.data:
            encoded += bytes((len(self.data),))
            encoded += self.data
        if self.le is not None:
            encoded += bytes((min(self.le, SHORT_ANSWER) & 0xFF,))
        return encoded

    def extended(self) -> bytes | bytearray:
        """Encoded with two-byte lengths behind a zero byte; ``le`` 65536 is written 0000."""
        encoded = type(self.data)((self.cla, self.ins, self.p1, self.p2, 0))
        if self.data:
            encoded += len(self.data).to_bytes(2, "big")
            encoded += self.data
        if self.le is not None:
            encoded += (self.le & 0xFFFF).to_bytes(2, "big")
        return encoded


@dataclass(frozen=True, slots=True)
class Response:
    """Data and status word (big-endian) of one answer."""

    data: bytes
    sw: int

    @classmethod
    def parse(cls, answer: bytes) -> Response:
        if len(answer) < 2:
            raise Broken("answer without a status word")
        return cls(answer[:-2], int.from_bytes(answer[-2:], "big"))


class Sender(Protocol):
    """One way to send a command."""

    def send(self, command: Command) -> Response: ...


class Short:
    """Short APDUs; asks again, once, where the card names the right Le (6Cxx).

    ``t0``: with the protocol T=0 a command has data or Le, never both (ISO 7816-3 section 12).
    """

    def __init__(self, transmit: Transmit, t0: bool = False) -> None:
        self._transmit = transmit
        self._t0 = t0

    def send(self, command: Command) -> Response:
        if self._t0 and command.data:
            command = replace(command, le=None)
        response = _exchange(self._transmit, command.short())
        if response.sw >> 8 == 0x6C:
            command = replace(command, le=response.sw & 0xFF or SHORT_ANSWER)
            response = _exchange(self._transmit, command.short())
        return response


class Extended:
    """Extended APDUs."""

    def __init__(self, transmit: Transmit) -> None:
        self._transmit = transmit

    def send(self, command: Command) -> Response:
        return _exchange(self._transmit, command.extended())


class Chained:
    """Command chaining (ISO 7816-4 section 5.1.1.1): the data in chunks, the answer to the last."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def send(self, command: Command) -> Response:
        *first, last = (command.data[i : i + CHUNK] for i in range(0, len(command.data), CHUNK))
        try:
            for chunk in first:
                link = replace(command, cla=command.cla | _CHAIN, data=chunk, le=None)
                response = self._sender.send(link)
                if response.sw != SW.OK:
                    return response
            return self._sender.send(replace(command, data=last))
        finally:
            for chunk in (*first, last):
                _wipe(chunk)


def _exchange(transmit: Transmit, apdu: bytes | bytearray) -> Response:
    try:
        return Response.parse(transmit(apdu))
    finally:
        _wipe(apdu)


def _wipe(data: bytes | bytearray) -> None:
    """What came from the caller's secrets; those are the caller's."""
    if isinstance(data, bytearray):
        data[:] = bytes(len(data))


class Channel:
    """Picks the way that the command needs and the card has, and fetches long answers (61xx).

    ``extended`` and ``chaining``: what the card can do, set once its historical bytes are known.
    """

    def __init__(self, transmit: Transmit, t0: bool = False) -> None:
        self._short = Short(transmit, t0)
        self._extended = Extended(transmit)
        self._chained = Chained(self._short)
        self._t0 = t0
        self.extended = False
        self.chaining = False

    def send(self, command: Command) -> Response:
        """Raises NotSupported, with nothing sent, if the data are too long for this card."""
        return self._whole(self._pick(command).send(command))

    def check(self, command: Command) -> None:
        """Raise NotSupported where :meth:`send` would."""
        self._pick(command)

    def _pick(self, command: Command) -> Sender:
        fits = len(command.data) <= SHORT_DATA
        if self.extended and not self._t0 and not (fits and (command.le or 0) <= SHORT_ANSWER):
            return self._extended
        if fits:
            return self._short
        if self.chaining:
            return self._chained
        raise NotSupported("the card takes neither extended length nor command chaining")

    def _whole(self, response: Response) -> Response:
        data = response.data
        while response.sw >> 8 == 0x61:
            more = Command(_GET_RESPONSE, 0, 0, le=response.sw & 0xFF or SHORT_ANSWER)
            response = self._short.send(more)
            if not response.data and response.sw >> 8 == 0x61:
                raise Broken("the card promises more data and sends none")
            data += response.data
        return Response(data, response.sw)
