"""The way to one card in one reader, as the card application sees it."""

from __future__ import annotations

from typing import Protocol


class LinkLost(Exception):
    """The card was reset or the way to it broke: selection, PINs and handles are gone.

    It ends up in no caller of the contract: the session connects again, or says what is wrong.
    """


class Link(Protocol):
    """Blocking, used by one thread at a time.  Apart from LinkLost it raises Removed (for good),
    Busy and Broken."""

    @property
    def reader(self) -> str: ...

    @property
    def atr(self) -> bytes: ...

    @property
    def t0(self) -> bool:
        """Whether the card speaks T=0."""

    def begin(self) -> None:
        """Keep other programs from the card until :meth:`end`."""

    def end(self) -> None: ...

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        """Send one APDU as it is; the answer ends with SW1 SW2."""

    def control(self, code: int, data: bytes) -> bytes:
        """Send a command to the reader itself.  Raises NotSupported if it does not take it."""

    def reconnect(self) -> None:
        """Find the card again after LinkLost, leaving it as it is."""

    def reset(self) -> None:
        """Cut the power and put it back: every application forgets what it knew."""

    def close(self) -> None:
        """Let go, leaving the card powered and undisturbed.  Never raises."""
