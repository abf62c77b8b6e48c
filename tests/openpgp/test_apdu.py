"""Command APDUs in their forms, and the ways of long ones, against scripted answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from backends.errors import Broken, NotSupported
from backends.openpgp.apdu import ANY_LENGTH, Channel, Command, Response


class Script:
    """Expects these commands, in this order, and answers so."""

    def __init__(self, *exchanges: tuple[str, str]) -> None:
        self._exchanges = [(bytes.fromhex(a), bytes.fromhex(b)) for a, b in exchanges]

    def transmit(self, apdu: bytes | bytearray) -> bytes:
        expected, answer = self._exchanges.pop(0)
        assert bytes(apdu).hex() == expected.hex()
        return answer

    def finished(self) -> bool:
        return not self._exchanges


@pytest.mark.parametrize(
    ("command", "short", "extended"),
    [
        (Command(0xE6, 0, 0), "00E60000", "00E6000000"),
        (Command(0xCA, 0, 0x6E, le=256), "00CA006E00", "00CA006E000100"),
        (Command(0xCA, 0, 0x6E, le=ANY_LENGTH), "00CA006E00", "00CA006E000000"),
        (Command(0x84, 0, 0, le=32), "0084000020", "00840000000020"),
        (Command(0xA4, 4, 0, b"\xd2\x76"), "00A4040002D276", "00A40400000002D276"),
        (Command(0x47, 0x81, 0, b"\xb6\0", 256), "0047810002B60000", "00478100000002B6000100"),
        (Command(0xDB, 1, 2, b"\1", cla=0x10), "10DB01020101", "10DB010200000101"),
    ],
)
def test_encodings(command: Command, short: str, extended: str) -> None:
    assert command.short().hex().upper() == short
    assert command.extended().hex().upper() == extended


def test_answer_without_status_word() -> None:
    for answer in (b"", b"\x90"):
        with pytest.raises(Broken):
            Response.parse(answer)


def send(command: Command, *exchanges: tuple[str, str], **features: bool) -> Response:
    script = Script(*exchanges)
    channel = Channel(script.transmit, t0=features.pop("t0", False))
    for feature, value in features.items():
        setattr(channel, feature, value)
    response = channel.send(command)
    assert script.finished()
    return response


def test_wrong_le_is_asked_again_once() -> None:
    command = Command(0xCA, 0, 0xC4, le=256)
    response = send(command, ("00CA00C400", "6C02"), ("00CA00C402", "01029000"))
    assert response == Response(b"\1\2", 0x9000)
    assert send(command, ("00CA00C400", "6C02"), ("00CA00C402", "6C03")).sw == 0x6C03


def test_get_response_until_the_end() -> None:
    response = send(
        Command(0xCA, 0, 0x6E, le=256),
        ("00CA006E00", "AA6100"),
        ("00C0000000", "BB6101"),
        ("00C0000001", "CC9000"),
    )
    assert response == Response(b"\xaa\xbb\xcc", 0x9000)


def test_get_response_that_leads_nowhere() -> None:
    with pytest.raises(Broken):
        send(Command(0xCA, 0, 0x6E, le=256), ("00CA006E00", "6101"), ("00C0000001", "6101"))


def test_t0_has_no_le_behind_data() -> None:
    command = Command(0x2A, 0x9E, 0x9A, b"\1\2", 256)
    exchanges = [("002A9E9A020102", "6101"), ("00C0000001", "AA9000")]
    assert send(command, *exchanges, t0=True, extended=True) == Response(b"\xaa", 0x9000)


LONG = bytes(range(256)) * 2


def test_extended_for_long_data_and_for_long_answers() -> None:
    data = LONG[:300]
    sent = "002A8086" + "00012C" + data.hex() + "0100"
    command = Command(0x2A, 0x80, 0x86, data, 256)
    assert send(command, (sent, "9000"), extended=True, chaining=True).sw == 0x9000
    command = Command(0xCA, 0x7F, 0x21, le=ANY_LENGTH)
    assert send(command, ("00CA7F21000000", "9000"), extended=True).sw == 0x9000
    assert send(command, ("00CA7F2100", "9000")).sw == 0x9000


def chunks(*sizes: int) -> Sequence[bytes]:
    found, at = [], 0
    for size in sizes:
        found.append(LONG[at : at + size])
        at += size
    return found


def test_command_chaining() -> None:
    first, second, third = chunks(254, 254, 4)
    response = send(
        Command(0x2A, 0x80, 0x86, LONG, 256),
        ("102A8086FE" + first.hex(), "9000"),
        ("102A8086FE" + second.hex(), "9000"),
        ("002A808604" + third.hex() + "00", "AA9000"),
        chaining=True,
    )
    assert response == Response(b"\xaa", 0x9000)


def test_chain_ends_where_the_card_refuses() -> None:
    first, _ = chunks(254, 2)
    command = Command(0xDB, 0x3F, 0xFF, LONG[:256])
    assert send(command, ("10DB3FFFFE" + first.hex(), "6581"), chaining=True).sw == 0x6581


def test_too_long_for_the_card() -> None:
    for features in ({}, {"t0": True, "extended": True}):
        with pytest.raises(NotSupported):
            send(Command(0xDB, 0, 0, LONG), **features)
