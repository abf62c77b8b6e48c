"""Names that stay: the serial number made up for a token, and the reference made up for a key."""

from __future__ import annotations

import calendar
import hashlib
import time

from backends.pkcs11.uri import URI
from backends.token import PublicKey, RSAPublicKey

#: OpenPGP card AID: RID of the FSFE and application 01, version 3.4, and a manufacturer number of
#: the range FF00 to FFFE, which is for serial numbers that nobody assigns (OpenPGP card 3.4
#: section 4.2.1).
VERSION = 0x0304
MANUFACTURER = 0xFF11
_PREFIX = f"D27600012401{VERSION:04X}{MANUFACTURER:04X}"


_TIME = "%Y-%m-%d %H:%M:%S"


def token_id(manufacturer: str, model: str, serial: bytes, label: str) -> str:
    """64 lower-case hex digits that name a token, wherever its slot is.

    SHA-256 over the four fields of CK_TOKEN_INFO without their padding, texts in UTF-8, each
    followed by a zero byte.
    """
    fields = (manufacturer.encode(), model.encode(), serial, label.encode())
    return hashlib.sha256(b"".join(field + b"\0" for field in fields)).hexdigest()


def token_uri(manufacturer: str, model: str, serial: bytes, label: str) -> URI:
    """The same four fields as RFC 7512 names them."""
    return URI(
        {
            "token": label.encode(),
            "manufacturer": manufacturer.encode(),
            "model": model.encode(),
            "serial": serial,
        }
    )


def key_uri(token: URI, identifier: bytes, label: str) -> URI:
    """A key on that token, by its CKA_ID and label, as far as it has them."""
    own = {"id": identifier, "object": label.encode(), "type": b"private"}
    return URI({**token.path, **{name: value for name, value in own.items() if value}})


def token_serial(token: str) -> str:
    """The 32-digit serial number, in the form of an OpenPGP card's AID, of that token id: its
    card number is the first eight digits of the id."""
    return f"{_PREFIX}{token[:8].upper()}0000"


def display_serial(token: str) -> str:
    """As ``gpg --card-status`` would print it: manufacturer and card number."""
    return f"{MANUFACTURER:04X} {token[:8].upper()}"


def key_ref(public: PublicKey) -> str:
    """``P11.`` and the first 16 upper-case hex digits of SHA-256 over the public key.

    What is hashed: ``rsa``, a zero byte, then modulus and exponent, each big-endian without
    leading zeros after its length in four bytes; or ``ec``, a zero byte, the curve's dotted OID
    (that of :mod:`backends.curves`), a zero byte and the point.
    """
    if isinstance(public, RSAPublicKey):
        encoded = b"rsa\0" + _integer(public.n) + _integer(public.e)
    else:
        encoded = b"ec\0" + public.curve.oid.encode() + b"\0" + public.point
    return "P11." + hashlib.sha256(encoded).hexdigest()[:16].upper()


def made_label(ref: str, created: int) -> str:
    """The label of a key that was made for an OpenPGP slot: its name and the time of creation in
    UTC, of which the OpenPGP fingerprint is made and by which the newest one is told."""
    return f"{ref} {time.strftime(_TIME, time.gmtime(created))}"


def made_at(label: str) -> int | None:
    """The time in such a label, which may have a number behind it, in seconds since the epoch."""
    slot, _, rest = label.partition(" ")
    if not slot.startswith("OPENPGP."):
        return None
    try:
        return calendar.timegm(time.strptime(rest.partition(" #")[0], _TIME))
    except ValueError:
        return None


def printable(text: str) -> str:
    """A label of a token or key, fit for one line of a log or a prompt."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _integer(value: int) -> bytes:
    raw = value.to_bytes((value.bit_length() + 7) // 8)
    return len(raw).to_bytes(4) + raw
