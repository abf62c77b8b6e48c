"""What pkcs11-tool cannot do with a token, by python-pkcs11 in a process of its own.

Run as ``python -m tests.bed.python_work VERB MODULE TOKEN PIN ARGUMENT...``; see :data:`_VERBS`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pkcs11
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11.util.rsa import encode_rsa_public_key

from tests.pkcs11.fill import CRYPT, edwards, rsa

#: EC_PARAMS: the OID of RFC 8410.
_X25519 = b"\x06\x03\x2b\x65\x6e"


def init_pin(token: Any, pin: str) -> None:
    """Set the first PIN, for an officer whose own is empty."""
    with token.open(rw=True, so_pin="") as session:
        session.init_pin(pin)


def x25519(token: Any, pin: str, number: str, label: str) -> None:
    """Make a key of the type CKK_EC_EDWARDS, the only one that SoftHSM knows for this curve."""
    with token.open(rw=True, user_pin=pin) as session:
        edwards(session, int(number), label, _X25519, pkcs11.MechanismFlag.DERIVE)


def careful(token: Any, pin: str, number: str, label: str) -> None:
    """Make an RSA key that wants the PIN each time."""
    always = {pkcs11.Attribute.ALWAYS_AUTHENTICATE: True}
    with token.open(rw=True, user_pin=pin) as session:
        rsa(session, int(number), label, CRYPT, private=always)


def public_keys(token: Any, pin: str) -> None:
    """Write all of RSA and Weierstrass curves as JSON: CKA_ID and DER, both in hexadecimal."""
    with token.open(user_pin=pin) as session:
        found = list(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY}))
        infos = {key.id.hex(): _READERS[key.key_type](key).hex() for key in found}
    print(json.dumps({identifier: info for identifier, info in infos.items() if info}))


def _ec_public_key(key: Any) -> bytes:
    oid = core.ObjectIdentifier.load(key[pkcs11.Attribute.EC_PARAMS]).dotted
    curve = ec.get_curve_for_oid(x509.ObjectIdentifier(oid))()
    # What is around the point is not looked at: tpm2-pkcs11 1.9 gets it wrong on P-521.
    point = key[pkcs11.Attribute.EC_POINT][-(2 * ((curve.key_size + 7) // 8) + 1) :]
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, point).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


_READERS: dict[pkcs11.KeyType, Callable[[Any], bytes]] = {
    pkcs11.KeyType.RSA: encode_rsa_public_key,
    pkcs11.KeyType.EC: _ec_public_key,
    pkcs11.KeyType.EC_EDWARDS: lambda key: b"",
}

_VERBS: dict[str, Callable[..., None]] = {
    "init-pin": init_pin,
    "x25519": x25519,
    "careful": careful,
    "public-keys": public_keys,
}


def main() -> None:
    verb, module, label, *arguments = sys.argv[1:]
    _VERBS[verb](pkcs11.lib(module).get_token(token_label=label), *arguments)


if __name__ == "__main__":
    main()
