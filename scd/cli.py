"""The command line: what to print and be done, or which server to run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scd import config as configuration
from scd.config import Config, Mode
from scd.options import OptionError, Setting, parse_argv

_log = logging.getLogger(__name__)

_MODES = {mode.value: mode for mode in Mode}


def main(argv: Sequence[str], *, greeted: bool = False) -> int:
    """Run with these arguments and return the exit status.

    ``greeted``: the first line of the server has been written already.
    """
    try:
        settings, command = parse_argv(argv)
        for setting in settings:
            if action := _ACTIONS.get(setting.option.name):
                return action(settings)
        return _serve(settings, command, greeted)
    except OptionError as error:
        print(f"anyscd: {error}", file=sys.stderr)
        return 2


def _serve(settings: Sequence[Setting], command: Sequence[str], greeted: bool) -> int:
    names = [s.option.name for s in settings]
    modes = [_MODES[name] for name in names if name in _MODES]
    if not modes:
        hint = "please use the option '--daemon' to run the program in the background"
        print(f"anyscd: {hint}", file=sys.stderr)
        return 0
    config = configuration.load(configuration.homedir(settings), settings)
    if modes[-1] is Mode.DAEMON:
        status = _fork(config, names, command)
        if status is not None:
            return status
    _start_log(config)
    from scd.daemon import run

    return run(config, modes[-1], greeted=greeted)


def _fork(config: Config, names: Sequence[str], command: Sequence[str]) -> int | None:
    from scd import background
    from scd.socketdir import socket_path

    shells = [name == "csh" for name in names if name in ("sh", "csh")]
    csh = shells[-1] if shells else background.wants_csh()
    detach = "no-detach" not in names
    return background.fork(socket_path(config.homedir), command, csh, detach)


def _start_log(config: Config) -> None:
    from scd import log

    log.install(config)
    for complaint in (*config.warnings, *config.errors):
        _log.warning("%s", complaint)
    if config.unserved:
        _log.info("options that have no meaning here: %s", ", ".join(config.unserved))


def _print(text: str) -> int:
    sys.stdout.write(text)
    return 0


def _help(_: Sequence[Setting]) -> int:
    from scd.usage import usage

    return _print(usage())


def _version(_: Sequence[Setting]) -> int:
    from scd.usage import VERSION

    return _print(VERSION)


def _dump_options(_: Sequence[Setting]) -> int:
    from scd.usage import option_names

    return _print(option_names())


def _gpgconf_list(settings: Sequence[Setting]) -> int:
    from scd.usage import gpgconf_list

    return _print(gpgconf_list(configuration.homedir(settings) / "scdaemon.conf"))


def _gpgconf_test(settings: Sequence[Setting]) -> int:
    """Read the configuration; 2 if a value or anyscd.toml is wrong.  Options that nobody knows
    are a mere warning, as in GnuPG: gpgconf would not save any change otherwise."""
    config = configuration.load(configuration.homedir(settings), settings)
    for complaint in (*config.warnings, *config.errors):
        print(f"anyscd: {complaint}", file=sys.stderr)
    return 2 if config.errors else 0


def _from_gnupg_pkcs11_scd(settings: Sequence[Setting]) -> int:
    from scd.legacy import convert

    name = next(s.value for s in settings if s.option.name == "from-gnupg-pkcs11-scd")
    try:
        text = Path(name).read_text(errors="replace")
    except OSError as error:
        raise OptionError(f"'{name}': {error.strerror}") from None
    return _print(convert(text))


def _link(settings: Sequence[Setting]) -> int:
    from scd.linking import births
    from scd.tokenmemory import TokenMemory

    found = {} if sys.stdin.isatty() else births(sys.stdin.read())
    if not found:
        hint = "gpg --list-keys --with-colons --with-keygrip KEY | anyscd --link"
        raise OptionError(f"no key to link; please use: {hint}")
    if not TokenMemory.in_home(configuration.homedir(settings)).learn(found):
        return 1
    return _print("".join(f"linked {grip}\n" for grip in found))


#: The options that do one thing and end the program.
_ACTIONS: dict[str, Callable[[Sequence[Setting]], int]] = {
    "help": _help,
    "version": _version,
    "warranty": _version,
    "dump-options": _dump_options,
    "gpgconf-list": _gpgconf_list,
    "gpgconf-test": _gpgconf_test,
    "from-gnupg-pkcs11-scd": _from_gnupg_pkcs11_scd,
    "link": _link,
}
