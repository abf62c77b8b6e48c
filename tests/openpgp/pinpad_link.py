"""A reader with a pinpad in this process, whose user does as the test says."""

from __future__ import annotations

from backends.errors import NotSupported
from backends.openpgp.pinpad import GET_FEATURE_REQUEST
from tests.bed.virtual_reader import Card
from tests.openpgp.bench import Faulty

_VERIFY_CODE, _MODIFY_CODE = 0x42330006, 0x42330007
#: Tags of features, and the bytes before abData in the structure that each takes.
_HEADERS = {_VERIFY_CODE: 19, _MODIFY_CODE: 24}


class PinpadLink(Faulty):
    """``typed``: what comes of the next entries: a PIN, or PINs, as the reader puts them into the
    command; a status word; or an exception.  ``looks``: how often the reader was asked what it can.
    """

    features = bytes.fromhex("060442330006 070442330007")

    def __init__(self, card: Card) -> None:
        super().__init__(card)
        self.reader = "REINER SCT cyberJack RFID 00 00"
        self.typed: list[bytes | int | Exception] = []
        self.entries: list[bytes] = []
        self.looks = 0

    def control(self, code: int, data: bytes) -> bytes:
        if code == GET_FEATURE_REQUEST:
            self.looks += 1
            return self.features
        if code not in _HEADERS:
            raise NotSupported("no such command")
        command = data[_HEADERS[code] :]
        self.entries.append(command)
        typed = self.typed.pop(0)
        if isinstance(typed, Exception):
            raise typed
        if isinstance(typed, int):
            return typed.to_bytes(2, "big")
        return self.transmit(command[:4] + bytes((len(typed),)) + typed)
