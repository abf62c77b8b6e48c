"""A card in the hand of its user, and one that is struck by faults."""

from __future__ import annotations

from collections.abc import Callable

from backends.errors import Removed
from backends.openpgp.link import LinkLost
from backends.openpgp.memory import Memory
from backends.openpgp.opening import open_card
from backends.openpgp.writable_card import WritableOpenPGPCard
from backends.token import Key, PinRef, Use
from tests.contract.oracle import check_signature, riddle, to_be_signed
from tests.openpgp.links import VirtualLink

MESSAGE = b"what is signed"
SIGN, DECRYPT, AUTHENTICATE = "OPENPGP.1", "OPENPGP.2", "OPENPGP.3"
VERIFY, PSO, SELECT, GET_DATA = 0x20, 0x2A, 0xA4, 0xCA


class Bench:
    """A card in the hand of its user."""

    def __init__(self, link: VirtualLink, memory: Memory | None = None) -> None:
        self.link = link
        card = open_card(link, memory)
        assert card is not None
        self.card: WritableOpenPGPCard = card

    def key(self, ref: str) -> Key:
        keys = self.card.keys(thorough=True)
        return next(key for key in keys if key.ref == ref)

    def use(self, ref: str, pin: bytes | None = None) -> None:
        """Sign or decrypt with this key and check the result."""
        key, secret = self.key(ref), bytearray(pin) if pin is not None else None
        if Use.DECRYPT in key.use:
            puzzle = riddle(key)
            assert self.card.decrypt(key, puzzle.ciphertext, secret) == puzzle.solution
        else:
            signature = self.card.sign(key, to_be_signed(key.public, MESSAGE), secret)
            check_signature(key.public, MESSAGE, signature)

    def sent(self, action: Callable[[], object]) -> list[int]:
        """The instruction bytes that the action costs."""
        before = len(self.link.sent)
        action()
        return [apdu[1] for apdu in self.link.sent[before:]]

    def verifications(self) -> list[bytes]:
        return [apdu for apdu in self.link.sent if apdu[1] == VERIFY]

    def tries(self) -> int | None:
        return self.card.pin_named(PinRef.PW1_81).tries_left


class Faulty(VirtualLink):
    """Gives the next commands of one instruction these answers, or raises them; or does so with the
    command at one position, which the card may have got all the same.

    Whoever loses the card finds it reset; a card that is removed does not come back.
    """

    ins = -1
    position = -1
    gone = False

    def strike(self, ins: int, *answers: bytes | Exception) -> None:
        self.ins, self.answers = ins, list(answers)

    def strike_at(self, position: int, answer: bytes | Exception, *, reached: bool = False) -> None:
        """``position``: 0 for the next command.  ``reached``: the card gets it all the same."""
        self.position, self.answer, self.reached = position, answer, reached

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        if self.gone:
            raise Removed("the card is gone")
        if apdu[1] == self.ins and self.answers:
            self.sent.append(bytes(apdu))
            return self._give(self.answers.pop(0))
        self.position -= 1
        if self.position != -1:
            return super().transmit(apdu)
        if self.reached:
            super().transmit(apdu)
        else:
            self.sent.append(bytes(apdu))
        return self._give(self.answer)

    def _give(self, answer: bytes | Exception) -> bytes:
        self.gone = isinstance(answer, Removed)
        if isinstance(answer, LinkLost):
            self.reset()
        if isinstance(answer, Exception):
            raise answer
        return answer
