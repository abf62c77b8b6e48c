"""The KDF-DO (F9, OpenPGP card 3.4 section 4.3.2): what is sent to the card instead of the PIN."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from backends.errors import NotSupported
from backends.openpgp import tlv
from backends.secret import wipe
from backends.token import PinRef

_ALGORITHM, _HASH, _COUNT = 0x81, 0x82, 0x83
_SALT_PW1, _SALT_RC, _SALT_PW3 = 0x84, 0x85, 0x86
_INITIAL_PW1, _INITIAL_PW3 = 0x87, 0x88
_NONE, _ITERATED_SALTED = b"\x00", b"\x03"
#: OpenPGP hash algorithms (RFC 4880 section 9.4) that the card specification allows here.
_HASHES = {b"\x08": "sha256", b"\x0a": "sha512"}


@dataclass(frozen=True, slots=True)
class KDF:
    """OpenPGP's iterated and salted S2K (RFC 4880 section 3.7.1.3).

    ``count``: octets that go into the hash, not the coded form of OpenPGP packets.
    ``initial_pw1``, ``initial_pw3``: hashes of the PINs that the DO was made for; may be empty.
    """

    hash_name: str
    count: int
    salt_pw1: bytes
    salt_rc: bytes
    salt_pw3: bytes
    initial_pw1: bytes = b""
    initial_pw3: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> KDF | None:
        """None where the DO says that PINs go as they are.

        Raises NotSupported for a derivation that is not known: a PIN sent plain would cost a try.
        """
        fields = dict(tlv.parse(data))
        algorithm = fields.get(_ALGORITHM, _NONE)
        if algorithm == _NONE:
            return None
        name = _HASHES.get(fields.get(_HASH, b""))
        salt = fields.get(_SALT_PW1)
        if algorithm != _ITERATED_SALTED or name is None or salt is None:
            raise NotSupported("the card wants a key derivation for PINs that is not known")
        count = int.from_bytes(fields.get(_COUNT, b""), "big")
        salt_rc, salt_pw3 = fields.get(_SALT_RC, salt), fields.get(_SALT_PW3, salt)
        initial = fields.get(_INITIAL_PW1, b""), fields.get(_INITIAL_PW3, b"")
        return cls(name, count, salt, salt_rc, salt_pw3, *initial)

    def derive(self, ref: PinRef, pin: bytes | bytearray) -> bytearray:
        """The hash that stands for the PIN; 32 or 64 bytes."""
        salts = {PinRef.PW3: self.salt_pw3, PinRef.RC: self.salt_rc}
        salted = bytearray(salts.get(ref, self.salt_pw1)) + pin
        digest = hashlib.new(self.hash_name)
        whole, rest = divmod(max(self.count, len(salted)), len(salted))
        for _ in range(whole):
            digest.update(salted)
        digest.update(salted[:rest])
        wipe(salted)
        return bytearray(digest.digest())
