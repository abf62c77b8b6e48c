"""Status words of the specification's section 7.1, and the exception that carries one."""

from __future__ import annotations

import enum


class SW(enum.IntEnum):
    """SW1 SW2 as one number."""

    OK = 0x9000
    TERMINATED = 0x6285
    WRONG_PIN = 0x63C0
    NO_TOUCH = 0x6600
    WRONG_LENGTH = 0x6700
    NO_SECURE_MESSAGING = 0x6882
    NO_CHAINING = 0x6884
    MEMORY_FAILURE = 0x6581
    SECURITY_STATUS = 0x6982
    BLOCKED = 0x6983
    CONDITIONS = 0x6985
    NOT_ALLOWED = 0x6986
    WRONG_DATA = 0x6A80
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    NOT_FOUND = 0x6A88
    WRONG_P1_P2 = 0x6B00
    WRONG_LE = 0x6C00
    UNKNOWN_INS = 0x6D00
    UNKNOWN_CLA = 0x6E00
    FAILURE = 0x6F00


class Refused(Exception):
    """The command ends with this status word and no data."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


def require(condition: object, sw: int) -> None:
    """Go on only if the condition holds."""
    if not condition:
        raise Refused(sw)
