"""The page of tested devices says what the tests do."""

from __future__ import annotations

from tests.bed.devices import PAGE, page, table


def test_the_table_of_tokens_is_that_of_the_tests() -> None:
    text = PAGE.read_text()
    assert table() in text, "python -m tests.bed.devices writes it"
    assert page(text) == text
