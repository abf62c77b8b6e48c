"""The card: power, selecting applications, and which command does what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tests.bed.simulated import applications, crypto, data, objects, security, yubikey
from tests.bed.simulated.pins import Pins
from tests.bed.simulated.profile import Profile
from tests.bed.simulated.state import State
from tests.bed.simulated.status import SW, require
from tests.bed.simulated.transport import Command, Transport

Handler = Callable[[State, Command], bytes]

_COMMANDS: dict[int, Handler] = {
    0x20: security.verify,
    0x24: security.change_reference_data,
    0x2A: crypto.perform_security_operation,
    0x2C: security.reset_retry_counter,
    0x44: security.activate,
    0x47: crypto.generate_key_pair,
    0x84: crypto.get_challenge,
    0x88: crypto.internal_authenticate,
    0xA5: data.select_data,
    0xCA: data.get_data,
    0xCC: data.get_next_data,
    0xDA: data.put_data,
    0xDB: data.put_data_odd,
    0xE6: security.terminate,
    0xF1: yubikey.get_version,
    0xFB: yubikey.attest,
}
#: Of other applications and of no application.
_OUTSIDE: dict[int, Handler] = {0x1D: yubikey.configuration, 0xB0: applications.read_binary}
_SELECT, _ACTIVATE = 0xA4, 0x44
_PROPRIETARY = 0x80
#: Initialisation, protocol T=1 twice with its parameters (ISO 7816-3 section 8.2).
_ATR_START = bytes.fromhex("8131FE45")


class SimulatedCard:
    """Meets Card of tests.bed.virtual_reader.

    ``touch``, where a slot wants the button pressed: whether it is, in time; may block.
    """

    def __init__(self, profile: Profile | None = None) -> None:
        self.profile = profile or Profile()
        self._state = State(self.profile)
        self._transport = Transport(self.profile, self._execute)
        self.powered = False

    @property
    def touch(self) -> Callable[[], bool]:
        return self._state.touch

    @touch.setter
    def touch(self, answer: Callable[[], bool]) -> None:
        self._state.touch = answer

    @property
    def pins(self) -> Pins:
        """To look at; after ACTIVATE they are others."""
        return self._state.pins

    @property
    def verifications(self) -> Counter[str]:
        """Of each PIN (PW1, PW3, RC, and CHV2 in version 1), how often a value was presented."""
        return self._state.pins.verifications

    def snapshot(self) -> dict[int, bytes]:
        """All data objects that are no mere list of others, by tag, whoever may read them; of
        certificates the second and third are under 7F2101 and 7F2102."""
        known = [tag for tag in objects.RULES if objects.has(self.profile, tag)]
        plain = [tag for tag in known if tag not in (0x65, 0x6E, 0x73, 0x7A, 0x7F21, 0xD3)]
        found = {tag: objects.value(self._state, tag) for tag in plain}
        for number, certificate in enumerate(self._state.certificates):
            found[0x7F2100 | number if number else 0x7F21] = certificate
        return found

    def power_on(self) -> None:
        """As after a reset: nothing is selected and nothing verified."""
        self.power_off()
        self.powered = True

    def power_off(self) -> None:
        self.powered = False
        self._state.selected = b""
        self._state.forget()
        self._transport.forget()

    def get_atr(self) -> bytes:
        """The profile's, or one with the historical bytes of the application."""
        if self.profile.atr is not None:
            return self.profile.atr
        historical = objects.historical(State(self.profile))
        body = bytes([0x80 | len(historical)]) + _ATR_START + historical
        check = 0
        for octet in body:
            check ^= octet
        return b"\x3b" + body + bytes([check])

    def process_apdu(self, apdu: bytes, /) -> bytes:
        return self._transport.process(apdu)

    def _execute(self, command: Command) -> tuple[bytes, int]:
        require(command.cla in (0x00, _PROPRIETARY), SW.UNKNOWN_CLA)
        require(command.cla == 0 or self.profile.any_class, SW.UNKNOWN_CLA)
        state = self._state
        if command.ins == _SELECT:
            return applications.select(state, command)
        if command.ins in _OUTSIDE:
            return _OUTSIDE[command.ins](state, command), SW.OK
        ours = state.selected == applications.OPENPGP
        require(ours and command.ins in _COMMANDS, SW.UNKNOWN_INS)
        require(not state.terminated or command.ins == _ACTIVATE, SW.CONDITIONS)
        return _COMMANDS[command.ins](state, command), SW.OK
