"""PKCS#11 URIs (RFC 7512): read, written and compared.  Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SCHEME = "pkcs11:"

#: Section 2.3: the attributes of the path, and of the query.
_PATH = frozenset(
    {"token", "manufacturer", "serial", "model", "object", "type", "id"}
    | {"library-manufacturer", "library-version", "library-description"}
    | {"slot-manufacturer", "slot-description", "slot-id"}
)
_QUERY = frozenset({"pin-source", "module-name", "module-path"})

#: What may stand in a value as it is: pk11-res-avail and unreserved characters of section 2.3.
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_PATH_SAFE = frozenset((_UNRESERVED + ":[]@!$'()*+,=&").encode())
_QUERY_SAFE = frozenset((_UNRESERVED + ":[]@!$'()*+,=/?|").encode())


class BadURI(ValueError):
    """Not a PKCS#11 URI; the text says why."""


@dataclass(frozen=True, slots=True)
class URI:
    """Attributes and their values, which are text in UTF-8 but for ``id``."""

    path: Mapping[str, bytes]
    query: Mapping[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        path = ";".join(f"{k}={_quoted(k, v, _PATH_SAFE)}" for k, v in self.path.items())
        query = "&".join(f"{k}={_quoted(k, v, _QUERY_SAFE)}" for k, v in self.query.items())
        return f"{SCHEME}{path}?{query}" if query else SCHEME + path

    def names(self, other: URI, *, without: Iterable[str] = ()) -> bool:
        """Whether the other has all that is said here of the path; what is not said does not count
        (section 2.5), nor do the attributes in ``without``."""
        passed_over = set(without)
        return all(
            other.path.get(name) == value
            for name, value in self.path.items()
            if name not in passed_over
        )

    def text(self, name: str) -> str | None:
        """An attribute of the query."""
        value = self.query.get(name)
        return None if value is None else value.decode(errors="replace")


def is_uri(text: str) -> bool:
    """Whether it is meant to be one."""
    return text[: len(SCHEME)].lower() == SCHEME


def parse(text: str) -> URI:
    """Raises BadURI, also for attributes that are not known, as what they mean would be lost; and
    for a PIN in the open (``pin-value``)."""
    if not is_uri(text):
        raise BadURI(f"does not begin with {SCHEME}")
    path, _, query = text[len(SCHEME) :].partition("?")
    return URI(_attributes(path, ";", _PATH), _attributes(query, "&", _QUERY))


def _attributes(text: str, separator: str, known: frozenset[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise BadURI("pin-value: a PIN does not belong into a file; pin-source names its place")
        if not equals or name not in known:
            raise BadURI(f"attribute {name!r} is not known")
        if name in found:
            raise BadURI(f"attribute {name!r} is there twice")
        found[name] = _unquoted(name, value)
    return found


def _unquoted(name: str, value: str) -> bytes:
    first, *pieces = value.split("%")
    if not value.isascii() or not all(_is_hex(piece[:2]) for piece in pieces):
        raise BadURI(f"the value of {name!r} is not percent-encoded")
    raw = first.encode() + b"".join(bytes.fromhex(p[:2]) + p[2:].encode() for p in pieces)
    if name != "id":
        try:
            raw.decode()
        except UnicodeDecodeError:
            raise BadURI(f"the value of {name!r} is not UTF-8") from None
    return raw


def _is_hex(digits: str) -> bool:
    return len(digits) == 2 and all(c in "0123456789abcdefABCDEF" for c in digits)


def _quoted(name: str, value: bytes, safe: frozenset[int]) -> str:
    if name == "id":  # All of it, as section 2.3 recommends.
        safe = frozenset()
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in value)
