"""Error numbers and texts, against libgpg-error itself."""

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assuan.errors import (
    AssuanError,
    Code,
    Source,
    err_fields,
    make,
    split,
    strerror,
    strsource,
)
from assuan.lines import MAX_LINE


@pytest.fixture(scope="module")
def libgpg_error() -> ctypes.CDLL:
    library = ctypes.CDLL("libgpg-error.so.0")
    library.gpg_strerror.restype = ctypes.c_char_p
    library.gpg_strsource.restype = ctypes.c_char_p
    return library


def test_texts_are_those_of_libgpg_error(libgpg_error: ctypes.CDLL) -> None:
    assert {code.name: code.text for code in Code} == {
        code.name: libgpg_error.gpg_strerror(int(code)).decode() for code in Code
    }


def test_sources_are_those_of_libgpg_error(libgpg_error: ctypes.CDLL) -> None:
    assert [source.text for source in Source] == [
        libgpg_error.gpg_strsource(source << 24).decode() for source in Source
    ]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (AssuanError(Code.ASS_CANCELED), (100663573, b"IPC call has been cancelled <SCD>")),
        (AssuanError(Code.ENODEV), (100696144, b"No such device <SCD>")),
        (AssuanError(Code.BAD_PIN), (100663383, b"Bad PIN <SCD>")),
        (
            AssuanError(Code.CANCELED, source=Source.PINENTRY),
            (83886179, b"Operation cancelled <Pinentry>"),
        ),
        (
            AssuanError(Code.ASS_PARAMETER, "no data given"),
            (100663576, b"IPC parameter error <SCD> - no data given"),
        ),
        (AssuanError(999), (100664295, b"Unknown error code <SCD>")),
        (
            AssuanError(Code.GENERAL, 99 * "x" + "\u00e9"),  # not cut within a character
            (100663297, b"General error <SCD> - " + 99 * b"x"),
        ),
        (AssuanError(Code.GENERAL, "\udcff"), (100663297, b"General error <SCD> - ?")),
        (AssuanError(Code.GENERAL, "a\nb\0c\r\n"), (100663297, b"General error <SCD> - a b c")),
    ],
)
def test_err_line(error: AssuanError, line: tuple[int, bytes]) -> None:
    assert err_fields(error, Source.SCD) == line


@given(st.text(), st.sampled_from(Code))
def test_err_line_always_fits(description: str, code: Code) -> None:
    value, text = err_fields(AssuanError(code, description), Source.SCD)
    assert len(b"ERR %d %b" % (value, text)) <= MAX_LINE
    assert not set(text) & {0, 10}
    text.decode()
    assert len(text) <= 50 + len(b" <SCD> - ") + 100


@given(st.sampled_from(Source), st.sampled_from(list(Code)[1:]))
def test_make_and_split(source: Source, code: Code) -> None:
    assert split(make(source, code)) == (source, code)


def test_success_has_no_source() -> None:
    assert make(Source.SCD, 0) == 0


def test_unlisted_numbers_pass() -> None:
    assert split(make(99, 9999)) == (99, 9999)
    assert strerror(9999) == "Unknown error code"
    assert strsource(99) == "Unknown source"


def test_str_of_an_error() -> None:
    assert str(AssuanError(Code.NO_OBJ)) == "Missing item in object"
    assert (
        str(AssuanError(Code.NO_OBJ, "slot 1", source=Source.SCD))
        == "Missing item in object <SCD> - slot 1"
    )
