"""What the worker does to itself before it touches a module: no core dumps, no life of its own."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import select
import signal

_PR_SET_DUMPABLE = 4
#: Not in the fcntl module of Python 3.11 (fcntl.h, asm-generic).
_F_SETSIG = 10


def confine(lifeline: int) -> None:
    """Make sure that this process leaves no memory behind and does not outlive the daemon.

    ``lifeline``: the reading end of a pipe of which only the daemon has the other.  When that is
    closed, however the daemon ended, the kernel sends SIGKILL to this whole process group, even
    if it hangs in a module at that moment.  (PR_SET_PDEATHSIG would not do: it fires when the
    *thread* that started us ends, and the daemon's threads come and go.)
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(lifeline, False)
    fcntl.fcntl(lifeline, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        os._exit(1)  # It was closed before we listened.
