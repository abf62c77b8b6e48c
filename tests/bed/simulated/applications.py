"""SELECT (section 7.2.1): this application, others on the card, and files of old."""

from __future__ import annotations

from tests.bed.simulated import objects, tlv
from tests.bed.simulated.state import State
from tests.bed.simulated.status import SW, Refused, require
from tests.bed.simulated.transport import Command

OPENPGP = objects.AID_PREFIX
_BY_NAME = 0x04
_MASTER_FILE, _SERIAL_FILE = bytes.fromhex("3F00"), bytes.fromhex("2F02")
_SHORTEST_NAME = 5


def select(state: State, command: Command) -> tuple[bytes, int]:
    """What does not succeed changes nothing."""
    require(command.p2 in (0x00, 0x0C), SW.WRONG_P1_P2)
    if command.p1 != _BY_NAME:
        return _select_file(state, command.data)
    if command.data in state.profile.other_applications:
        return _switch(state, command.data)
    if not _is_ours(state, command.data):
        raise Refused(state.profile.unknown_name)
    _switch(state, OPENPGP)
    if state.terminated:
        return b"", SW.TERMINATED
    if not state.profile.select_answers:
        return b"", SW.OK
    return tlv.encode(0x6F, tlv.encode(0x84, objects.value(state, 0x4F))), SW.OK


def _is_ours(state: State, name: bytes) -> bool:
    """By the first bytes, or by all, where the card knows its own AID."""
    if len(name) > len(OPENPGP):
        return state.profile.whole_aid and objects.value(state, 0x4F).startswith(name)
    return len(name) >= _SHORTEST_NAME and OPENPGP.startswith(name)


def _switch(state: State, name: bytes) -> tuple[bytes, int]:
    state.selected = name
    state.forget()
    return b"", SW.OK


def _select_file(state: State, name: bytes) -> tuple[bytes, int]:
    require(state.profile.master_file, state.profile.no_files)
    require(name in (_MASTER_FILE, _SERIAL_FILE), SW.FILE_NOT_FOUND)
    return _switch(state, name)


def read_binary(state: State, command: Command) -> bytes:
    """The file of the serial number, which is the AID here."""
    require(state.selected == _SERIAL_FILE, SW.UNKNOWN_INS)
    require(command.p1p2 == 0, SW.WRONG_P1_P2)
    return tlv.encode(0x5A, objects.value(state, 0x4F))
