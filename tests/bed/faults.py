"""Harm for a VirtualReader: each returns a fault that strikes the commands of one instruction."""

from __future__ import annotations

import threading

from tests.bed.virtual_reader import Fault, Pulled


def answering(ins: int, answer: bytes, times: int = 1) -> Fault:
    """Answer the next ``times`` commands with this instruction byte in the card's place."""
    left = times

    def fault(command: bytes) -> bytes | None:
        nonlocal left
        if left and command[1] == ins:
            left -= 1
            return answer
        return None

    return fault


def pulling(ins: int) -> Fault:
    """Pull the card in the middle of the next command with this instruction byte."""

    def fault(command: bytes) -> bytes | None:
        if command[1] == ins:
            raise Pulled
        return None

    return fault


def holding(ins: int, reached: threading.Event, release: threading.Event) -> Fault:
    """Set ``reached`` when the command arrives, and let the card answer after ``release``."""

    def fault(command: bytes) -> bytes | None:
        if command[1] == ins:
            reached.set()
            release.wait(60)
        return None

    return fault
