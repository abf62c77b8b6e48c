"""The attributes of objects that are put on a token.  Pure functions.

Everything that a default could make wider is said: the keys are private, sensitive, cannot be
extracted, and are for one use only.
"""

from __future__ import annotations

from dataclasses import dataclass

from asn1crypto import core, x509

from backends.curves import Curve
from backends.pkcs11.abi import Template
from backends.pkcs11.cka import CKA, CKK, CKO
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use

_EXPONENT = b"\x01\x00\x01"
_CERTIFICATE_X509 = 0

#: What a key that signs, or decrypts, may do: attributes of the public and of the private object.
#: RSA decrypts, and a curve key derives, for which the public object is not needed.
_RSA_SIGNS = (
    {CKA.VERIFY: True, CKA.ENCRYPT: False, CKA.WRAP: False},
    {CKA.SIGN: True, CKA.DECRYPT: False, CKA.UNWRAP: False},
)
_RSA_DECRYPTS = (
    {CKA.VERIFY: False, CKA.ENCRYPT: True, CKA.WRAP: False},
    {CKA.SIGN: False, CKA.DECRYPT: True, CKA.UNWRAP: False},
)
_EC_SIGNS = {CKA.VERIFY: True}, {CKA.SIGN: True, CKA.DERIVE: False}
_EC_DERIVES = {CKA.VERIFY: False}, {CKA.SIGN: False, CKA.DERIVE: True}
_USES = {
    (True, False): _RSA_SIGNS,
    (True, True): _RSA_DECRYPTS,
    (False, False): _EC_SIGNS,
    (False, True): _EC_DERIVES,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What the two objects of a key pair have in common.  ``identifier``: CKA_ID.  ``narrow``: say
    also what the key may not do."""

    key_type: CKK
    use: Use
    identifier: bytes
    label: str
    narrow: bool = True

    def public_object(self) -> Template:
        """What each public key object has."""
        return [
            (CKA.CLASS, CKO.PUBLIC_KEY),
            (CKA.PRIVATE, False),
            *self._common(),
            *self._flags(0),
        ]

    def private_object(self) -> Template:
        """What each private key object has."""
        return [
            (CKA.CLASS, CKO.PRIVATE_KEY),
            (CKA.PRIVATE, True),
            (CKA.SENSITIVE, True),
            (CKA.EXTRACTABLE, False),
            *self._common(),
            *self._flags(1),
        ]

    def _common(self) -> Template:
        return [
            (CKA.TOKEN, True),
            (CKA.KEY_TYPE, self.key_type),
            (CKA.ID, self.identifier),
            (CKA.LABEL, self.label.encode()),
        ]

    def _flags(self, half: int) -> Template:
        flags = _USES[self.key_type is CKK.RSA, Use.DECRYPT in self.use][half]
        return [(flag, yes) for flag, yes in flags.items() if yes or self.narrow]


def wanted(kind: Curve | int) -> Template:
    """What a new public key shall be: a point of the curve, or RSA with so many bits."""
    if isinstance(kind, int):
        return [(CKA.MODULUS_BITS, kind), (CKA.PUBLIC_EXPONENT, _EXPONENT)]
    return [(CKA.EC_PARAMS, ec_params(kind))]


def public_numbers(public: PublicKey) -> Template:
    """The public key itself."""
    if isinstance(public, RSAPublicKey):
        return [(CKA.MODULUS, unsigned(public.n)), (CKA.PUBLIC_EXPONENT, unsigned(public.e))]
    point = core.OctetString(public.point).dump()
    return [(CKA.EC_PARAMS, ec_params(public.curve)), (CKA.EC_POINT, point)]


def private_numbers(public: PublicKey, secrets: list[bytearray]) -> Template:
    """The private key itself.  ``secrets``: d, p, q, then what :func:`crt` makes of them; or the
    secret of a curve key."""
    if isinstance(public, ECPublicKey):
        return [(CKA.EC_PARAMS, ec_params(public.curve)), (CKA.VALUE, secrets[0])]
    names = (CKA.PRIVATE_EXPONENT, CKA.PRIME_1, CKA.PRIME_2)
    derived = (CKA.EXPONENT_1, CKA.EXPONENT_2, CKA.COEFFICIENT)
    return [*public_numbers(public), *zip(names + derived, secrets, strict=True)]


def crt(secrets: list[bytearray]) -> list[bytearray]:
    """d mod p-1, d mod q-1 and the inverse of q, of the size of the primes."""
    d, p, q = map(int.from_bytes, secrets)
    size = len(secrets[1])
    return [bytearray(n.to_bytes(size)) for n in (d % (p - 1), d % (q - 1), pow(q, -1, p))]


def ec_params(curve: Curve) -> bytes:
    """The OID; that of RFC 8410 where there are two (PKCS#11 3.0 section 2.3.3)."""
    oid = next((alias for alias in curve.aliases if alias.startswith("1.3.101.")), curve.oid)
    return bytes(core.ObjectIdentifier(oid).dump())


def unsigned(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def certificate_object(der: bytes, identifier: bytes, label: str) -> Template:
    """A certificate that can be understood."""
    certificate = x509.Certificate.load(der)
    return [
        (CKA.CLASS, CKO.CERTIFICATE),
        (CKA.CERTIFICATE_TYPE, _CERTIFICATE_X509),
        (CKA.TOKEN, True),
        (CKA.PRIVATE, False),
        (CKA.ID, identifier),
        (CKA.LABEL, label.encode()),
        (CKA.SUBJECT, certificate.subject.dump()),
        (CKA.ISSUER, certificate.issuer.dump()),
        (CKA.SERIAL_NUMBER, certificate["tbs_certificate"]["serial_number"].dump()),
        (CKA.VALUE, der),
    ]
