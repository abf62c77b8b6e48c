"""APDUs by hand, for tests that judge a card and not the driver."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bed.virtual_reader import Card

SELECT = bytes.fromhex("00A4040006D27600012401")
OK = 0x9000


@dataclass(frozen=True)
class Answer:
    data: bytes
    sw: int


class Hand:
    """Holds a card, powered, with the application selected if ``select``."""

    def __init__(self, card: Card, select: bool = True) -> None:
        self.card = card
        card.power_on()
        if select:
            assert self.raw(SELECT).sw == OK

    def raw(self, apdu: bytes | str) -> Answer:
        """Send it as it is."""
        octets = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = self.card.process_apdu(octets)
        return Answer(answer[:-2], int.from_bytes(answer[-2:], "big"))

    def send(self, header: str, data: bytes = b"", le: int | None = 0) -> Answer:
        """Send it with extended lengths; ``header``: four bytes in hexadecimal."""
        command = bytes.fromhex(header) + b"\0"
        if data:
            command += len(data).to_bytes(2, "big") + data
        return self.raw(command if le is None else command + le.to_bytes(2, "big"))

    def chain(self, header: str, data: bytes, size: int = 254) -> Answer:
        """Send it in chunks; the first answer that is not 9000, or that to the last."""
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        for number, chunk in enumerate(chunks, 1):
            octets = bytearray.fromhex(header) + bytes([len(chunk)]) + chunk
            octets[0] |= 0x10 * (number < len(chunks))
            answer = self.raw(bytes(octets))
            if answer.sw != OK:
                break
        return answer

    def get(self, tag: int) -> Answer:
        return self.raw(f"00CA{tag:04X}00")

    def put(self, tag: int, content: bytes) -> int:
        apdu = bytes.fromhex(f"00DA{tag:04X}{len(content):02X}") + content
        return self.raw(apdu if content else apdu[:-1]).sw

    def verify(self, p2: int, pin: bytes) -> int:
        return self.raw(bytes([0, 0x20, 0, p2, len(pin)]) + pin).sw

    def is_verified(self, p2: int) -> bool:
        return self.raw(bytes([0, 0x20, 0, p2])).sw == OK

    def change(self, p2: int, old: bytes, new: bytes) -> int:
        both = old + new
        return self.raw(bytes([0, 0x24, 0, p2, len(both)]) + both).sw

    def reset(self, data: bytes, by_code: bool = False) -> int:
        """RESET RETRY COUNTER of PW1: after PW3, or by resetting code and new PIN."""
        return self.raw(bytes([0, 0x2C, 0 if by_code else 2, 0x81, len(data)]) + data).sw

    def admin(self) -> Hand:
        assert self.verify(0x83, b"12345678") == OK
        return self

    def user(self) -> Hand:
        assert [self.verify(p2, b"123456") for p2 in (0x81, 0x82)] == [OK, OK]
        return self
