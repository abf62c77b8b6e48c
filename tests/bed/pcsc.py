"""A private pcscd with virtual readers: own socket, own ports, own configuration.

pcscd (1.9 and 2.x) takes a listening socket from whoever starts it, as systemd does: that is what
keeps it off the machine's own /run/pcscd/pcscd.comm.  The readers are vpcd's, two to a driver; the
last two may have a pinpad.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import TracebackType

from smartcard import scard

from tests.bed.pinpad import Keys
from tests.bed.process import DEADLINE, ProgramFailed, run
from tests.bed.virtual_reader import VirtualReader

SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"

_PROGRAM = "/usr/sbin/pcscd"
_DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_READER = "Virtual PCD"
_SLOTS = 2
_STARTS = 5
_ROUND_MS = 250
_LOG_END = 40


@cache
def _private_directory() -> Path:
    """One for the process: libpcsclite keeps the first socket name that it has read."""
    directory = tempfile.mkdtemp(prefix="anyscd-pcscd-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return Path(directory)


class Pcscd:
    """A running pcscd; at most one at a time in a process (see :func:`_private_directory`).

    ``readers``: two for each driver, in the order in which PC/SC lists them.  ``keys``: with
    ``pinpad``, those of ``pinpad_readers``, which are two more.  ``env``: what a client needs in
    its environment; this process's own has it too, from the first start on.
    """

    def __init__(self, drivers: int = 1, pinpad: bool = False) -> None:
        self.directory = _private_directory()
        self.socket = self.directory / "pcscd.comm"
        self.log = self.directory / "pcscd.log"
        self.env = {SOCKET_VARIABLE: str(self.socket)}
        self.keys = Keys(self.directory / "pinpad.so", _DRIVER) if pinpad else None
        self.readers = [VirtualReader(self._wait) for _ in range((drivers + pinpad) * _SLOTS)]
        self.pinpad_readers = self.readers[drivers * _SLOTS :]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Pcscd:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for reader in self.readers:
            reader.card = None
        self.stop()

    @property
    def pid(self) -> int:
        """Process id; RuntimeError while it is stopped."""
        if self._process is None:
            raise RuntimeError("pcscd is not running")
        return self._process.pid

    def start(self) -> None:
        """Start it; cards that are in their readers are seen when this returns."""
        os.environ.update(self.env)
        for _ in range(_STARTS):
            ports = self._configure()
            self._process = self._spawn()
            names = self._listed()
            if len(names) == len(ports):
                break
            self.stop()  # somebody took one of the ports in between
        else:
            raise ProgramFailed(f"pcscd does not come up:\n{self._log_end()}")
        for reader, name, port in zip(self.readers, names, ports, strict=True):
            reader.name, reader.port = name, port
            reader.connect()
        for reader in self.readers:
            if reader.card is not None:
                reader.wait_present()

    def stop(self) -> None:
        """Stop it; the cards stay in their readers."""
        if self._process is None:
            return
        for reader in self.readers:
            reader.disconnect()
        self._process.terminate()
        self._process.wait(10)
        self._process = None
        self.socket.unlink(missing_ok=True)

    def restart(self) -> None:
        """As after ``systemctl restart pcscd``: every client's connection is gone."""
        self.stop()
        self.start()

    def _configure(self) -> list[int]:
        """Write the reader configuration; return the ports of the slots."""
        folder = self.directory / "readers"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        ports: list[int] = []
        entries = []
        for number, driver in enumerate(self._drivers()):
            port = _free_ports(_SLOTS)
            ports += range(port, port + _SLOTS)
            entries.append(
                # GnuPG 2.4 takes a reader-port without a colon for a number.
                f'FRIENDLYNAME "{_READER} :{number}"\nDEVICENAME /dev/null:{port:#x}\n'
                f"LIBPATH {driver}\nCHANNELID {port:#x}\n"
            )
        (folder / "vpcd").write_text("\n".join(entries))
        return ports

    def _drivers(self) -> Iterator[Path]:
        """vpcd keeps its slots in static variables: each entry needs a copy of its own."""
        plain = len(self.readers) - len(self.pinpad_readers)
        for number in range(plain // _SLOTS):
            yield Path(shutil.copy(_DRIVER, self.directory / f"vpcd{number}.so"))
        if self.keys is not None:
            yield self.keys.driver

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = f'LISTEN_PID=$$ LISTEN_FDS=1 exec {_PROGRAM} "$@" 3<&0 </dev/null'
        options = ["--foreground", "--debug", "--config", str(self.directory / "readers")]
        if b"--disable-polkit" in run([_PROGRAM, "--help"]).stdout:
            options.append("--disable-polkit")  # there may be none to ask, on a bare machine
        with socket.socket(socket.AF_UNIX) as listener, self.log.open("wb") as log:
            listener.bind(str(self.socket))
            listener.listen(16)
            return subprocess.Popen(
                ["sh", "-c", command, "pcscd", *options],
                stdin=listener.fileno(),
                stdout=log,
                stderr=log,
            )

    def _listed(self) -> list[str]:
        """Names of our readers.  Waits for pcscd: its socket has been listening from the start."""
        result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        if result != scard.SCARD_S_SUCCESS:
            return []
        try:
            _, names = scard.SCardListReaders(context, [])
        finally:
            scard.SCardReleaseContext(context)
        return [name for name in names if name.startswith(_READER)]

    def _wait(self, name: str, condition: Callable[[int], bool]) -> None:
        if self._process is None:
            return
        _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        deadline = time.monotonic() + DEADLINE
        state = scard.SCARD_STATE_UNAWARE
        try:
            while state == scard.SCARD_STATE_UNAWARE or not condition(state):
                # In rounds: pcscd 1.9 tells nobody when a card falls out of use just before.
                result, states = scard.SCardGetStatusChange(context, _ROUND_MS, [(name, state)])
                if result == scard.SCARD_E_TIMEOUT and time.monotonic() < deadline:
                    state = scard.SCARD_STATE_UNAWARE
                    continue
                if result != scard.SCARD_S_SUCCESS:
                    reason = scard.SCardGetErrorMessage(result)
                    raise ProgramFailed(f"{name}: {reason} in state {state:#x}\n{self._log_end()}")
                state = states[0][1]
        finally:
            scard.SCardReleaseContext(context)

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-_LOG_END:])


def _free_ports(count: int) -> int:
    """Return the first of ``count`` consecutive ports that nobody has at this moment."""
    while True:
        with socket.socket() as first:
            first.bind(("", 0))
            start: int = first.getsockname()[1]
            if all(_is_free(port) for port in range(start + 1, start + count)):
                return start


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except (OSError, OverflowError):
            return False
    return True
