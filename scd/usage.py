"""What the program prints about itself and its options; nothing here acts on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scd.options import OPTIONS, Group, Option
from scd.version import GNUPG_VERSION, PACKAGE_VERSION

#: The first line is what programs parse: that of the scdaemon that we stand in for.
VERSION = f"""\
scdaemon (GnuPG) {GNUPG_VERSION}
anyscd {PACKAGE_VERSION}
License: MIT
There is NO WARRANTY, to the extent permitted by law.
"""

_SYNTAX = """\

Syntax: anyscd [options] [command [args]]
Smartcard daemon for GnuPG that serves OpenPGP cards and PKCS#11 tokens
"""


def usage() -> str:
    """The text of --help."""
    return VERSION + _SYNTAX + "".join(_section(group) for group in Group)


def _section(group: Group) -> str:
    lines = [_line(o) for o in OPTIONS if o.group is group and o.help]
    return f"\n{group.value}:\n" + "".join(lines)


def _line(option: Option) -> str:
    short = f"-{option.short}, " if option.short else "    "
    left = f"{short}--{option.name} {option.argument}".rstrip()
    return f" {left:<28} {option.help}\n"


def option_names() -> str:
    """The text of --dump-options: one to a line."""
    return "".join(f"--{option.name}\n" for option in OPTIONS)


def gpgconf_list(conf: Path) -> str:
    """The text of --gpgconf-list, which gpgconf reads (GnuPG doc/DETAILS; tools/gpgconf-comp.c):
    ``name:flags:default:``, flag 16 announcing a default; first the file to be edited."""
    return "".join(_gpgconf_lines(conf))


def _gpgconf_lines(conf: Path) -> Iterator[str]:
    escaped = str(conf).replace("%", "%25").replace(":", "%3a").replace(",", "%2c")
    yield f'gpgconf-scdaemon.conf:16:"{escaped}\n'
    for option in OPTIONS:
        if option.gpgconf:
            yield f"{option.name}:{option.gpgconf}\n"
