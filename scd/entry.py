"""Where the process begins: greet first, make it safe, and only then import the daemon.

gpg-agent waits for the greeting, so nothing that takes time is imported at the top here.
"""

import os
import sys

from scd.greeting import greeting

#: Options beside which a greeting is right: what gpg-agent starts us with (agent/call-scd.c).
_MODES = frozenset({"--server", "--multi-server"})

#: prctl(2), linux/prctl.h.
_PR_SET_DUMPABLE = 4


def greets(argv: list[str], environ: os._Environ[str] | dict[str, str]) -> bool:
    """Whether this command line can only mean a server on stdin and stdout.

    Anything but a mode and a home directory is left to the real parser; so is the descriptor
    that libassuan hands over by environment variable.
    """
    words = argv.copy()
    while len(words) > 1 and "--homedir" in words[:-1]:
        at = words.index("--homedir")
        del words[at : at + 2]
    return "_assuan_connection_fd" not in environ and len(words) == 1 and words[0] in _MODES


def harden() -> None:
    """No core dumps, no ptrace by other programs of the user, no files for others."""
    import ctypes
    import resource

    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main() -> int:
    argv = sys.argv[1:]
    greeted = greets(argv, os.environ)
    if greeted:
        try:
            os.write(1, greeting())
        except OSError:
            return 0  # Nobody is listening.
    harden()
    from scd.cli import main as run

    return run(argv, greeted=greeted)
