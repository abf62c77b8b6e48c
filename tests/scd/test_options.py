from __future__ import annotations

from pathlib import Path

import pytest

from scd.options import OPTIONS, Group, OptionError, Setting, find, parse_argv, parse_file
from scd.usage import gpgconf_list, option_names
from tests.bed.gnupg import generation
from tests.bed.process import run


def stock(*arguments: str) -> str:
    """What the scdaemon of GnuPG 2.2 prints; 2.4 tells gpgconf the same in another form."""
    return run([generation("2.2").scdaemon, *arguments]).stdout.decode()


def pairs(settings: list[Setting]) -> list[tuple[str, str]]:
    return [(s.option.name, s.value) for s in settings]


def test_every_option_of_gnupg_is_accepted() -> None:
    # Group titles are capitalised; the option table is for gpgconf's own later versions.
    theirs = {line for line in stock("--dump-options").split() if line.islower()}
    assert theirs - {"--dump-option-table"} <= set(option_names().split())


def test_gpgconf_is_told_what_gnupg_tells_it(tmp_path: Path) -> None:
    theirs = stock("--homedir", str(tmp_path), "--gpgconf-list").splitlines()
    ours = gpgconf_list(tmp_path / "scdaemon.conf").splitlines()
    assert ours[0] == theirs[0]
    assert sorted(ours) == sorted(theirs)


def test_odd_characters_in_the_name_of_the_home_are_escaped() -> None:
    first = gpgconf_list(Path("/a:b,c%d/scdaemon.conf")).splitlines()[0]
    assert first == 'gpgconf-scdaemon.conf:16:"/a%3ab%2cc%25d/scdaemon.conf'


def test_names_and_letters_are_unique() -> None:
    assert len({o.name for o in OPTIONS}) == len(OPTIONS)
    letters = [o.short for o in OPTIONS if o.short]
    assert len(set(letters)) == len(letters)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], []),
        (["--multi-server"], [("multi-server", "")]),
        (["--homedir", "/x", "--server"], [("homedir", "/x"), ("server", "")]),
        (["--homedir=/x=y"], [("homedir", "/x=y")]),
        (["-vvq"], [("verbose", ""), ("verbose", ""), ("quiet", "")]),
        (["--multi", "--verb"], [("multi-server", ""), ("verbose", "")]),
        (["--log-f", "-"], [("log-file", "-")]),
        (["--debug", "ipc"], [("debug", "ipc")]),
        (["--log-file="], [("log-file", "")]),
    ],
)
def test_the_command_line_is_read_as_gnupg_reads_it(
    argv: list[str], expected: list[tuple[str, str]]
) -> None:
    settings, rest = parse_argv(argv)
    assert pairs(settings) == expected
    assert rest == []


@pytest.mark.parametrize(
    ("argv", "rest"),
    [
        (["--daemon", "sh", "-c", "true"], ["sh", "-c", "true"]),
        (["--daemon", "--", "--strange"], ["--strange"]),
        (["--daemon", "-"], ["-"]),
    ],
)
def test_the_first_word_that_is_no_option_begins_a_command(
    argv: list[str], rest: list[str]
) -> None:
    settings, command = parse_argv(argv)
    assert pairs(settings) == [("daemon", "")]
    assert command == rest


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--bogus"], 'invalid option "--bogus"'),
        (["--=x"], 'invalid option "--"'),
        (["-x"], 'invalid option "-x"'),
        (["--ver"], 'option "--ver" is ambiguous'),
        (["--homedir"], 'missing argument for option "--homedir"'),
        (["--verbose=3"], 'option "--verbose" does not expect an argument'),
    ],
)
def test_a_wrong_command_line_is_refused(argv: list[str], complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        parse_argv(argv)


def test_a_full_name_is_never_ambiguous() -> None:
    assert find("debug").name == "debug"


def test_a_file_is_read_as_gnupg_reads_it() -> None:
    lines = [
        "# comment",
        "",
        "  verbose  ",
        "debug-level\tguru",
        'log-file "/with blank"',
        'card-timeout   "',
        "application-priority openpgp, pkcs11",
    ]
    settings, problems = parse_file(lines, "conf")
    assert problems == []
    assert pairs(settings) == [
        ("verbose", ""),
        ("debug-level", "guru"),
        ("log-file", "/with blank"),
        ("card-timeout", '"'),
        ("application-priority", "openpgp, pkcs11"),
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("bogus", "conf:2: invalid option: bogus"),
        ("verb", "conf:2: invalid option: verb"),
        ("version", "conf:2: invalid option: version"),
        ("verbose # twice", "conf:2: argument not expected: verbose"),
        ("reader-port", "conf:2: missing argument: reader-port"),
        ('reader-port ""', "conf:2: missing argument: reader-port"),
    ],
)
def test_a_wrong_line_is_told_and_the_others_count(line: str, complaint: str) -> None:
    settings, problems = parse_file(["verbose", line, "quiet"], "conf")
    assert problems == [complaint]
    assert pairs(settings) == [("verbose", ""), ("quiet", "")]


def test_options_of_another_version_can_be_announced() -> None:
    assert parse_file(["ignore-invalid-option foo bar", "foo", "bar 1"], "conf") == ([], [])


def test_only_options_that_are_served_are_advertised() -> None:
    assert not [o.name for o in OPTIONS if o.help and not o.served]
    with_argument = [o.name for o in OPTIONS if o.argument and o.group is Group.COMMAND]
    assert with_argument == ["from-gnupg-pkcs11-scd"]
