"""A PIV card (NIST SP 800-73-4): as much of one as OpenSC wants to see, with keys by pyca."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from backends.openpgp import tlv
from tests.bed.authority import authority
from tests.bed.card import YUBIKEY_ATR
from tests.bed.weierstrass import HASHES

PIN = "123456"

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_AID = bytes.fromhex("a000000308000010000100")
#: Data objects of the card (part 1, table 3), and those with the certificates of its keys.
_CHUID, _DISCOVERY = "5fc102", "7e"
_CERTIFICATES = {0x9A: "5fc105", 0x9C: "5fc10a", 0x9D: "5fc10b", 0x9E: "5fc101"}

#: The key that wants the PIN each time, and the one that wants none.
_EACH_TIME, _FREE = 0x9C, 0x9E
_ADMINISTRATOR = 0x9B

_OK, _NO_SUCH, _UNKNOWN = bytes.fromhex("9000"), bytes.fromhex("6a82"), bytes.fromhex("6d00")
_PIN_WANTED, _BLOCKED = bytes.fromhex("6982"), bytes.fromhex("6983")
_TRIES = 3
#: Bytes of data in one answer or command.
_MOST = 255


class PIVCard:
    """``keys``: by their references, 0x9A to 0x9E; each has a certificate for ``name`` and that."""

    def __init__(self, keys: Mapping[int, Private], name: str) -> None:
        self.tries = _TRIES
        self._keys = keys
        self._selected = self._verified = False
        self._incoming = self._outgoing = b""
        self._objects = {
            _DISCOVERY: tlv.encode(0x7E, tlv.encode(0x4F, _AID) + tlv.encode(0x5F2F, b"\x40\0")),
            _CHUID: tlv.encode(0x53, tlv.encode(0x34, secrets.token_bytes(16))),
        }
        for reference, key in keys.items():
            der = authority().certify(key.public_key(), f"{name} {reference:X}")
            content = tlv.encode(0x70, der) + tlv.encode(0x71, b"\0") + tlv.encode(0xFE, b"")
            self._objects[_CERTIFICATES[reference]] = tlv.encode(0x53, content)
        self._commands = {
            0xA4: self._select,
            0x20: self._verify,
            0xCB: self._get_data,
            0x87: self._authenticate,
        }

    def power_on(self) -> None:
        self._selected = self._verified = False

    def power_off(self) -> None:
        self.power_on()

    def get_atr(self) -> bytes:
        return YUBIKEY_ATR

    def process_apdu(self, apdu: bytes) -> bytes:
        """Answer one command, of short length; long data come and go in pieces."""
        cla, ins, p1, p2 = apdu[:4]
        if ins == 0xC0:
            return self._next()
        self._incoming += apdu[5 : 5 + apdu[4]] if len(apdu) > 5 else b""
        if cla & 0x10:
            return _OK
        data, self._incoming = self._incoming, b""
        if ins not in self._commands or not (self._selected or ins == 0xA4):
            return _UNKNOWN
        answer = self._commands[ins](p1, p2, data)
        self._outgoing = answer[:-2]
        return self._next() if self._outgoing else answer

    def _next(self) -> bytes:
        piece, self._outgoing = self._outgoing[:_MOST], self._outgoing[_MOST:]
        left = len(self._outgoing)
        return piece + (bytes([0x61, min(left, _MOST)]) if left else _OK)

    def _select(self, p1: int, p2: int, data: bytes) -> bytes:
        if p1 != 4 or not data or not _AID.startswith(data[:9]):
            return _NO_SUCH
        self._selected, self._verified = True, False
        return tlv.encode(0x61, tlv.encode(0x4F, _AID[5:])) + _OK

    def _verify(self, p1: int, p2: int, data: bytes) -> bytes:
        if p2 != 0x80:
            return _NO_SUCH
        if not self.tries:
            return _BLOCKED
        if data == PIN.encode().ljust(8, b"\xff"):
            self._verified, self.tries = True, _TRIES
        elif data:
            self._verified, self.tries = False, self.tries - 1
        return _OK if self._verified else bytes([0x63, 0xC0 | self.tries])

    def _get_data(self, p1: int, p2: int, data: bytes) -> bytes:
        found = self._objects.get((tlv.find(data, 0x5C) or b"").hex())
        return found + _OK if found else _NO_SUCH

    def _authenticate(self, p1: int, p2: int, data: bytes) -> bytes:
        """GENERAL AUTHENTICATE with the key ``p2``; with that of the administrator only the first
        step, which gives random numbers."""
        if p2 == _ADMINISTRATOR:
            return tlv.encode(0x7C, tlv.encode(0x81, secrets.token_bytes(8))) + _OK
        if p2 not in self._keys:
            return _NO_SUCH
        if not self._verified and p2 != _FREE:
            return _PIN_WANTED
        if p2 == _EACH_TIME:
            self._verified = False
        template = dict(tlv.parse(tlv.find(data, 0x7C) or b""))
        result = _operate(self._keys[p2], template.get(0x81), template.get(0x85))
        return tlv.encode(0x7C, tlv.encode(0x82, result)) + _OK


def _operate(key: Private, challenge: bytes | None, point: bytes | None) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        n = numbers.public_numbers.n
        block = pow(int.from_bytes(challenge or b""), numbers.d, n)
        return block.to_bytes((n.bit_length() + 7) // 8)
    if point is not None:
        peer = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point)
        return key.exchange(ec.ECDH(), peer)
    assert challenge is not None
    return key.sign(challenge, ec.ECDSA(utils.Prehashed(HASHES[len(challenge)])))
