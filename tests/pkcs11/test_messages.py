"""The channel between daemon and worker: what is sent arrives, and garbage is an error, no more."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.pkcs11 import messages
from backends.pkcs11.channel import MAX_FRAME, Channel, ChannelError
from backends.pkcs11.messages import (
    Answer,
    AuthorityRecord,
    ChangePin,
    Check,
    CheckSOPin,
    Decrypt,
    ECKind,
    ECRecord,
    Failed,
    Generate,
    Import,
    KeyRecord,
    Keys,
    LogIn,
    Made,
    Random,
    Request,
    ResetPin,
    RSAKind,
    RSARecord,
    Sign,
    StoreCertificate,
    TokenRecord,
    Tokens,
    Value,
)
from backends.secret import wipe

TOKEN, REF = "ab" * 32, "P11.0123456789ABCDEF"
SECRET = b"correct horse battery staple"

_pins = st.none() | st.binary(max_size=90).map(bytearray)
_public = st.builds(RSARecord, st.binary(), st.binary()) | st.builds(
    ECRecord, st.text(), st.binary()
)
_kinds = st.builds(RSAKind, st.integers(512, 16384)) | st.builds(ECKind, st.text())
CHANGES = st.one_of(
    st.builds(
        Generate,
        *(st.just(TOKEN), st.lists(_kinds, min_size=1), st.integers(0, 15), st.text(), _pins),
    ),
    st.builds(
        Import,
        *(st.just(TOKEN), _public, st.lists(st.binary().map(bytearray), max_size=3)),
        *(st.integers(0, 15), st.text(), _pins),
    ),
    st.builds(StoreCertificate, st.just(TOKEN), st.just(REF), st.binary(), _pins),
)
REQUESTS = st.one_of(
    st.builds(Sign, st.just(TOKEN), st.just(REF), st.binary(), _pins),
    st.builds(Decrypt, st.just(TOKEN), st.just(REF), st.binary(), _pins),
    st.builds(LogIn, st.just(TOKEN), _pins),
    st.builds(ChangePin, st.just(TOKEN), st.booleans(), _pins, _pins),
    st.builds(ResetPin, st.just(TOKEN), _pins, st.binary(max_size=90).map(bytearray)),
    st.builds(CheckSOPin, st.just(TOKEN), _pins),
    CHANGES,
    st.builds(Check, CHANGES),
    st.builds(Random, st.just(TOKEN), st.integers(1, messages.MAX_RANDOM)),
)
_numbers = st.integers(0, 2**63 - 1)
ANSWERS = st.one_of(
    st.builds(Made, _public),
    st.builds(Value, st.none() | st.binary()),
    st.builds(Failed, st.text(), st.text()),
    st.builds(
        Tokens,
        st.lists(
            st.builds(
                TokenRecord,
                *(st.just(TOKEN), _numbers, st.text(), _numbers, _numbers, _numbers),
                *(st.booleans(), st.text()),
            )
        ),
        st.lists(st.text()),
    ),
    st.builds(
        Keys,
        st.lists(
            st.builds(
                KeyRecord,
                *(st.just(REF), st.builds(RSARecord, st.binary(), st.binary())),
                *(st.integers(0, 15), st.text(), st.booleans(), st.none() | _numbers),
                *(st.booleans(), st.text()),
            )
        ),
        st.lists(st.builds(AuthorityRecord, st.just(REF), st.text())),
        st.lists(st.text()),
    ),
)


class Ends:
    """Both ends of a socket pair, as the daemon's and the worker's channel."""

    def __init__(self) -> None:
        self.daemon_socket, self.worker_socket = socket.socketpair()
        self.daemon: Channel[Request, Answer] = Channel(self.daemon_socket, Answer)
        self.worker: Channel[Answer, Request] = Channel(self.worker_socket, Request)

    def everything(self) -> None:
        """Let the daemon read until an error; garbage may happen to be an answer."""
        while True:
            self.daemon.receive(time.monotonic() + 5)

    def fill(self) -> None:
        """Let the daemon send until the socket's buffer is full, as nobody reads."""
        while True:
            self.daemon.send(Sign(TOKEN, REF, bytes(1 << 19), None), time.monotonic() + 0.05)


@contextmanager
def opened() -> Iterator[Ends]:
    ends = Ends()
    with ends.daemon_socket, ends.worker_socket:
        yield ends


@pytest.fixture
def ends() -> Iterator[Ends]:
    with opened() as ends:
        yield ends


@settings(deadline=None)
@given(request=REQUESTS, answer=ANSWERS)
def test_what_is_sent_arrives(request: Request, answer: Answer) -> None:
    with opened() as ends:
        ends.daemon.send(request)
        assert ends.worker.receive() == request
        ends.worker.send(answer)
        assert ends.daemon.receive() == answer


@settings(deadline=None)
@given(garbage=st.binary(max_size=300), framed=st.booleans())
def test_garbage_is_an_error_of_the_channel_and_nothing_else(garbage: bytes, framed: bool) -> None:
    head = len(garbage).to_bytes(4) if framed else b""
    with opened() as ends:
        ends.worker_socket.sendall(head + garbage)
        ends.worker_socket.close()
        with pytest.raises(ChannelError):
            ends.everything()


@settings(deadline=None)
@given(answer=ANSWERS, data=st.data())
def test_damaged_answers_are_errors_or_answers(answer: Answer, data: st.DataObject) -> None:
    with opened() as ends:
        ends.worker.send(answer)
        frame = bytearray(ends.daemon_socket.recv(1 << 20))
        where = data.draw(st.integers(4, len(frame) - 1))
        frame[where] ^= data.draw(st.integers(1, 255))
        ends.worker_socket.sendall(frame)
        with suppress(ChannelError):
            assert isinstance(ends.daemon.receive(time.monotonic() + 5), messages.Message)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "sign", "token": "short", "ref": REF, "data": b"", "pin": None},
        {"type": "sign", "token": TOKEN, "ref": "OPENPGP.1", "data": b"", "pin": None},
        {"type": "sign", "token": TOKEN, "ref": REF, "data": b"", "pin": None, "more": 1},
        {"type": "sign", "token": TOKEN, "ref": REF, "data": 7, "pin": None},
        {"type": "random", "token": TOKEN, "n": 0},
        {"type": "random", "token": TOKEN, "n": messages.MAX_RANDOM + 1},
        {"type": "explode"},
        ["sign"],
    ],
)
def test_requests_that_break_the_rules_are_refused(ends: Ends, fields: Any) -> None:
    body = msgspec.msgpack.encode(fields)
    ends.daemon_socket.sendall(len(body).to_bytes(4) + body)
    with pytest.raises(ChannelError):
        ends.worker.receive()


def test_frames_have_a_limit(ends: Ends) -> None:
    too_much = bytes(MAX_FRAME)
    with pytest.raises(ValueError, match="too big"):
        ends.daemon.send(Sign(TOKEN, REF, too_much, None))
    ends.worker_socket.sendall((MAX_FRAME + 1).to_bytes(4))
    with pytest.raises(ChannelError, match="too long"):
        ends.daemon.receive()


def test_deadlines(ends: Ends) -> None:
    with pytest.raises(TimeoutError):
        ends.daemon.receive(time.monotonic() + 0.01)
    ends.worker_socket.sendall(b"\0\0")
    with pytest.raises(TimeoutError):
        ends.daemon.receive(time.monotonic() + 0.01)
    with pytest.raises(TimeoutError):
        ends.daemon.receive(time.monotonic() - 1)
    with pytest.raises(TimeoutError):
        ends.fill()


def test_the_other_side_hangs_up(ends: Ends) -> None:
    ends.worker_socket.close()
    with pytest.raises(ChannelError):
        ends.daemon.receive()
    with pytest.raises(ChannelError):
        ends.daemon.send(Random(TOKEN, 1))


def test_no_message_shows_what_is_in_it() -> None:
    pin = bytearray(SECRET)
    for message in (
        Sign(TOKEN, REF, SECRET, pin),
        Decrypt(TOKEN, REF, SECRET, pin),
        LogIn(TOKEN, pin),
        Value(SECRET),
        ChangePin(TOKEN, False, pin, pin),
        ResetPin(TOKEN, pin, pin),
        Check(Import(TOKEN, RSARecord(b"", b""), [pin], 1, "", pin)),
    ):
        for shown in (repr(message), str(message), f"{message}", repr([message])):
            assert SECRET.decode() not in shown


def test_errors_do_not_quote_what_was_received(ends: Ends) -> None:
    body = b"\x81\xa4type" + bytes([0xA0 + len(SECRET)]) + SECRET
    ends.daemon_socket.sendall(len(body).to_bytes(4) + body)
    with pytest.raises(ChannelError) as caught:
        ends.worker.receive()
    assert SECRET.decode() not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_pin_arrives_as_bytes_that_can_be_wiped(ends: Ends) -> None:
    ends.daemon.send(LogIn(TOKEN, bytearray(SECRET)))
    received = ends.worker.receive()
    assert isinstance(received, LogIn)
    assert isinstance(received.pin, bytearray)
    wipe(received.pin)
    assert received.pin == bytes(len(SECRET))
