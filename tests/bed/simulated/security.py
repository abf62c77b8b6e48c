"""VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (sections 7.2.2 to 7.2.4), and the end of a
card's life (7.2.16 and 7.2.17)."""

from __future__ import annotations

from tests.bed.simulated.pins import PW1_SIGN, PW3, Pin
from tests.bed.simulated.state import State
from tests.bed.simulated.status import SW, Refused, require
from tests.bed.simulated.transport import Command

_DROP = 0xFF


def verify(state: State, command: Command) -> bytes:
    """With data: compare.  Without: how things stand.  P1 FF: verified no more (since 3.0)."""
    pin = state.pins.named(command.p2)
    if command.p1 == _DROP and state.profile.version >= 0x0300:
        require(not command.data, SW.WRONG_LENGTH)
        state.pins.verified.discard(command.p2)
        return b""
    require(command.p1 == 0, SW.WRONG_P1_P2)
    if not command.data:
        return _query(state, pin, command.p2)
    state.pins.verified.discard(command.p2)
    state.pins.compare(pin, command.data)
    state.pins.verified.add(command.p2)
    return b""


def _query(state: State, pin: Pin, p2: int) -> bytes:
    sw = state.profile.pin_status
    if sw != SW.WRONG_PIN:
        raise Refused(sw)
    if p2 in state.pins.verified:
        return b""
    raise Refused(SW.WRONG_PIN | pin.tries if pin.tries else SW.BLOCKED)


def change_reference_data(state: State, command: Command) -> bytes:
    """Old and new value; in version 1 also the new one alone, with P1 01, once the PIN or PW3 is
    verified."""
    require(command.p2 in (PW1_SIGN, PW3) or state.profile.version < 0x0200, SW.NOT_FOUND)
    pin = state.pins.named(command.p2)
    if command.p1 == 1 and state.profile.version < 0x0200:
        require({command.p2, PW3} & state.pins.verified, SW.SECURITY_STATUS)
        new = command.data
    else:
        require(command.p1 == 0, SW.WRONG_P1_P2)
        require(command.data, SW.WRONG_LENGTH)
        state.pins.drop(pin)
        new = state.pins.split(pin, command.data)
    require(pin.fits(new), SW.WRONG_LENGTH)
    pin.set(new)
    return b""


def reset_retry_counter(state: State, command: Command) -> bytes:
    """P1 00: resetting code and new PW1; 02: new PW1, after PW3."""
    version_1 = state.profile.version < 0x0200
    require(command.p2 == PW1_SIGN or (version_1 and command.p2 == 0x82), SW.WRONG_P1_P2)
    pin = state.pins.named(command.p2)
    require(command.p1 == 2 or (command.p1 == 0 and not version_1), SW.WRONG_P1_P2)
    new = command.data
    if command.p1 == 2:
        state.require_admin()
    else:
        new = state.pins.split(state.pins.reset_code, command.data)
    require(pin.fits(new), SW.WRONG_LENGTH)
    pin.set(new)
    state.pins.drop(pin)
    return b""


def terminate(state: State, command: Command) -> bytes:
    """TERMINATE DF: for PW3, or when nobody can use PW1 and PW3 any more."""
    require(state.profile.life_cycle, SW.UNKNOWN_INS)
    require(command.p1p2 == 0, SW.WRONG_P1_P2)
    blocked = not state.pins.pw1.tries and not state.pins.pw3.tries
    require(PW3 in state.pins.verified or blocked, SW.CONDITIONS)
    state.terminated = True
    state.forget()
    return b""


def activate(state: State, command: Command) -> bytes:
    """ACTIVATE FILE: a terminated card is as new; to any other it does nothing."""
    require(state.profile.life_cycle, SW.UNKNOWN_INS)
    require(command.p1p2 == 0, SW.WRONG_P1_P2)
    if state.terminated:
        state.terminated = False
        state.reset()
        state.forget()
    return b""
