"""S-expressions: encoding, parsing, and those of public keys, with their OpenSSH form.

Private keys are only ever parsed here (KEYDATA of WRITEKEY), never written.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from typing import TypeAlias

from backends.curves import CURVE25519, ED448, ED25519, NIST_P256, NIST_P384, NIST_P521
from backends.token import ECPublicKey, PublicKey, RSAPublicKey

Expression: TypeAlias = "bytes | str | Sequence[Expression]"
Node: TypeAlias = "bytes | list[Node]"

#: Deeper than any key that GnuPG sends; keeps hostile input off the interpreter's stack.
MAX_DEPTH = 16

#: Flags of the curves whose points GnuPG writes with the prefix 40; Ed448 and X448 are not among
#: them (scd/app-openpgp.c, ecc_read_pubkey).
_FLAGS = {ED25519: "eddsa", CURVE25519: "djb-tweak"}

#: Key types of RFC 5656 section 3.1 and RFC 8709 section 4, and the curve field of the former.
_SSH_NAMES: dict[object, tuple[bytes, ...]] = {
    NIST_P256: (b"ecdsa-sha2-nistp256", b"nistp256"),
    NIST_P384: (b"ecdsa-sha2-nistp384", b"nistp384"),
    NIST_P521: (b"ecdsa-sha2-nistp521", b"nistp521"),
    ED25519: (b"ssh-ed25519",),
    ED448: (b"ssh-ed448",),
}

_LENGTH = re.compile(rb"(0|[1-9][0-9]{0,6}):")

# How libgcrypt prints an atom in GCRYSEXP_FMT_ADVANCED (src/sexp.c, suitable_encoding): as a
# token, as a quoted string, or else in hexadecimal.
_TOKEN = re.compile(rb"[A-Za-z\-./_:*+=][A-Za-z0-9\-./_:*+=]*")
_TEXT = re.compile(rb"[\x20-\x7e\b\t\n\v\f\r]+")
_ESCAPES = {
    **{c: b"\\" + bytes([c]) for c in b"\"'\\"},
    **dict(zip(b"\b\t\n\v\f\r", (b"\\b", b"\\t", b"\\n", b"\\v", b"\\f", b"\\r"), strict=True)),
}


class SexpError(ValueError):
    """Not a canonical S-expression.  The text tells where, never what was there."""


def encode(expr: Expression) -> bytes:
    """Canonical form of nested sequences of bytes or (UTF-8) text."""
    if isinstance(expr, str):
        expr = expr.encode()
    if isinstance(expr, bytes):
        return b"%d:%b" % (len(expr), expr)
    return b"(%b)" % b"".join(map(encode, expr))


def parse(data: bytes | bytearray, max_depth: int = MAX_DEPTH) -> Node:
    """Read one canonical expression that fills ``data``: bytes, or lists of them.

    Raises SexpError, also for nesting deeper than ``max_depth``.
    """
    top: list[Node] = []
    stack = [top]
    position = 0
    while position < len(data):
        if position and len(stack) == 1:
            raise SexpError(f"more than one expression, at byte {position}")
        position = _parse_step(data, position, stack)
        if len(stack) > max_depth + 1:
            raise SexpError(f"nested too deep, at byte {position}")
    if len(stack) > 1 or not top:
        raise SexpError("unexpected end")
    return top[0]


def _parse_step(data: bytes | bytearray, position: int, stack: list[list[Node]]) -> int:
    """Take one parenthesis or atom; returns the position behind it."""
    char = data[position : position + 1]
    if char == b"(":
        inner: list[Node] = []
        stack[-1].append(inner)
        stack.append(inner)
        return position + 1
    if char == b")" and len(stack) > 1:
        stack.pop()
        return position + 1
    match = _LENGTH.match(data, position)
    if match is None:
        raise SexpError(f"no length, at byte {position}")
    start, end = match.end(), match.end() + int(match[1])
    if end > len(data):
        raise SexpError(f"an atom longer than the data, at byte {position}")
    stack[-1].append(bytes(data[start:end]))
    return end


def advanced(expr: bytes) -> bytes:
    """A canonical expression for people, as libgcrypt prints it, with a line feed at the end."""
    return _render(parse(expr), 1) + b"\n"


def _render(node: Node, level: int) -> bytes:
    """Every list on a line of its own, indented by one blank for each level."""
    if isinstance(node, bytes):
        return _render_atom(node)
    indent = b"\n" + b" " * level
    out = b"("
    for index, item in enumerate(node):
        if isinstance(item, bytes):
            out += _render_atom(item) + (b" " if index + 1 < len(node) else b"")
            continue
        fresh = index > 0 and isinstance(node[index - 1], list)
        out += (b"" if fresh else indent) + _render(item, level + 1) + indent
    return out + b")"


def _render_atom(atom: bytes) -> bytes:
    if _TOKEN.fullmatch(atom):
        return atom
    if _TEXT.fullmatch(atom):
        return b'"%b"' % b"".join(_ESCAPES.get(c, bytes([c])) for c in atom)
    return b"#%b#" % atom.hex().upper().encode()


def unsigned(value: int) -> bytes:
    """Big-endian, with a leading 00 if the top bit is set: GCRYMPI_FMT_STD of libgcrypt."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def prefixed_point(key: ECPublicKey) -> bytes:
    """The point as OpenPGP writes it: with 40 in front for Ed25519 and Curve25519."""
    return b"\x40" + key.point if key.curve in _FLAGS else key.point


def public_key(key: PublicKey) -> bytes:
    """The canonical ``public-key`` expression that READKEY answers with."""
    if isinstance(key, RSAPublicKey):
        return encode(("public-key", ("rsa", ("n", unsigned(key.n)), ("e", unsigned(key.e)))))
    flags = (("flags", _FLAGS[key.curve]),) if key.curve in _FLAGS else ()
    point = ("q", prefixed_point(key))
    return encode(("public-key", ("ecc", ("curve", key.curve.name), *flags, point)))


def has_ssh_form(key: PublicKey) -> bool:
    """Whether SSH has keys of that kind."""
    return isinstance(key, RSAPublicKey) or key.curve in _SSH_NAMES


def openssh(key: PublicKey, comment: str = "(none)") -> bytes:
    """A line of authorized_keys, line feed included (RFC 4253 section 6.6, RFC 5656, RFC 8709).

    Raises ValueError for curves that SSH does not have.
    """
    name, *fields = _ssh_fields(key)
    blob = b"".join(len(f).to_bytes(4, "big") + f for f in (name, *fields))
    return b"%b %b %b\n" % (name, b64encode(blob), comment.encode())


def _ssh_fields(key: PublicKey) -> tuple[bytes, ...]:
    if isinstance(key, RSAPublicKey):
        return (b"ssh-rsa", unsigned(key.e), unsigned(key.n))
    names = _SSH_NAMES.get(key.curve)
    if names is None:
        raise ValueError(f"SSH has no keys on {key.curve.name}")
    return (*names, key.point)
