"""Names that gnupg-pkcs11-scd gave to tokens and keys, which GnuPG's stub files still have.

A stub says a serial number, which gpg-agent demands, and with GnuPG 2.2 a reference of the key,
which it then uses.  Both are made from four fields of CK_TOKEN_INFO as pkcs11-helper writes them in
a row: escaped between slashes (its lib/pkcs11h-serialization.c), or, as Fedora and others build it,
as a URI.  Pure functions; tokens and keys are given by the URIs of :mod:`backends.token`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from backends.pkcs11.uri import URI, parse

#: gnupg-pkcs11-scd, command.c, OPENPGP_PKCS11_SERIAL: "P11" where a manufacturer would stand.
_SERIAL = re.compile(r"D2760001240111503131([0-9A-F]{8})1111")
_SERIAL_FORM = "D2760001240111503131{}1111"

#: What pkcs11-helper escapes, beside all that is not a visible ASCII character.
_ESCAPED = frozenset(b"\\/\"'%&#@!?$* <>{}[]()`|:;,.+-")
_VERBATIM = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")

_Form = Callable[[URI], str]


def is_old_serial(serial: str) -> bool:
    return _SERIAL.fullmatch(serial.upper()) is not None


def is_old_reference(name: str) -> bool:
    """Whether it has the form of a key's reference."""
    return name.startswith("pkcs11:") or name.count("/") == 4


def is_old_serial_of(serial: str, uri: str) -> bool:
    """Whether it was the serial number of that very token."""
    digests = (hashlib.sha1(form(parse(uri)).encode()) for form in _TOKEN)  # noqa: S324
    return serial.upper() in [_SERIAL_FORM.format(d.hexdigest()[:8].upper()) for d in digests]


def is_old_reference_of(name: str, uri: str) -> bool:
    """Whether that key was called so."""
    return name in [form(parse(uri)) for form in _KEY]


def _path(token: URI) -> str:
    fields = ("manufacturer", "model", "serial", "token")
    return "/".join(_escaped(token.path.get(field, b"")) for field in fields)


def _key_path(key: URI) -> str:
    return f"{_path(key)}/{key.path.get('id', b'').hex().upper()}"


def _uri(token: URI, fields: tuple[str, ...] = ("model", "token", "manufacturer", "serial")) -> str:
    return "pkcs11:" + ";".join(f"{f}={_percent(token.path.get(f, b''))}" for f in fields)


def _key_uri(key: URI) -> str:
    return f"{_uri(key)};id={_percent(key.path.get('id', b''))}"


_TOKEN: tuple[_Form, ...] = (_path, _uri)
_KEY: tuple[_Form, ...] = (_key_path, _key_uri)


def _escaped(value: bytes) -> str:
    return "".join(
        chr(byte) if 0x20 < byte < 0x7F and byte not in _ESCAPED else f"\\x{byte:02X}"
        for byte in value
    )


def _percent(value: bytes) -> str:
    return "".join(chr(byte) if byte in _VERBATIM else f"%{byte:02x}" for byte in value)
