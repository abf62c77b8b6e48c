"""anyscd.toml: its shape, and the complaints about what is not of that shape.

Imported only where there is such a file: tomllib and msgspec are felt at start-up.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import msgspec

from backends.pkcs11.uri import BadURI, is_uri, parse
from scd import pinorigin
from scd.choices import Choices, ModuleOptions, PinOptions, PKCS11Options, TokenOptions
from scd.pinorigin import BadOrigin

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
_Lifetime = Annotated[float, msgspec.Meta(gt=0)]
T = TypeVar("T")


class _Table(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    def texts(self) -> Iterable[str]:
        """Those that may be URIs."""
        return ()

    def check(self) -> None:
        """Raises BadURI or BadOrigin."""
        for text in filter(is_uri, self.texts()):
            parse(text)


class _PKCS11(_Table):
    use_p11_kit: bool | None = None
    settle: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 1.0
    allow: tuple[_Text, ...] = ()
    deny: tuple[_Text, ...] = ()

    def texts(self) -> Iterable[str]:
        return (*self.allow, *self.deny)


class _Module(_Table):
    path: _Text
    start_timeout: _Seconds = 30.0
    timeout: _Seconds = 60.0
    workers: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1


class _Pin(_Table):
    idle: _Lifetime = math.inf
    absolute: _Lifetime = math.inf


class _Token(_Table):
    match: _Text
    sign: _Text | None = None
    decrypt: _Text | None = None
    auth: _Text | None = None
    pin_idle: _Lifetime | None = None
    pin_absolute: _Lifetime | None = None
    pin_source: _Text | None = None

    def texts(self) -> Iterable[str]:
        return filter(None, (self.match, self.sign, self.decrypt, self.auth))

    def check(self) -> None:
        super().check()
        if self.source is not None:
            pinorigin.parse(self.source)

    @property
    def source(self) -> str | None:
        """As it is set, or as the URI of the token says."""
        named = parse(self.match).text("pin-source") if is_uri(self.match) else None
        return self.pin_source or named

    @property
    def options(self) -> TokenOptions:
        return TokenOptions(**{**msgspec.structs.asdict(self), "pin_source": self.source})


class _Reader:
    """Takes the sections one by one, so that a wrong one leaves the others in force."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[str] = []

    def complain(self, key: str, text: str) -> None:
        self.problems.append(f"{self.name}: {key}: {text}")

    def convert(self, section: object, shape: type[T], key: str) -> T | None:
        """The section in that shape; None, with a complaint, if it is not of that shape."""
        try:
            converted = msgspec.convert(section, shape)
            if isinstance(converted, _Table):
                converted.check()
            return converted
        except (BadURI, BadOrigin) as error:
            self.complain(key, str(error))
            return None
        except msgspec.ValidationError as error:
            text, _, where = str(error).partition(" - at `$")
            self.complain(key + where.rstrip("`"), text)
            return None

    def table(self, section: object, key: str) -> dict[str, Any]:
        """The section if it is a table, else an empty one."""
        return self.convert(section, dict[str, Any], key) or {}

    def modules(self, section: dict[str, Any]) -> tuple[ModuleOptions, ...]:
        found = []
        for name, value in section.items():
            module = self.convert(value, _Module, f"pkcs11.module.{name}")
            if module:
                found.append(ModuleOptions(name, **msgspec.structs.asdict(module)))
        return tuple(found)

    def pkcs11(self, section: dict[str, Any]) -> PKCS11Options:
        named = self.table(section.pop("module", {}), "pkcs11.module")
        general = self.convert(section, _PKCS11, "pkcs11") or _PKCS11()
        # Somebody who names modules, even wrongly, means these and no others.
        registered = not named if general.use_p11_kit is None else general.use_p11_kit
        modules = self.modules(named)
        return PKCS11Options(registered, general.settle, modules, general.allow, general.deny)

    def tokens(self, section: object) -> tuple[TokenOptions, ...]:
        entries = self.convert(section, list[Any], "token") or []
        tables = [self.convert(e, _Token, f"token[{i}]") for i, e in enumerate(entries)]
        return tuple(t.options for t in tables if t)

    def pin(self, section: object) -> PinOptions:
        table = self.convert(section, _Pin, "pin") or _Pin()
        return PinOptions(**msgspec.structs.asdict(table))


def read(content: bytes, name: str) -> tuple[Choices, tuple[str, ...]]:
    """What the file says, with defaults for what is missing or wrong, and the complaints, each
    with ``name`` and the key.  A file that is no TOML at all counts as empty."""
    reader = _Reader(name)
    try:
        top = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return Choices(), (f"{name}: {error}",)
    pkcs11 = reader.pkcs11(reader.table(top.pop("pkcs11", {}), "pkcs11"))
    tokens = reader.tokens(top.pop("token", []))
    pin = reader.pin(top.pop("pin", {}))
    for key in top:
        reader.complain(key, "unknown section")
    return Choices(pkcs11, tokens, pin), tuple(reader.problems)
