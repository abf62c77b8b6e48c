"""Another program that uses the card through PC/SC at the same time."""

from __future__ import annotations

from types import TracebackType

from smartcard import scard

SELECT_PIV = "00A4040005A000000308"
_PROTOCOLS = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1


class Rival:
    """Connected while in its context; leaves the card as it is unless told otherwise."""

    def __init__(self, reader: str, exclusive: bool = False) -> None:
        self._reader = reader
        self._mode = scard.SCARD_SHARE_EXCLUSIVE if exclusive else scard.SCARD_SHARE_SHARED

    def __enter__(self) -> Rival:
        code, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        assert code == 0
        code, self._card, self._protocol = scard.SCardConnect(
            self._context, self._reader, self._mode, _PROTOCOLS
        )
        assert code == 0, scard.SCardGetErrorMessage(code)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        scard.SCardDisconnect(self._card, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(self._context)

    def transmit(self, apdu: str) -> str:
        code, answer = scard.SCardTransmit(self._card, self._protocol, list(bytes.fromhex(apdu)))
        assert code == 0
        return bytes(answer).hex().upper()

    def reset(self) -> None:
        code, self._protocol = scard.SCardReconnect(
            self._card, scard.SCARD_SHARE_SHARED, _PROTOCOLS, scard.SCARD_RESET_CARD
        )
        assert code == 0

    def begin(self) -> None:
        assert scard.SCardBeginTransaction(self._card) == 0

    def end(self) -> None:
        assert scard.SCardEndTransaction(self._card, scard.SCARD_LEAVE_CARD) == 0
