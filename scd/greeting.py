"""The first line of the server.  Nothing else: it is written before anything takes time."""

import os


def greeting() -> bytes:
    """The first line of the server (libassuan 3 appends the process id)."""
    return b"OK GNU Privacy Guard's Smartcard server ready, process %d\n" % os.getpid()
