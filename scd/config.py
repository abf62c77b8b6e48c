"""What the user has set: scdaemon.conf, anyscd.toml and the command line, in one record.

Nothing here touches a device.  What is wrong in a file is left out, and told in the record.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from scd.choices import PinOptions, PKCS11Options, TokenOptions
from scd.options import OptionError, Setting, parse_file
from scd.socketdir import default_homedir


class Mode(enum.Enum):
    """How clients reach us; the values are the options that choose it."""

    #: One client on stdin and stdout.
    SERVER = "server"
    #: The same, and any number of clients on a socket: what gpg-agent asks for.
    MULTI_SERVER = "multi-server"
    #: The socket only.
    DAEMON = "daemon"


@dataclass(frozen=True, slots=True)
class Config:
    """``verbose``: how many times.  ``debug``: whether to log everything but secrets.
    ``unserved``: options given that mean nothing here.
    ``warnings`` and ``errors``: complaints, one line each; the latter fail --gpgconf-test."""

    homedir: Path
    log_file: str | None = None
    verbose: int = 0
    quiet: bool = False
    debug: bool = False
    deny_admin: bool = False
    disable_application: frozenset[str] = frozenset()
    reader_port: str | None = None
    disable_pinpad: bool = False
    pinpad_varlen: bool = False
    pkcs11: PKCS11Options = field(default_factory=PKCS11Options)
    tokens: tuple[TokenOptions, ...] = ()
    pin: PinOptions = field(default_factory=PinOptions)
    unserved: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


#: Values of debug-level (GnuPG manual, scdaemon options), and whether they ask for anything.
_DEBUG_LEVELS = {"none": False, "basic": True, "advanced": True, "expert": True, "guru": True}


def _debug_level(value: str) -> bool:
    return _DEBUG_LEVELS[value] if value in _DEBUG_LEVELS else int(value, 0) > 0


def _debug_flags(value: str) -> bool:
    """A number, or names of flags, which are many and change: any of them will do."""
    return value not in ("0", "0x0", "none")


#: What each served option does to the record.  ValueError refuses the value.
_EFFECTS: dict[str, Callable[[Config, str], Config]] = {
    "verbose": lambda c, _: replace(c, verbose=c.verbose + 1),
    "quiet": lambda c, _: replace(c, quiet=True),
    "debug": lambda c, v: replace(c, debug=c.debug or _debug_flags(v)),
    "debug-all": lambda c, _: replace(c, debug=True),
    "debug-level": lambda c, v: replace(c, debug=_debug_level(v)),
    "log-file": lambda c, v: replace(c, log_file=v),
    "reader-port": lambda c, v: replace(c, reader_port=v),
    "disable-pinpad": lambda c, _: replace(c, disable_pinpad=True),
    "disable-keypad": lambda c, _: replace(c, disable_pinpad=True),
    "enable-pinpad-varlen": lambda c, _: replace(c, pinpad_varlen=True),
    "disable-application": lambda c, v: replace(
        c, disable_application=c.disable_application | {v.lower()}
    ),
    "deny-admin": lambda c, _: replace(c, deny_admin=True),
}


def homedir(settings: Sequence[Setting]) -> Path:
    """GnuPG's home directory: --homedir, else $GNUPGHOME, else ~/.gnupg; absolute."""
    given = [s.value for s in settings if s.option.name == "homedir"]
    name = given[-1] if given else os.environ.get("GNUPGHOME")
    return Path(os.path.abspath(Path(name).expanduser())) if name else default_homedir()


def load(home: Path, settings: Sequence[Setting] = (), etc: Path = Path("/etc")) -> Config:
    """Read ``etc``/gnupg/scdaemon.conf, then that of ``home``, then the command line, each
    overruling those before; and anyscd.toml of ``home``, or else the one of ``etc``.

    Raises OptionError if the file named by --options cannot be read.
    """
    config = Config(home)
    for path, must_exist in _conf_files(home, settings, etc):
        config = _read_conf(config, path, must_exist)
    config = _apply(config, settings, "command line")
    return _read_toml(config, (home / "anyscd.toml", etc / "anyscd.toml"))


def _conf_files(home: Path, settings: Sequence[Setting], etc: Path) -> list[tuple[Path, bool]]:
    """The files in their order, and whether it is an error if one is missing."""
    if any(s.option.name == "no-options" for s in settings):
        return []
    given = [Path(s.value) for s in settings if s.option.name == "options"]
    own = (given[-1], True) if given else (home / "scdaemon.conf", False)
    return [(etc / "gnupg" / "scdaemon.conf", False), own]


def _read_conf(config: Config, path: Path, must_exist: bool) -> Config:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        if must_exist:
            raise OptionError(f"option file '{path}': {error.strerror}") from None
        if isinstance(error, FileNotFoundError):
            return config
        return replace(config, warnings=(*config.warnings, f"{path}: {error.strerror}"))
    settings, problems = parse_file(lines, str(path))
    return _apply(replace(config, warnings=(*config.warnings, *problems)), settings, str(path))


def _apply(config: Config, settings: Sequence[Setting], origin: str) -> Config:
    for setting in settings:
        name, effect = setting.option.name, _EFFECTS.get(setting.option.name)
        if not setting.option.served and name not in config.unserved:
            config = replace(config, unserved=(*config.unserved, name))
        try:
            config = effect(config, setting.value) if effect else config
        except ValueError:
            complaint = f"{origin}: invalid value for {name}: {setting.value}"
            config = replace(config, errors=(*config.errors, complaint))
    return config


def _read_toml(config: Config, paths: Sequence[Path]) -> Config:
    """Take the first of the files that exists.  Only then is the reader for it imported."""
    for path in paths:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            return replace(config, errors=(*config.errors, f"{path}: {error.strerror}"))
        from scd.tomlfile import read

        found, problems = read(content, str(path))
        errors = (*config.errors, *problems)
        return replace(
            config, pkcs11=found.pkcs11, tokens=found.tokens, pin=found.pin, errors=errors
        )
    return config
