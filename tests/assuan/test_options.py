"""Options of commands, and the arguments of OPTION, as GnuPG and libassuan read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assuan.builtin import parse_option
from assuan.errors import AssuanError, Code
from assuan.options import Options


@pytest.mark.parametrize(
    ("args", "rest"),
    [
        (b"", b""),
        (b"--force", b""),
        (b"--force OPENPGP.1", b"OPENPGP.1"),
        (b"--force --timestamp=1 2", b"2"),
        (b"-- openpgp", b"openpgp"),
        (b"-- --x openpgp", b"openpgp"),
        (b" \t--a\t --b  c d ", b"c d "),
        (b"-x y", b"-x y"),
        (b"a --b", b"a --b"),
    ],
)
def test_rest(args: bytes, rest: bytes) -> None:
    assert Options(args).rest == rest


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (b"--force", True),
        (b"--a --force id", True),
        (b"-- --force id", True),
        (b"--forced id", False),
        (b"--force=1 id", False),
        (b"--a--force id", False),
        (b"id --force", False),
        (b"", False),
    ],
)
def test_has(args: bytes, found: bool) -> None:
    assert Options(args).has("--force") is found


@pytest.mark.parametrize(
    ("args", "value"),
    [
        (b"--hash=sha256 id", b"sha256"),
        (b"id --hash=sha256", b"sha256"),
        (b"--hash id", b""),
        (b"--hash= id", b""),
        (b"--hash=a=b", b"a=b"),
        (b"--hashes=x", None),
        (b"x--hash=y", None),
        (b"", None),
    ],
)
def test_value(args: bytes, value: bytes | None) -> None:
    assert Options(args).value("--hash") == value


@given(st.binary(max_size=100))
def test_any_arguments(args: bytes) -> None:
    options = Options(args)
    assert args.endswith(options.rest)
    assert not options.rest.startswith((b"--", b" ", b"\t"))


@pytest.mark.parametrize(
    ("args", "option"),
    [
        (b"event-signal=12", ("event-signal", "12")),
        (b"--event-signal=12", ("event-signal", "12")),
        (b"name = value ", ("name", "value")),
        (b"name value", ("name", "value")),
        (b"name", ("name", "")),
        (b"name ", ("name", "")),
        (b"name=a = b", ("name", "a = b")),
    ],
)
def test_parse_option(args: bytes, option: tuple[str, str]) -> None:
    assert parse_option(args) == option


@pytest.mark.parametrize(
    ("args", "description"),
    [
        (b"", "argument required"),
        (b"=x", "no option name given"),
        (b"a=", "option argument expected"),
        (b"a = ", "option argument expected"),
        (b"-x", "option should not begin with one dash"),
        (b"---x", "option should not begin with one dash"),
        (b"--", "option should not begin with one dash"),
    ],
)
def test_parse_option_refuses(args: bytes, description: str) -> None:
    """The descriptions are those of GnuPG's scdaemon 2.2.40."""
    with pytest.raises(AssuanError) as caught:
        parse_option(args)
    assert (caught.value.code, caught.value.description) == (Code.ASS_SYNTAX, description)


@given(st.binary(max_size=100))
def test_any_option(args: bytes) -> None:
    try:
        name, value = parse_option(args)
    except AssuanError as error:
        assert error.code == Code.ASS_SYNTAX  # noqa: PT017
    else:
        assert name
        assert not name.startswith("-")
        value.encode(errors="surrogateescape")
