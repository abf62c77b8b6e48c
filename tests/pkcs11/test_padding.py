"""PKCS #1 v1.5 done here: what was encrypted comes back, and a forgery looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.pkcs11.padding import pad_for_signature, unpad

SIZE = 64
CIPHERTEXT = b"any"
_FILL = st.binary(min_size=SIZE, max_size=SIZE).map(lambda fill: fill.replace(b"\0", b"\1"))


@given(plain=st.binary(max_size=SIZE - 11), fill=_FILL)
def test_what_was_padded_comes_back(plain: bytes, fill: bytes) -> None:
    block = b"\x00\x02" + fill[: SIZE - 3 - len(plain)] + b"\x00" + plain
    assert unpad(block, CIPHERTEXT) == plain


@given(block=st.binary(min_size=SIZE, max_size=SIZE))
def test_no_block_is_an_error(block: bytes) -> None:
    plain = unpad(block, CIPHERTEXT)
    assert len(plain) <= SIZE - 11
    assert unpad(block, CIPHERTEXT) == plain


@pytest.mark.parametrize(
    "block",
    [
        b"\x00\x01" + b"\x11" * 20 + b"\x00" + b"\x22" * 41,
        b"\x01\x02" + b"\x11" * 20 + b"\x00" + b"\x22" * 41,
        b"\x00\x02" + b"\x11" * 7 + b"\x00" + b"\x22" * 54,
        b"\x00\x02" + b"\x11" * 62,
        b"\x00\x02\x00" + b"\x22" * 61,
    ],
)
def test_forgeries_give_something_of_no_use(block: bytes) -> None:
    assert len(block) == SIZE
    plain = unpad(block, CIPHERTEXT)
    assert plain == unpad(block, CIPHERTEXT)
    # By the ciphertext, and by nothing that is in the block.
    assert plain == unpad(b"\xff" * SIZE, CIPHERTEXT)
    others = {unpad(block, bytes([n])) for n in range(20)}
    assert len({len(other) for other in others}) > 5
    assert not any(set(other) & {0x22} == set(other) for other in others if len(other) > 1)


def test_block_for_a_signature() -> None:
    block = pad_for_signature(b"info", 16)
    assert block == b"\x00\x01" + b"\xff" * 9 + b"\x00info"
