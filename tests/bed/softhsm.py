"""SoftHSM: a private token store, and tokens in it."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bed.module_token import ModuleToken
from tests.bed.process import run

_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",  # Debian, Ubuntu: a link
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)

#: The module to load.
MODULE = next((Path(path) for path in _MODULES if Path(path).exists()), Path(_MODULES[0]))

SO_PIN = "12345678"


class SoftHSM:
    """A token store in a folder of its own."""

    def __init__(self, directory: Path) -> None:
        store = directory / "tokens"
        store.mkdir(parents=True)
        configuration = directory / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {store}\nlog.level = ERROR\n")
        self.env = {"SOFTHSM2_CONF": str(configuration)}

    def init_token(self, label: str, pin: str = "123456", so_pin: str = SO_PIN) -> ModuleToken:
        """Make a token in the next free slot."""
        pins = ["--so-pin", so_pin, "--pin", pin]
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, *pins]
        run(command, env={**os.environ, **self.env})
        return ModuleToken(MODULE, self.env, label, pin)

    def delete_token(self, label: str) -> None:
        """Remove a token with everything on it."""
        command = ["softhsm2-util", "--delete-token", "--token", label]
        run(command, env={**os.environ, **self.env})
