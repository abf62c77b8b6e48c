"""What anyscd.toml can say, as records.  How it is read is in tomlfile.py."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModuleOptions:
    """One ``[pkcs11.module.NAME]``.  ``path``: as dlopen takes it.  Times are in seconds:
    ``start_timeout`` for loading and C_Initialize, ``timeout`` for any other call.  ``workers``:
    how many processes load it."""

    name: str
    path: str
    start_timeout: float = 30.0
    timeout: float = 60.0
    workers: int = 1


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """One ``[[token]]``.  ``match``: label, serial or URI of the token.  The others name the key
    for that slot of the OpenPGP view: by reference, label, keygrip or URI.  ``pin_idle`` and
    ``pin_absolute``: in place of what ``[pin]`` says.  ``pin_source``: where the PIN can be
    read, as :func:`scd.pinorigin.parse` takes it."""

    match: str
    sign: str | None = None
    decrypt: str | None = None
    auth: str | None = None
    pin_idle: float | None = None
    pin_absolute: float | None = None
    pin_source: str | None = None


@dataclass(frozen=True, slots=True)
class PinOptions:
    """``[pin]``: seconds after which a verified PIN is forgotten: ``idle``: since an operation that
    it was good for, ``absolute``: since it was entered."""

    idle: float = math.inf
    absolute: float = math.inf


@dataclass(frozen=True, slots=True)
class PKCS11Options:
    """``[pkcs11]``.  ``use_p11_kit``: also the modules that p11-kit has registered; of these, those
    that ``allow`` names, if it names any, without those that ``deny`` does.  ``settle``: how many
    seconds a scan waits for slow modules when something else can answer."""

    use_p11_kit: bool = True
    settle: float = 1.0
    modules: tuple[ModuleOptions, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choices:
    """The whole file."""

    pkcs11: PKCS11Options = PKCS11Options()
    tokens: tuple[TokenOptions, ...] = ()
    pin: PinOptions = PinOptions()
