"""A TPM 2: tpm2-pkcs11 over a resource manager and swtpm, with private stores."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.bed.module_token import ModuleToken, pkcs11_tool
from tests.bed.process import ProgramFailed, wait_for_socket
from tests.bed.tpm_manager import resource_manager
from tests.bed.unpacked import find, library_path

_LABEL, _PIN, _SO_PIN = "tpm", "123456", "12345678"
_HOST = "127.0.0.1"
_STARTS = 5


@contextmanager
def tpm2() -> Iterator[ModuleToken]:
    """Start the TPM and make a token without keys."""
    directory = Path(tempfile.mkdtemp(prefix="anyscd-tpm-"))
    try:
        with _swtpm(directory) as tcti, resource_manager(directory, tcti) as env:
            env |= library_path() | {
                "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session",
                "TPM2_PKCS11_STORE": str(directory),
                "TSS2_LOG": "all+NONE",
            }
            token = ModuleToken(find("usr/lib/*/libtpm2_pkcs11.so.1"), env, _LABEL, _PIN)
            _init_token(token)
            yield token
    finally:
        shutil.rmtree(directory)


@contextmanager
def _swtpm(directory: Path) -> Iterator[str]:
    for _ in range(_STARTS):
        port = _free_ports()
        process = _start(directory, port)
        try:
            if wait_for_socket((_HOST, port + 1), process):
                yield f"swtpm:host={_HOST},port={port}"
                return
        finally:
            process.terminate()
            process.wait(10)
    raise ProgramFailed(f"swtpm does not come up:\n{(directory / 'log').read_text()}")


def _free_ports() -> int:
    """The first of two that nobody has at this moment: swtpm's control port has to be the next."""
    while True:
        with socket.socket() as first, socket.socket() as second, suppress(OSError, OverflowError):
            first.bind((_HOST, 0))
            port: int = first.getsockname()[1]
            second.bind((_HOST, port + 1))
            return port


def _start(directory: Path, port: int) -> subprocess.Popen[bytes]:
    options = {
        "tpmstate": f"dir={directory}",
        "server": f"type=tcp,port={port}",
        "ctrl": f"type=tcp,port={port + 1}",
        "flags": "not-need-init,startup-clear",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [str(find("usr/bin/swtpm")), "socket", "--tpm2", *words]
    env = {**os.environ, **library_path()}
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(command, env=env, stdout=log, stderr=log)


def _init_token(token: ModuleToken) -> None:
    pins = ["--login", "--login-type", "so", "--so-pin", _SO_PIN, "--init-pin", "--new-pin", _PIN]
    for words in (
        ["--slot-index", "0", "--init-token", "--label", _LABEL, "--so-pin", _SO_PIN],
        ["--token-label", _LABEL, *pins],
    ):
        pkcs11_tool(token.module, token.env, *words)
