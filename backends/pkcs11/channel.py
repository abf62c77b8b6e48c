"""How daemon and worker exchange messages over a socket pair.

A frame is a length of four bytes, big-endian, then that many bytes of MessagePack: one tagged
object.  Nothing received is trusted before msgspec has checked it against the type that is due.
"""

from __future__ import annotations

import socket
import time
from typing import Any, Generic, TypeVar

import msgspec

from backends.pkcs11.messages import Message

#: Bytes in a frame, at most.  Certificates are the biggest things that travel.
MAX_FRAME = 1 << 20


class ChannelError(Exception):
    """The other side is gone or does not keep to the protocol."""


In = TypeVar("In")
Out = TypeVar("Out", bound=Message)


class Channel(Generic[Out, In]):
    """One end of the socket pair: sends ``Out``, receives ``In``.

    ``receives``: the type, or union of types, ``In``.
    Deadlines are in the time of :func:`time.monotonic`; None waits for ever.  Raises TimeoutError
    and ChannelError.
    """

    def __init__(self, sock: socket.socket, receives: Any) -> None:
        self._socket = sock
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[In] = msgspec.msgpack.Decoder(receives)

    def send(self, message: Out, deadline: float | None = None) -> None:
        """Raises ValueError, with nothing sent, for a message that is too big."""
        frame = bytearray(4)
        try:
            self._encoder.encode_into(message, frame, 4)
            if len(frame) - 4 > MAX_FRAME:
                raise ValueError("message too big")
            frame[:4] = (len(frame) - 4).to_bytes(4)
            self._limit(deadline)
            self._socket.sendall(frame)
        except TimeoutError:
            raise
        except OSError as error:
            raise ChannelError("the other side is gone") from error
        finally:
            frame[:] = bytes(len(frame))  # It may hold a PIN.

    def receive(self, deadline: float | None = None) -> In:
        length = int.from_bytes(self._exactly(4, deadline))
        if length > MAX_FRAME:
            raise ChannelError("frame too long")
        frame = self._exactly(length, deadline)
        try:
            return self._decoder.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # The cause is not chained: it may quote what was received.
            raise ChannelError("message not understood") from None
        finally:
            frame[:] = bytes(length)

    def _exactly(self, count: int, deadline: float | None) -> bytearray:
        frame = bytearray(count)
        view, done = memoryview(frame), 0
        while done < count:
            self._limit(deadline)
            try:
                received = self._socket.recv_into(view[done:])
            except TimeoutError:
                raise
            except OSError as error:
                raise ChannelError("the other side is gone") from error
            if not received:
                raise ChannelError("the other side is gone")
            done += received
        return frame

    def _limit(self, deadline: float | None) -> None:
        if deadline is None:
            self._socket.settimeout(None)
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
