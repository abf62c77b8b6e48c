from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scd.escape import STATUS_LIMIT, plus_escape, status_fields, unescape


@given(st.binary())
def test_escaping_loses_nothing(data: bytes) -> None:
    assert unescape(plus_escape(data)) == data


@given(st.binary())
def test_what_is_escaped_can_stand_in_a_line(data: bytes) -> None:
    escaped = plus_escape(data)
    assert not any(c <= 0x20 or c == 0x22 for c in escaped)
    assert unquote_to_bytes(escaped.replace(b"+", b" ")) == data


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        (b"Doe<<Jane", b"Doe<<Jane"),
        (b"F1D0 00000000", b"F1D0+00000000"),
        (b"a+b%c", b"a%2Bb%25c"),
        (b'"\n\x00\x1f\x7f', b"%22%0A%00%1F\x7f"),
        ("Müller".encode(), "Müller".encode()),
        (b"\x01 ", b"%01+"),
    ],
)
def test_status_lines_of_gnupg(raw: bytes, escaped: bytes) -> None:
    assert plus_escape(raw) == escaped


@pytest.mark.parametrize(
    ("escaped", "raw"),
    [
        (b"%01", b"\x01"),
        (b"--force+1+22+ed25519", b"--force 1 22 ed25519"),
        (b"%4a%4A", b"JJ"),
        (b"100%", b"100%"),
        (b"%zz%2", b"%zz%2"),
    ],
)
def test_arguments_are_unescaped_and_half_an_escape_stays(escaped: bytes, raw: bytes) -> None:
    assert unescape(escaped) == raw


def test_empty_fields_are_skipped() -> None:
    assert status_fields(b"1", b"", b"a b") == b"1 a+b"
    assert status_fields(b"", b"") == b""


@given(st.binary(min_size=STATUS_LIMIT, max_size=2 * STATUS_LIMIT))
def test_long_lines_are_cut_between_characters(data: bytes) -> None:
    line = status_fields(data)
    assert len(line) <= STATUS_LIMIT
    assert len(line) >= STATUS_LIMIT - 2
    assert data.startswith(unescape(line))
    assert plus_escape(unescape(line)) == line
