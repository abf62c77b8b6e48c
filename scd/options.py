"""Every option, GnuPG's and our own, in one table, and the two ways of writing them down.

What the options do is not here: see scd.config and scd.cli.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


class Group(enum.Enum):
    """The sections of --help; the values are the titles."""

    COMMAND = "Commands"
    STARTUP = "Options used for startup"
    MONITOR = "Options controlling the diagnostic output"
    CONFIGURATION = "Options controlling the configuration"
    SECURITY = "Options controlling the security"


@dataclass(frozen=True, slots=True)
class Option:
    """``argument``: the name of the value in --help; empty for a flag.  ``short``: the letter.
    ``help``: empty for options that --help does not show.  ``gpgconf``: flags and default of
    the line of --gpgconf-list; empty for options that gpgconf is not told of.  ``served``:
    whether it means anything here; the others are accepted because people have them set."""

    name: str
    group: Group
    help: str = ""
    argument: str = ""
    short: str = ""
    gpgconf: str = ""
    served: bool = True


@dataclass(frozen=True, slots=True)
class Setting:
    """One option as somebody gave it; ``value`` is empty for flags."""

    option: Option
    value: str = ""


class OptionError(ValueError):
    """The command line cannot be understood."""


_C, _S, _M = Group.COMMAND, Group.STARTUP, Group.MONITOR
_CONF, _SEC = Group.CONFIGURATION, Group.SECURITY

#: Names, order, help and gpgconf lines as scdaemon 2.2.40 and 2.4 have them, and two of our own.
OPTIONS: tuple[Option, ...] = (
    Option("gpgconf-list", _C),
    Option("gpgconf-test", _C),
    Option("dump-options", _C),
    Option("help", _C, "print this help and exit", short="h"),
    Option("version", _C, "print the version and exit"),
    Option("warranty", _C),
    Option("from-gnupg-pkcs11-scd", _C, "print FILE in the words of anyscd.toml", "FILE"),
    Option("link", _C, "tell tokens of the OpenPGP keys that gpg lists on stdin"),
    Option("server", _S, "run in server mode (foreground)"),
    Option("multi-server", _S, "run in multi server mode (foreground)"),
    Option("daemon", _S, "run in daemon mode (background)"),
    Option("no-detach", _S, "do not detach from the console"),
    Option("sh", _S, "sh-style command output", short="s"),
    Option("csh", _S, "csh-style command output", short="c"),
    Option("homedir", _S, "use DIR as GnuPG's home directory", "DIR"),
    Option("options", _S, "read options from FILE", "FILE"),
    Option("no-options", _S),
    Option("verbose", _M, "verbose", short="v", gpgconf="0:"),
    Option("quiet", _M, "be somewhat more quiet", short="q", gpgconf="0:"),
    Option("debug", _M, argument="FLAGS"),
    Option("debug-all", _M),
    Option("debug-level", _M, "set the debugging level to LEVEL", "LEVEL", gpgconf='16:"none:'),
    Option("debug-wait", _M, argument="N", served=False),
    Option("debug-allow-core-dump", _M, served=False),
    Option("debug-ccid-driver", _M, served=False),
    Option("debug-log-tid", _M, served=False),
    Option("debug-assuan-log-cats", _M, argument="N", served=False),
    Option("debug-allow-pin-logging", _M, served=False),
    Option("log-file", _M, "write a log to FILE", "FILE", gpgconf="0:"),
    Option("reader-port", _CONF, "connect to reader at port N", "N", gpgconf="0:"),
    Option("ctapi-driver", _CONF, argument="NAME", gpgconf="0:", served=False),
    Option("pcsc-driver", _CONF, argument="NAME", gpgconf='16:"libpcsclite.so.1:', served=False),
    Option("pcsc-shared", _CONF, served=False),
    Option("disable-ccid", _CONF, gpgconf="0:", served=False),
    Option("card-timeout", _CONF, argument="N", gpgconf="16:0:", served=False),
    Option("disable-pinpad", _CONF, "do not use a reader's pinpad", gpgconf="0:"),
    Option("disable-keypad", _CONF),
    Option(
        "enable-pinpad-varlen",
        _CONF,
        "use variable length input for pinpad",
        gpgconf="0:",
    ),
    Option("disable-application", _CONF, "do not serve the application NAME", "NAME"),
    Option("application-priority", _CONF, argument="LIST", served=False),
    Option("listen-backlog", _CONF, argument="N", served=False),
    Option("compatibility-flags", _CONF, argument="FLAGS", served=False),
    Option("allow-admin", _SEC, served=False),
    Option("deny-admin", _SEC, "deny the use of admin card commands", gpgconf="0:"),
)
BY_NAME: dict[str, Option] = {option.name: option for option in OPTIONS}
_BY_SHORT: dict[str, Option] = {option.short: option for option in OPTIONS if option.short}


def find(name: str) -> Option:
    """The option of that name or unambiguous abbreviation.  Raises OptionError."""
    if name in BY_NAME:
        return BY_NAME[name]
    candidates = [option for option in OPTIONS if name and option.name.startswith(name)]
    if len(candidates) > 1:
        raise OptionError(f'option "--{name}" is ambiguous')
    if not candidates:
        raise OptionError(f'invalid option "--{name}"')
    return candidates[0]


def parse_argv(argv: Sequence[str]) -> tuple[list[Setting], list[str]]:
    """The options, and the command with its arguments that may follow them.

    ``--name value``, ``--name=value``, ``-v``, ``-vv``; the first word that is no option, or
    ``--``, ends them.  Raises OptionError.
    """
    settings: list[Setting] = []
    words = list(argv)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            settings.append(_long(word[2:], words))
        else:
            settings += _short(word[1:])
    return settings, words


def _long(word: str, rest: list[str]) -> Setting:
    name, equals, value = word.partition("=")
    option = find(name)
    if not option.argument:
        if equals:
            raise OptionError(f'option "--{option.name}" does not expect an argument')
        return Setting(option)
    if not equals:
        if not rest:
            raise OptionError(f'missing argument for option "--{option.name}"')
        value = rest.pop(0)
    return Setting(option, value)


def _short(letters: str) -> Iterator[Setting]:
    for letter in letters:
        if letter not in _BY_SHORT:
            raise OptionError(f'invalid option "-{letter}"')
        yield Setting(_BY_SHORT[letter])


def parse_file(lines: Iterable[str], name: str) -> tuple[list[Setting], list[str]]:
    """The options of an scdaemon.conf, and complaints, each with ``name`` and a line number.

    A line is empty, a comment after ``#``, or an option's full name, blanks and its value, which
    may stand in double quotes.  What is wrong is left out: it must not keep a key from its user.
    """
    settings: list[Setting] = []
    problems: list[str] = []
    tolerated: set[str] = set()
    for number, line in enumerate(lines, 1):
        word, value = (*line.split(None, 1), "", "")[:2]
        if not word or word.startswith("#"):
            continue
        if word == "ignore-invalid-option":
            tolerated.update(value.split())
            continue
        problem, setting = _from_file(word, value.strip())
        if setting is not None:
            settings.append(setting)
        elif word not in tolerated:
            problems.append(f"{name}:{number}: {problem}: {word}")
    return settings, problems


def _from_file(word: str, value: str) -> tuple[str, Setting | None]:
    option = BY_NAME.get(word)
    if option is None or option.group is Group.COMMAND:
        return "invalid option", None
    if not option.argument:
        if value:
            return "argument not expected", None
        return "", Setting(option)
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if not value:
        return "missing argument", None
    return "", Setting(option, value)
