"""NSS's software token, by way of p11-kit: it wants a string at its start that python-pkcs11 cannot
give, and p11-kit can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bed.module_token import ModuleToken
from tests.bed.p11_kit import proxy
from tests.bed.process import ProgramFailed
from tests.bed.relocated import short_directory

_MODULES = ("usr/lib/*/libsoftokn3.so", "usr/lib/*/nss/libsoftokn3.so")
_LABEL, _PIN = "nss", "123456"


@contextmanager
def nss() -> Iterator[ModuleToken]:
    """Make a database with a PIN and without keys."""
    with short_directory() as directory:
        module = proxy(directory, _configuration(directory / "database"))
        token = ModuleToken(module, {}, _LABEL, _PIN)
        token.python_work("init-pin")  # pkcs11-tool takes an officer's empty PIN for none
        yield token


def _configuration(database: Path) -> dict[str, str]:
    database.mkdir()
    parameters = {
        "configdir": f"sql:{database}",
        **dict.fromkeys(("certPrefix", "keyPrefix"), ""),
        "secmod": "secmod.db",
        "dbTokenDescription": _LABEL,
        "flags": "",
    }
    reserved = " ".join(f"{name}='{value}'" for name, value in parameters.items())
    return {"module": str(_softoken()), "x-init-reserved": reserved}


def _softoken() -> Path:
    for pattern in _MODULES:
        for path in sorted(Path("/").glob(pattern)):
            return path
    raise ProgramFailed("libsoftokn3.so is nowhere")
