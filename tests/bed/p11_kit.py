"""p11-kit: its proxy with a private configuration, and its server on a private socket."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.bed.module_token import ModuleToken
from tests.bed.process import ProgramFailed, run
from tests.bed.relocated import moved, relocate, short_directory
from tests.bed.softhsm import MODULE, SoftHSM

_FOLDERS = ("/etc/pkcs11", "/usr/share/p11-kit", "~/.config/pkcs11")


def proxy(directory: Path, configuration: Mapping[str, str]) -> Path:
    """Make a p11-kit-proxy that knows one module, and return it.

    ``directory``: as :func:`tests.bed.relocated.short_directory` makes them, since the places of
    p11-kit's configuration are compiled in.  ``configuration``: of the module, as in its file.
    """
    modules = directory / "modules"
    modules.mkdir()
    lines = [f"{field}: {value}\n" for field, value in configuration.items()]
    (modules / "bed.module").write_text("".join(lines))
    copy = directory / "p11-kit-proxy.so"
    relocate(_told("proxy_module"), copy, [moved(folder, directory) for folder in _FOLDERS])
    return copy


@contextmanager
def p11_kit_remote() -> Iterator[ModuleToken]:
    """SoftHSM in a process of its own behind the proxy, which speaks with it through a pipe."""
    with short_directory() as directory:
        token = SoftHSM(directory).init_token("remote")
        module = proxy(directory, {"remote": f"|p11-kit remote {MODULE}"})
        yield replace(token, module=module)


@contextmanager
def p11_kit_server() -> Iterator[ModuleToken]:
    """SoftHSM behind a server, as if on another machine: the module is p11-kit's client."""
    with short_directory() as directory:
        token = SoftHSM(directory).init_token("served")
        client = _told("p11_module_path") / "p11-kit-client.so"
        with _server(directory, token.env) as env:
            yield replace(token, module=client, env=env)


@contextmanager
def _server(directory: Path, env: Mapping[str, str]) -> Iterator[dict[str, str]]:
    command = ["p11-kit", "server", "--foreground", "--provider", str(MODULE)]
    address = ["--name", str(directory / "socket"), "pkcs11:"]
    server = subprocess.Popen(
        [*command, *address], env={**os.environ, **env}, stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        told = server.stdout.readline().decode()  # which it does once it listens
        found = re.match(r"(P11_KIT_SERVER_ADDRESS)=([^;]+)", told)
        if found is None:
            raise ProgramFailed(f"p11-kit server said {told!r}")
        yield {found[1]: found[2]}
    finally:
        server.terminate()
        server.communicate(timeout=10)


def _told(variable: str) -> Path:
    """A place that p11-kit was built with."""
    words = ["pkg-config", f"--variable={variable}", "p11-kit-1"]
    return Path(run(words).stdout.decode().strip())
