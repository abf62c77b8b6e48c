"""One worker process, seen from the daemon: started, asked, killed.  client.py starts the next."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

from backends.pkcs11.channel import Channel, ChannelError
from backends.pkcs11.messages import Answer, Load, Request

#: Seconds that the kernel gets to buffer a short message, or to end a process that was killed.
_GRACE = 1.0

#: Tells p11-kit-client whom to ask.
_REMOTE = "P11_KIT_SERVER_ADDRESS"


class WorkerFailed(Exception):
    """The worker did not answer; the text says how it failed.  It is good for nothing more."""


class WorkerProcess:
    """Starts the worker and has it load the module, without waiting for either.

    Its answer to that is the first thing that :meth:`receive` returns.
    """

    def __init__(self, path: str, remote: str = "") -> None:
        self._socket, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [
                    *(sys.executable, "-P", "-m", "backends.pkcs11.worker"),
                    *(str(theirs.fileno()), str(lifeline)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), lifeline),
                process_group=0,
                env={**os.environ, _REMOTE: remote} if remote else None,
            )
        except BaseException:
            self._close()
            raise
        finally:
            theirs.close()
            os.close(lifeline)
        self._dying = threading.Lock()
        self.started = time.monotonic()
        self._channel: Channel[Request, Answer] = Channel(self._socket, Answer)
        try:
            self.send(Load(path), self.started + _GRACE)
        except BaseException:
            self.close()
            raise

    def send(self, request: Request, deadline: float) -> None:
        """Raises WorkerFailed, and ValueError for a request that is too big."""
        try:
            self._channel.send(request, deadline)
        except (ChannelError, TimeoutError) as error:
            raise WorkerFailed(self._why(error)) from None

    def receive(self, deadline: float) -> Answer:
        """The answer to the oldest request.  Raises WorkerFailed."""
        asked = time.monotonic()
        try:
            return self._channel.receive(deadline)
        except TimeoutError:
            self.kill()
            raise WorkerFailed(f"did not answer in {round(deadline - asked, 1):g} s") from None
        except ChannelError as error:
            raise WorkerFailed(self._why(error)) from None

    @property
    def speaks(self) -> bool:
        """Whether there is something to read: an answer, or the end."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def kill(self) -> None:
        """SIGKILL to the worker and whatever its module has forked.  From any thread."""
        with self._dying:
            if self._process.returncode is not None:
                return
            # Before it is waited for: until then no other process can get its number.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)

    def close(self) -> None:
        """Kill, and let go of everything; no other thread may be using this object."""
        self.kill()
        self._close()

    def _close(self) -> None:
        self._socket.close()
        os.close(self._lifeline)

    def _why(self, error: Exception) -> str:
        self.kill()
        status = self._process.returncode
        if status is None or status == -signal.SIGKILL:
            return f"was killed: {error}"
        if status < 0:
            return f"crashed ({signal.Signals(-status).name})"
        return f"ended by itself (status {status})"
