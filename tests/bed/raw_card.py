"""An OpenPGP card without a reader: raw commands past any daemon, and which PINs it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from backends.openpgp import tlv
from backends.openpgp.kdf import KDF
from backends.token import PinRef
from tests.bed.virtual_reader import Card

SUCCESS = "9000"
_SELECT = "00A4040006D27600012401"
_REFERENCES = {PinRef.PW1_81: 0x81, PinRef.PW1_82: 0x82, PinRef.PW3: 0x83}


class RawCard:
    """A card that was just powered; ``selected``: the status word of SELECT."""

    def __init__(self, card: Card) -> None:
        self._card = card
        card.power_on()
        self.selected = self.send(_SELECT)[1]

    def send(self, command: str) -> tuple[bytes, str]:
        """Send one command, in hexadecimal; return all of the answer, and the status word."""
        answer = self._card.process_apdu(bytes.fromhex(command))
        data = answer[:-2]
        while answer[-2] == 0x61:
            answer = self._card.process_apdu(bytes([0, 0xC0, 0, 0, answer[-1]]))
            data += answer[:-2]
        return data, answer[-2:].hex().upper()

    def verify(self, ref: PinRef, pin: str) -> str:
        """Send VERIFY, with what the card's KDF makes of the PIN; return the status word."""
        return self.send(f"002000{_REFERENCES[ref]:02X}" + _field(self._derived(ref, pin)))[1]

    def reset(self, code: str, new: str) -> str:
        """Send RESET RETRY COUNTER with a resetting code; return the status word."""
        return self.send("002C0081" + _field(code.encode() + new.encode()))[1]

    def _derived(self, ref: PinRef, pin: str) -> bytes:
        data, status = self.send("00CA00F900")
        kdf = KDF.parse(tlv.unwrap(0xF9, data)) if status == SUCCESS else None
        return bytes(kdf.derive(ref, pin.encode())) if kdf is not None else pin.encode()


def try_pins(card: RawCard, candidates: Mapping[PinRef, Sequence[str]]) -> Iterator[str]:
    """Try PINs until one is taken, for each reference; tell what the card said."""
    for ref, pins in candidates.items():
        for pin in pins:
            status = card.verify(ref, pin)
            yield f"{ref.value} {pin}: {status}"
            if status == SUCCESS:
                break


def _field(data: bytes) -> str:
    return f"{len(data):02X}{data.hex()}"
