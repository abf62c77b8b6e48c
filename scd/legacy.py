"""gnupg-pkcs11-scd.conf in the words of anyscd.toml.  Pure functions, imported by the command line
only when it is asked for that.

Grammar and options are those of gnupg-pkcs11-scd 0.10 (dconfig.c, dconfig_read), which ends at the
first line that it does not know; here such a line is told of, and the others count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One line; ``value`` is empty for a flag."""

    name: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.value}".rstrip()


@dataclass(frozen=True, slots=True)
class OldProvider:
    """``library``: None if the file names none.  ``unused``: what else it says of the provider."""

    name: str
    library: str | None
    unused: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class OldConfig:
    """``slots``: keygrips by the words of a [[token]].  ``pin_cache``: seconds from the login on,
    None for no limit.  ``unused``: what does not go over."""

    providers: tuple[OldProvider, ...] = ()
    slots: tuple[tuple[str, str], ...] = ()
    pin_cache: int | None = None
    unused: tuple[Setting, ...] = ()


_SLOTS = {"openpgp-sign": "sign", "openpgp-encr": "decrypt", "openpgp-auth": "auth"}

_ELSEWHERE = "is an option of scdaemon.conf, where anyscd reads it"
_CARD = "a token always looks like an OpenPGP card"
#: What became of the options that are not in anyscd.toml.
_FATES = {
    "verbose": _ELSEWHERE,
    "debug-all": _ELSEWHERE,
    "log-file": _ELSEWHERE,
    "use-gnupg-pin-cache": "no PIN is kept, not even there; the token stays logged in",
    "emulate-openpgp": _CARD,
    "emulate-openpgpg": _CARD,  # as its own sample has it
}
_PROVIDER_FATES = {
    "allow-protected-auth": "a PIN pad is used where the token has one",
    "cert-private": "a listing asks for no PIN; what a token hides is read after the login",
    "private-mask": "the key's attributes and the token's mechanisms decide",
}
_UNKNOWN = "gnupg-pkcs11-scd does not know it either"


def convert(text: str) -> str:
    """The file's text as that of an anyscd.toml."""
    return to_toml(parse(text))


def parse(text: str) -> OldConfig:
    settings = list(_settings(text))
    lists = [setting.value for setting in settings if setting.name == "providers"]
    names = [name.strip() for names in lists for name in names.split(",") if name.strip()]
    of_providers = {name: list(_attributes(settings, name)) for name in names}
    known = {f"provider-{name}-{s.name}" for name in names for s in of_providers[name]}
    slots = {_SLOTS[s.name]: s.value for s in settings if s.name in _SLOTS and s.value}
    lifetimes = [_lifetime(setting.value) for setting in settings if setting.name == "pin-cache"]
    others = [s for s in settings if s.name not in {"providers", "pin-cache", *_SLOTS, *known}]
    providers = (_provider(name, attributes) for name, attributes in of_providers.items())
    lifetime = lifetimes[-1] if lifetimes else None
    return OldConfig(tuple(providers), tuple(slots.items()), lifetime, tuple(others))


def _lifetime(value: str) -> int | None:
    """A negative number is no limit; 0 and what is none ask for the PIN all the time, which means
    after a second (pkcs11-helper, pkcs11h-session.c, _pkcs11h_session_validate)."""
    found = re.match(r"[-+]?\d+", value)
    seconds = int(found[0]) if found else 0
    return None if seconds < 0 else max(seconds, 1)


def _settings(text: str) -> Iterator[Setting]:
    for line in text.splitlines():
        name, _, value = line.partition("#")[0].replace("\t", " ").strip().partition(" ")
        if name:
            yield Setting(name, value.strip())


def _attributes(settings: Iterable[Setting], provider: str) -> Iterator[Setting]:
    prefix = f"provider-{provider}-"
    for setting in settings:
        if setting.name.startswith(prefix):
            yield Setting(setting.name.removeprefix(prefix), setting.value)


def _provider(name: str, attributes: Iterable[Setting]) -> OldProvider:
    library, unused = None, []
    for attribute in attributes:
        if attribute.name == "library":
            library = attribute.value
        else:
            unused.append(attribute)
    return OldProvider(name, library, tuple(unused))


def to_toml(old: OldConfig) -> str:
    sections = [_general(old), *map(_module, old.providers), _token(old)]
    return "\n".join("\n".join(lines) + "\n" for lines in sections if lines)


def _general(old: OldConfig) -> list[str]:
    return ["# From gnupg-pkcs11-scd.conf", *_notes(old.unused, _FATES)]


def _module(provider: OldProvider) -> list[str]:
    notes = _notes(provider.unused, _PROVIDER_FATES)
    if not provider.library:
        return [_comment(f"provider {provider.name}: no library is named"), *notes]
    bare = re.fullmatch(r"[A-Za-z0-9_-]+", provider.name)
    name = provider.name if bare else _string(provider.name)
    return [f"[pkcs11.module.{name}]", f"path = {_string(provider.library)}", *notes]


def _token(old: OldConfig) -> list[str]:
    """The file does not say on which token the keys are."""
    chosen = [f"{slot} = {_string(grip)}" for slot, grip in old.slots]
    if old.pin_cache is not None:
        chosen.append(f"pin-absolute = {old.pin_cache}")
    return ["[[token]]", 'match = "pkcs11:" # any', *chosen] if chosen else []


def _notes(settings: Iterable[Setting], fates: dict[str, str]) -> list[str]:
    return [_comment(f"{s}: {fates.get(s.name, _UNKNOWN)}") for s in settings]


def _comment(text: str) -> str:
    return "# " + "".join(c if c.isprintable() else "\ufffd" for c in text)


def _string(text: str) -> str:
    """A basic string: as in JSON, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
