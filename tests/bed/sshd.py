"""A real sshd on the loopback interface, which lets the present user in by given keys only."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.bed.process import DEADLINE, ProgramFailed, run

_STARTS = 5


class Sshd:
    """Listens on a free port; as a context manager.

    ``authorized``: public keys in OpenSSH's format, one to a line.
    """

    def __init__(self, authorized: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="anyscd-sshd-"))
        self.log = self.directory / "sshd.log"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        (self.directory / "authorized_keys").write_text(authorized)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / "host_key"])

    def __enter__(self) -> Sshd:
        for _ in range(_STARTS):
            self._start()
            if self._is_up():
                return self
            self._stop()  # somebody took the port in between
        failure = f"sshd does not come up:\n{self.log.read_text()}"
        shutil.rmtree(self.directory)
        raise ProgramFailed(failure)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        shutil.rmtree(self.directory)

    def login(self, env: Mapping[str, str], *command: str, all_keys: bool = True) -> str:
        """Log in with the agent of ``env`` (SSH_AUTH_SOCK), and with nothing else; run a command
        over there and return what it wrote.

        ``all_keys``: of the agent, in its order, which the server bears six of; else only the
        authorized one.
        """
        public = (self.directory / "host_key.pub").read_text()
        (self.directory / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}")
        options = {
            "BatchMode": "yes",
            "PreferredAuthentications": "publickey",
            "UserKnownHostsFile": str(self.directory / "known_hosts"),
            "IdentityFile": "none" if all_keys else str(self.directory / "authorized_keys"),
            "IdentitiesOnly": "no" if all_keys else "yes",
        }
        words = [f"-o{name}={value}" for name, value in options.items()]
        target = ["-p", str(self.port), f"{getpass.getuser()}@127.0.0.1"]
        try:
            done = run(["ssh", "-F", "none", *words, *target, *command], env=env)
        except ProgramFailed as failure:
            raise ProgramFailed(f"{failure}\n{self.log.read_text()}") from None
        return done.stdout.decode()

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = self.directory / "sshd_config"
        settings.write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.directory}/host_key\n"
            f"AuthorizedKeysFile {self.directory}/authorized_keys\nPidFile none\nStrictModes no\n"
            "UsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nLogLevel VERBOSE\n"
        )
        program = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/local/sbin") or "/usr/sbin/sshd"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-D", "-e", "-f", settings], stdout=log, stderr=log
            )

    def _is_up(self) -> bool:
        """Whether sshd answers; waits for it while it lives."""
        deadline = time.monotonic() + DEADLINE
        while self._process is not None and self._process.poll() is None:
            if time.monotonic() > deadline:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                    return connection.recv(4) == b"SSH-"
            except ConnectionRefusedError:
                continue
        return False

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
