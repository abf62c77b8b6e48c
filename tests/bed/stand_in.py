"""A card that becomes another one in its reader, unseen by pcscd, which would take its time."""

from __future__ import annotations

from tests.bed.virtual_reader import Card

#: The default: jcecard's own.
ATR = bytes.fromhex("3B88800100730000E0059000") + b"\x0f"

#: What an empty place answers; pcscd may still send something after the card was taken.
NOTHING = b"\x6f\x00"


class StandIn:
    """In the reader all the time; the cards behind it have its ATR.

    Put a card in or take it while no program uses the reader.
    """

    def __init__(self, atr: bytes = ATR) -> None:
        self._atr = atr
        self._card: Card | None = None

    def put(self, card: Card) -> None:
        """Let a card answer from now on, as after a cold start."""
        if card.get_atr() != self._atr:
            raise ValueError("pcscd would see another card")
        card.power_on()
        self._card = card

    def take(self) -> None:
        """Take the card; it forgets which PINs were verified."""
        card, self._card = self._card, None
        if card is not None:
            card.power_off()

    def power_on(self) -> None:
        if self._card is not None:
            self._card.power_on()

    def power_off(self) -> None:
        if self._card is not None:
            self._card.power_off()

    def get_atr(self) -> bytes:
        return self._atr

    def process_apdu(self, apdu: bytes, /) -> bytes:
        return self._card.process_apdu(apdu) if self._card is not None else NOTHING
