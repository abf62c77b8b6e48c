"""What daemon and worker say to each other, and how it is framed.

A frame is a length of four bytes, big-endian, then that many bytes of MessagePack: one tagged
object.  Nothing received is trusted before msgspec has checked it against the types below.
"""

from __future__ import annotations

import socket
import time
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

#: Bytes in a frame, at most.  Certificates are the biggest things that travel.
MAX_FRAME = 1 << 20
MAX_RANDOM = 1 << 16

TokenId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
KeyRef = Annotated[str, Meta(pattern=r"^P11\.[0-9A-F]{16}$")]


class ChannelError(Exception):
    """The other side is gone or does not keep to the protocol."""


class Message(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True):
    """Any message.  The fields may be secrets, so that none is shown."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


# -- requests ------------------------------------------------------------------------------------


class Load(Message, frozen=True, tag="load"):
    """The first message: load the module and initialize it.  Answer: Done."""

    path: str


class ListTokens(Message, frozen=True, tag="tokens"):
    """Answer: Tokens."""


class GetStatus(Message, frozen=True, tag="status"):
    """Answer: TokenRecord."""

    token: TokenId


class ListKeys(Message, frozen=True, tag="keys"):
    """Answer: Keys."""

    token: TokenId


class GetCertificate(Message, frozen=True, tag="certificate"):
    """Answer: Value."""

    token: TokenId
    ref: KeyRef


class LogIn(Message, frozen=True, tag="login"):
    """Log in as the user, whether or not that was done before.  ``pin`` None: at the token's own
    PIN pad.  Answer: Done."""

    token: TokenId
    pin: bytearray | None


class LogOut(Message, frozen=True, tag="logout"):
    """Log out and close the session.  Answer: Done."""

    token: TokenId


class Sign(Message, frozen=True, tag="sign"):
    """Answer: Value."""

    token: TokenId
    ref: KeyRef
    data: bytes
    pin: bytearray | None


class Decrypt(Message, frozen=True, tag="decrypt"):
    """Decipher with RSA, or agree on a secret with ECDH.  Answer: Value."""

    token: TokenId
    ref: KeyRef
    data: bytes
    pin: bytearray | None


class Random(Message, frozen=True, tag="random"):
    """Answer: Value."""

    token: TokenId
    n: Annotated[int, Meta(ge=1, le=MAX_RANDOM)]


Request = (
    Load
    | ListTokens
    | GetStatus
    | ListKeys
    | GetCertificate
    | LogIn
    | LogOut
    | Sign
    | Decrypt
    | Random
)

# -- answers -------------------------------------------------------------------------------------


class TokenRecord(Message, frozen=True, tag="token"):
    """One token.  ``slot``: its present slot.  ``flags``: CKF of CK_TOKEN_INFO.  Lengths of the
    PIN are in bytes; ``max_pin`` 0: not known.  ``logged_in``: false in a list, which does not
    look."""

    token: TokenId
    slot: int
    label: str
    flags: int
    min_pin: int
    max_pin: int
    logged_in: bool


class Tokens(Message, frozen=True, tag="tokens"):
    """``notes``: what was left out and why, for the log."""

    tokens: list[TokenRecord]
    notes: list[str]


class RSARecord(msgspec.Struct, frozen=True, tag="rsa", forbid_unknown_fields=True):
    """Modulus and public exponent, big-endian."""

    n: bytes
    e: bytes


class ECRecord(msgspec.Struct, frozen=True, tag="ec", forbid_unknown_fields=True):
    """``oid``: as backends.curves names the curve.  ``point``: of that curve's form."""

    oid: str
    point: bytes


class KeyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key pair.  ``use``: the value of :class:`backends.token.Use`.  ``always``: the key wants
    the PIN for every single operation (CKA_ALWAYS_AUTHENTICATE)."""

    ref: KeyRef
    public: RSARecord | ECRecord
    use: Annotated[int, Meta(ge=0, le=15)]
    label: str
    certificate: bool
    created: int | None
    always: bool


class Keys(Message, frozen=True, tag="keys"):
    """``notes``: what was left out and why, for the log."""

    keys: list[KeyRecord]
    notes: list[str]


class Value(Message, frozen=True, tag="value"):
    """Bytes; None: there is no such thing."""

    value: bytes | None


class Done(Message, frozen=True, tag="done"):
    """It was done, and there is nothing to tell."""


class Failed(Message, frozen=True, tag="failed"):
    """``error``: name of a class in :mod:`backends.errors`."""

    error: str
    text: str


Answer = TokenRecord | Tokens | Keys | Value | Done | Failed

# -- the channel ---------------------------------------------------------------------------------

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


def wipe(secret: bytearray | None) -> None:
    """Overwrite a secret in place."""
    if secret is not None:
        secret[:] = bytes(len(secret))
