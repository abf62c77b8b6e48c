"""Which token and which key a name in anyscd.toml means."""

from __future__ import annotations

from backends.token import Key, TokenInfo
from scd.card import same_serial
from scd.keygrip import keygrip


def names_token(name: str, info: TokenInfo) -> bool:
    """By label, serial number or URI."""
    return name == info.name or same_serial(name, info.serial) or _is_named(name, info.uri)


def names_key(name: str, key: Key) -> bool:
    """By reference, label, keygrip or URI."""
    known = name == key.label or name.upper() in (key.ref, keygrip(key.public))
    return known or _is_named(name, key.uri)


def _is_named(name: str, uri: str) -> bool:
    if not (uri and name.lower().startswith("pkcs11:")):
        return False
    from backends.pkcs11.uri import parse

    # A key is one thing, whether its private object, public one or certificate is named.
    return parse(name).names(parse(uri), without=("type",))
