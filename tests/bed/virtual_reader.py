"""One virtual reader: puts a card in Python behind vpcd, counts its APDUs, and does it harm."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol

from smartcard import scard


class Card(Protocol):
    """What stands in the reader; jcecard's OpenPGPCard is one."""

    def power_on(self) -> None: ...
    def power_off(self) -> None: ...
    def get_atr(self) -> bytes: ...
    def process_apdu(self, apdu: bytes, /) -> bytes: ...


class Pulled(Exception):
    """Raised by a fault: the card leaves the reader instead of answering."""


#: Sees each command before the card; answers in its place, or returns None to let it pass.
Fault = Callable[[bytes], bytes | None]

#: Waits until what pcscd says of the reader of that name (SCARD_STATE_*) fulfils the condition.
Watch = Callable[[str, Callable[[int], bool]], None]


def _present(state: int) -> bool:
    return bool(state & scard.SCARD_STATE_PRESENT and not state & scard.SCARD_STATE_MUTE)


def _empty(state: int) -> bool:
    return bool(state & scard.SCARD_STATE_EMPTY)


def _unused(state: int) -> bool:
    return not state & (scard.SCARD_STATE_INUSE | scard.SCARD_STATE_EXCLUSIVE)


# Control messages of vpcd: one byte.  Anything longer is an APDU.
_OFF, _ON, _RESET, _ATR = b"\x00", b"\x01", b"\x02", b"\x04"


class VirtualReader:
    """One slot of vpcd, which waits for its card on ``port``.

    ``name``: as PC/SC lists it.  ``apdus``: commands with answers, in order, PINs included: test
    cards only.  ``latency``: seconds added to every APDU.  ``fault``: see :data:`Fault`.
    """

    def __init__(self, watch: Watch) -> None:
        self.name = ""
        self.port = 0
        self.card: Card | None = None
        self.apdus: list[tuple[bytes, bytes]] = []
        self.latency = 0.0
        self.fault: Fault | None = None
        self._watch = watch
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def insert(self, card: Card) -> None:
        """Put a card in; returns when pcscd has seen it."""
        if self.card is not None:
            raise RuntimeError(f"{self.name} has a card already")
        self._watch(self.name, _empty)  # a card that a fault pulled may still be believed in
        self.card = card
        self.connect()
        self.wait_present()

    def remove(self) -> None:
        """Take the card out, if one is in; returns when pcscd has seen that none is."""
        self.card = None
        self.disconnect()
        self._watch(self.name, _empty)

    def wait_present(self) -> None:
        """Wait until pcscd has seen the card and powered it."""
        self._watch(self.name, _present)

    def wait_unused(self) -> None:
        """Wait until no program holds a connection to the card.

        pcscd resets the card of a program that ended without a word, some time after its end.  A
        card that is removed at that very moment stays "mute" in its books, whatever comes next.
        """
        self._watch(self.name, _unused)

    def connect(self) -> None:
        """Join the card to vpcd; pcscd's own start does this for cards that are in already."""
        if self.card is None:
            return
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread = threading.Thread(
            target=self._serve, args=(self._socket, self.card), name=self.name, daemon=True
        )
        self._thread.start()

    def disconnect(self) -> None:
        """End the connection and its thread; the card stays in the reader."""
        if self._socket is None or self._thread is None:
            return
        _hang_up(self._socket)
        self._thread.join(10)
        if self._thread.is_alive():
            raise RuntimeError(
                f"the card in {self.name} does not end: is a fault still holding it?"
            )
        self._socket = self._thread = None

    def _serve(self, connection: socket.socket, card: Card) -> None:
        with connection:
            try:
                while message := _receive(connection):
                    answer = self._answer(card, message)
                    if answer is not None:
                        connection.sendall(len(answer).to_bytes(2, "big") + answer)
            except OSError:
                pass  # pcscd went away, or disconnect() hung up
            except Pulled:
                self.card = None
        card.power_off()

    def _answer(self, card: Card, message: bytes) -> bytes | None:
        """Answer one message of vpcd; None where it expects nothing."""
        if message == _ATR:
            return card.get_atr()
        if message == _OFF:
            card.power_off()
        elif message == _ON:
            card.power_on()
        elif message == _RESET:
            # A card that is reset forgets its verified PINs; jcecard's own reset() does not.
            card.power_off()
            card.power_on()
        else:
            return self._exchange(card, message)
        return None

    def _exchange(self, card: Card, command: bytes) -> bytes:
        if self.latency:
            time.sleep(self.latency)
        answer = self.fault(command) if self.fault is not None else None
        if answer is None:
            answer = card.process_apdu(command)
        self.apdus.append((command, answer))
        return answer


def _receive(connection: socket.socket) -> bytes:
    """Read one message: its length in two bytes, big-endian, then the content; empty at the end."""
    size = _read(connection, 2)
    return _read(connection, int.from_bytes(size, "big")) if size else b""


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        # vpcd writes length and content apart: unless each is acknowledged at once, Nagle's
        # algorithm on its side makes every APDU cost 40 ms.  The kernel forgets the option.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = connection.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # when the other side was first
        connection.shutdown(socket.SHUT_RDWR)
