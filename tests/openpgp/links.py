"""Links for tests: to a recorded card, and to a virtual card in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backends.errors import NotSupported
from tests.bed.virtual_reader import Card

CARDS = Path(__file__).parent / "cards"


class NotRecorded(AssertionError):
    """The card was never asked this; nobody knows what it would answer."""


@dataclass(frozen=True)
class Recording:
    """``answers``: of each request the answers in their order.  ``learn``: GnuPG's status lines,
    keyword and rest, without ``S``."""

    atr: bytes
    exchanges: tuple[tuple[bytes, bytes], ...]
    learn: tuple[tuple[str, str], ...]

    @classmethod
    def load(cls, name: str) -> Recording:
        atr, requests, answers, learn = b"", [], [], []
        for line in (CARDS / name).read_text().splitlines():
            mark, _, rest = line.partition(" ")
            if mark == "ATR":
                atr = bytes.fromhex(rest)
            elif mark == ">":
                requests.append(bytes.fromhex(rest))
            elif mark == "<":
                answers.append(bytes.fromhex(rest))
            elif line.startswith("# S "):
                keyword, _, text = line.removeprefix("# S ").partition(" ")
                learn.append((keyword, text))
        return cls(atr, tuple(zip(requests, answers, strict=True)), tuple(learn))


class ReplayLink:
    """A recorded card.  GET RESPONSE continues the answer that came last, as on the card."""

    t0 = False

    def __init__(self, recording: Recording) -> None:
        self.reader = "Recorded 00 00"
        self.atr = recording.atr
        self.sent: list[bytes] = []
        self.closed = False
        self._exchanges = recording.exchanges
        self._at = 0

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        request = bytes(apdu)
        self.sent.append(request)
        start = self._at if request[1] == 0xC0 else 0
        for at in range(start, len(self._exchanges)):
            if self._exchanges[at][0] == request:
                self._at = at + 1
                return self._exchanges[at][1]
        raise NotRecorded(request.hex())

    def control(self, code: int, data: bytes) -> bytes:
        raise NotSupported("a recording has no reader")

    def begin(self) -> None: ...

    def end(self) -> None: ...

    def reconnect(self) -> None: ...

    def reset(self) -> None: ...

    def close(self) -> None:
        self.closed = True


class VirtualLink:
    """A card in this process.  ``sent``: the commands, PINs included: test cards only."""

    t0 = False

    def __init__(self, card: Card) -> None:
        self.card = card
        self.reader = "Virtual 00 00"
        self.atr = card.get_atr()
        self.sent: list[bytes] = []
        self.closed = False
        card.power_on()

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        self.sent.append(bytes(apdu))
        return self.card.process_apdu(bytes(apdu))

    def control(self, code: int, data: bytes) -> bytes:
        raise NotSupported("no command for this reader")

    def begin(self) -> None: ...

    def end(self) -> None: ...

    def reconnect(self) -> None: ...

    def reset(self) -> None:
        self.card.power_off()
        self.card.power_on()

    def close(self) -> None:
        self.closed = True
