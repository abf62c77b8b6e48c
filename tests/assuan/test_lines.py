"""Escaping and cutting of D lines."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assuan.lines import MAX_LINE, data_lines, escape, unescape, wipe

_ESCAPE = re.compile(rb"%(25|0D|0A)")

#: Bytes of which many need escaping, so that escapes fall on the end of a line.
payloads = st.one_of(
    st.binary(max_size=5000),
    st.lists(st.sampled_from([b"%", b"\n", b"\r", b"x", b"\0", b"x" * 331]), max_size=1500).map(
        b"".join
    ),
)


@given(payloads)
@example(b"x" * 998)
@example(b"x" * 999)
@example(b"x" * 997 + b"%")
@example(b"x" * 996 + b"%")
@example(b"x" * 995 + b"%")
@example(b"%" * 3000)
def test_data_lines_round_trip(payload: bytes) -> None:
    lines = list(data_lines(payload))
    for line in lines:
        assert line.startswith(b"D ")
        assert line.endswith(b"\n")
        assert len(line) <= MAX_LINE + 1
        body = line[2:-1]
        assert b"\n" not in body
        assert b"\r" not in body
        assert body.count(b"%") == len(_ESCAPE.findall(body)), "an escape is split"
    assert b"".join(bytes(unescape(line[2:-1])) for line in lines) == payload


@given(payloads)
def test_lines_are_filled(payload: bytes) -> None:
    for line in list(data_lines(payload))[:-1]:
        assert len(line) > MAX_LINE - 2


def test_no_data_no_line() -> None:
    assert list(data_lines(b"")) == []


def test_only_three_bytes_are_escaped() -> None:
    every = bytes(range(256))
    expected = every.replace(b"%", b"%25").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
    assert escape(every) == expected


@pytest.mark.parametrize(
    ("line", "decoded"),
    [
        (b"%25%0a%0D%00%ff", b"%\n\r\0\xff"),
        (b"%2525", b"%25"),
        (b"ab%", b"ab"),
        (b"ab%4", b"ab4"),
        (b"ab%41", b"abA"),
        (b"%zz%4z", b"%zz%4z"),
        (b"+", b"+"),
        (b"", b""),
    ],
)
def test_unescape(line: bytes, decoded: bytes) -> None:
    assert unescape(line) == decoded


@given(st.text("%4aZ\0\xff", max_size=30).map(lambda text: text.encode("latin-1")))
def test_unescape_takes_anything(line: bytes) -> None:
    model = re.compile(rb"%(?:([0-9A-Fa-f]{2})|(?=.?\Z))", re.DOTALL)
    expected = model.sub(lambda m: bytes.fromhex(m[1].decode()) if m[1] else b"", line)
    assert unescape(line) == expected


def test_wipe() -> None:
    secret = bytearray(b"123456")
    wipe(secret, 2)
    assert secret == b"12\0\0\0\0"
    wipe(secret)
    assert secret == bytes(6)
