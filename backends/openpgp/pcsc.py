"""PC/SC through pyscard's thin layer: the one file that imports it, and late, for it costs 30 ms.

Every call of it drops the GIL (its SWIG %exception wraps them all in Py_BEGIN_ALLOW_THREADS).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from smartcard import scard

from backends.errors import Broken, Busy, NotSupported, Removed, TokenError
from backends.openpgp.bounded import BoundedCall
from backends.openpgp.link import LinkLost
from backends.openpgp.watchdog import Watchdog

#: How long another program may hold the card before we say so: the reader for itself alone, which
#: is looked at every tenth of a second, or a transaction.
EXCLUSIVE_SECONDS = 2.0
TRANSACTION_SECONDS = 10.0
_POLL_SECONDS = 0.1

_PROTOCOLS = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
_NO_END = "another program does not end its transaction with the card"
_PNP = "\\\\?PnP?\\Notification"

_LOST = frozenset(
    {
        scard.SCARD_W_RESET_CARD,
        scard.SCARD_W_UNPOWERED_CARD,
        scard.SCARD_E_INVALID_HANDLE,
        scard.SCARD_E_NO_SERVICE,
        scard.SCARD_E_SERVICE_STOPPED,
        scard.SCARD_E_COMM_DATA_LOST,
        scard.SCARD_E_NOT_TRANSACTED,
        scard.SCARD_E_SYSTEM_CANCELLED,
        scard.SCARD_F_COMM_ERROR,
        scard.SCARD_F_INTERNAL_ERROR,
    }
)
_REMOVED = frozenset(
    {
        scard.SCARD_W_REMOVED_CARD,
        scard.SCARD_E_NO_SMARTCARD,
        scard.SCARD_E_UNKNOWN_READER,
        scard.SCARD_E_READER_UNAVAILABLE,
        scard.SCARD_E_NO_READERS_AVAILABLE,
    }
)
#: What pcscd makes of a driver's "I do not know that", and of all else that a driver may answer to
#: a control code (winscard.c, SCardControl; ifdwrapper.c, IFDControl).
_NO_CONTROL = (scard.SCARD_E_UNSUPPORTED_FEATURE, scard.SCARD_E_NOT_TRANSACTED)
_NO_SERVICE = frozenset({scard.SCARD_E_NO_SERVICE, scard.SCARD_E_SERVICE_STOPPED})


def _message(code: int) -> str:
    if code in _NO_SERVICE:
        return "the PC/SC service (pcscd) is not running"
    return (
        str(scard.SCardGetErrorMessage(code)).rstrip(".") or f"PC/SC error {code & 0xFFFFFFFF:08X}"
    )


def _check(code: int) -> None:
    """Raise what a PC/SC return code means for a card that was there before."""
    if code == scard.SCARD_S_SUCCESS:
        return
    if code in _LOST:
        raise LinkLost(_message(code))
    raise _failure(code)


def _failure(code: int) -> TokenError:
    if code in _REMOVED:
        return Removed("the card was removed")
    if code == scard.SCARD_E_SHARING_VIOLATION:
        return Busy("reader held exclusively by another program")
    return Broken(_message(code))


class Context:
    """One connection to the PC/SC service, made when it is needed.

    The library serialises the calls of one context; whoever must not wait has one of his own.
    ``generation`` counts the connections: what was learned in an older one may be untrue.
    """

    def __init__(self) -> None:
        self._handle: int | None = None
        self.generation = 0

    def handle(self) -> int:
        """Raises Broken if the service cannot be reached."""
        if self._handle is None:
            code, handle = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
            if code != scard.SCARD_S_SUCCESS:
                raise Broken(_message(code))
            self._handle = handle
            self.generation += 1
        return self._handle

    def cancel(self) -> None:
        """End the wait of another thread in :func:`wait`."""
        if self._handle is not None:
            scard.SCardCancel(self._handle)

    def release(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            scard.SCardReleaseContext(handle)


@dataclass(frozen=True, slots=True)
class ReaderState:
    """``state``: the service's flags, and a count of insertions and removals above bit 16."""

    reader: str
    state: int

    @property
    def holds_card(self) -> bool:
        return bool(self.state & scard.SCARD_STATE_PRESENT) and not (
            self.state & scard.SCARD_STATE_MUTE
        )

    @property
    def events(self) -> int:
        return self.state >> 16 & 0xFFFF


def reader_states(context: Context) -> list[ReaderState]:
    """All readers, now.  Raises LinkLost if the service went away, Broken if it is not there."""
    code, readers = scard.SCardListReaders(context.handle(), [])
    if code == scard.SCARD_E_NO_READERS_AVAILABLE or (code == 0 and not readers):
        return []
    _check(code)
    return _status_change(context, [ReaderState(r, scard.SCARD_STATE_UNAWARE) for r in readers], 0)


def wait(context: Context, known: Sequence[ReaderState], milliseconds: int) -> None:
    """Block until a reader is no longer as ``known``, readers come or go, ``cancel`` or time."""
    _status_change(context, [*known, ReaderState(_PNP, scard.SCARD_STATE_UNAWARE)], milliseconds)


def _status_change(
    context: Context, known: Sequence[ReaderState], milliseconds: int
) -> list[ReaderState]:
    pairs = [(each.reader, each.state) for each in known]
    code, states = scard.SCardGetStatusChange(context.handle(), milliseconds, pairs)
    if code not in (
        scard.SCARD_E_TIMEOUT,
        scard.SCARD_E_CANCELLED,
        scard.SCARD_E_UNKNOWN_READER,  # It went while we asked: the next look shows the rest.
    ):
        _check(code)
    return [ReaderState(name, state & ~scard.SCARD_STATE_CHANGED) for name, state, _ in states]


@dataclass(slots=True)
class _Handle:
    """A connection to a card, in a context of its own.  ``protocol``: T=0 or T=1."""

    context: Context
    card: int
    protocol: int

    def close(self) -> None:
        scard.SCardDisconnect(self.card, scard.SCARD_LEAVE_CARD)
        self.context.release()


@cache
def _connector(reader: str) -> BoundedCall[_Handle]:
    """One for each reader: pcscd leaves SCardConnect unanswered during the transaction of another
    program (winscard.c, "Waiting for release of lock"), and nothing ends that wait."""
    return BoundedCall(lambda: _connect(reader), _Handle.close)


def _connect(reader: str) -> _Handle:
    context, deadline = Context(), time.monotonic() + EXCLUSIVE_SECONDS
    while True:
        code, card, protocol = scard.SCardConnect(
            context.handle(), reader, scard.SCARD_SHARE_SHARED, _PROTOCOLS
        )
        if code == scard.SCARD_S_SUCCESS:
            return _Handle(context, card, protocol)
        if code != scard.SCARD_E_SHARING_VIOLATION or time.monotonic() >= deadline:
            context.release()
            raise _failure(code)
        time.sleep(_POLL_SECONDS)


class PCSCLink:
    """The card in one reader, shared with other programs.  Meets Link."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._handle = self._connected()
        self._watchdog = Watchdog(TRANSACTION_SECONDS, lambda: self._handle.context.release())
        try:
            self.atr = self._read_atr()
        except LinkLost as exc:
            self.close()
            raise Broken(str(exc)) from None
        except TokenError:
            self.close()
            raise

    @property
    def reader(self) -> str:
        return self._reader

    @property
    def t0(self) -> bool:
        return bool(self._handle.protocol == scard.SCARD_PROTOCOL_T0)

    def begin(self) -> None:
        with self._time_limit():
            _check(scard.SCardBeginTransaction(self._handle.card))

    def end(self) -> None:
        _check(scard.SCardEndTransaction(self._handle.card, scard.SCARD_LEAVE_CARD))

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        octets = list(apdu)
        try:
            code, answer = scard.SCardTransmit(self._handle.card, self._handle.protocol, octets)
        finally:
            octets.clear()
        _check(code)
        return bytes(answer)

    def control(self, code: int, data: bytes) -> bytes:
        result, answer = scard.SCardControl(self._handle.card, code, list(data))
        if result in _NO_CONTROL:
            raise NotSupported(_message(result))
        _check(result)
        return bytes(answer)

    def reconnect(self) -> None:
        """The handle is kept if it is only the card that was reset; else all is made anew."""
        try:
            self._reconnect(scard.SCARD_LEAVE_CARD)
        except LinkLost:
            self._handle.close()
            self._handle = self._connected()

    def reset(self) -> None:
        self._reconnect(scard.SCARD_UNPOWER_CARD)

    def close(self) -> None:
        self._handle.close()
        self._watchdog.close()

    def _connected(self) -> _Handle:
        try:
            return _connector(self._reader).within(TRANSACTION_SECONDS)
        except TimeoutError:
            raise Busy(_NO_END) from None

    def _reconnect(self, initialization: int) -> None:
        with self._time_limit():
            code, protocol = scard.SCardReconnect(
                self._handle.card, scard.SCARD_SHARE_SHARED, _PROTOCOLS, initialization
            )
            _check(code)
        self._handle.protocol = protocol

    def _read_atr(self) -> bytes:
        with self._time_limit():
            code, _, _, _, atr = scard.SCardStatus(self._handle.card)
            _check(code)
        return bytes(atr)

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        """Busy if another program's transaction lasts too long.

        The calls that wait for it cannot be told to give up.  But they ask again every 100 ms with
        the context unlocked in between (winscard_clnt.c), and fail once it is released.
        """
        try:
            with self._watchdog.watching():
                yield
        except LinkLost:
            if self._watchdog.has_bitten:
                raise Busy(_NO_END) from None
            raise
