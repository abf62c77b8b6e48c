"""Public keys out of PKCS#11 attributes and out of certificates.  Only the worker imports this.

Everything here raises Unreadable for what it cannot understand, whatever that is.
"""

from __future__ import annotations

from dataclasses import dataclass

from asn1crypto import core, keys, x509

from backends.curves import BY_NAME, BY_OID, Curve
from backends.domain import DOMAINS
from backends.pkcs11.points import Unreadable, read_point
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use

#: Names of the curves of RFC 8032 and RFC 7748 that CKA_EC_PARAMS holds as a PrintableString
#: (PKCS#11 3.0 section 2.3.3), besides those that GnuPG uses.
_CURVE_NAMES = {
    "edwards25519": BY_NAME["ed25519"],
    "curve25519": BY_NAME["cv25519"],
    "edwards448": BY_NAME["ed448"],
    "curve448": BY_NAME["x448"],
    **BY_NAME,
}

#: Bits of keyUsage (RFC 5280 section 4.2.1.3), by asn1crypto's names.
_USAGE = {
    "digital_signature": Use.SIGN | Use.AUTHENTICATE,
    "non_repudiation": Use.SIGN,
    "key_cert_sign": Use.CERTIFY | Use.SIGN,
    "key_encipherment": Use.DECRYPT,
    "data_encipherment": Use.DECRYPT,
    "key_agreement": Use.DECRYPT,
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate tells about its key.  ``name``: common name of the subject, or empty.
    ``created``: notBefore, seconds since the epoch.  ``use``: None without keyUsage.
    ``authority``: it may sign certificates."""

    public: PublicKey
    name: str
    created: int | None
    use: Use | None
    authority: bool


def read_rsa(modulus: bytes, exponent: bytes) -> RSAPublicKey:
    """From CKA_MODULUS and CKA_PUBLIC_EXPONENT, big-endian."""
    n, e = int.from_bytes(modulus), int.from_bytes(exponent)
    if n.bit_length() < 512 or n.bit_length() > 16384 or e < 3:
        raise Unreadable("RSA key without a sensible modulus or exponent")
    return RSAPublicKey(n, e)


def read_ec(params: bytes, point: bytes) -> ECPublicKey:
    """From CKA_EC_PARAMS (DER of an OID, of a PrintableString or of the parameters themselves) and
    CKA_EC_POINT."""
    curve = _curve(params)
    return ECPublicKey(curve, read_point(curve, point))


def read_info(der: bytes) -> PublicKey:
    """From a SubjectPublicKeyInfo: CKA_PUBLIC_KEY_INFO."""
    try:
        return _from_info(keys.PublicKeyInfo.load(der, strict=True))
    except Unreadable:
        raise
    except Exception as error:  # asn1crypto raises whatever its Python code runs into.
        raise Unreadable("public key not understood") from error


def read_certificate(der: bytes) -> Certificate:
    """From an X.509 certificate."""
    try:
        certificate = x509.Certificate.load(der, strict=True)
        usage = certificate.key_usage_value
        basic = certificate.basic_constraints_value
        return Certificate(
            public=_from_info(certificate.public_key),
            name=_common_name(certificate),
            created=_not_before(certificate),
            use=None if usage is None else _use(usage.native),
            authority=bool(basic is not None and basic["ca"].native),
        )
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable("certificate not understood") from error


def _curve(params: bytes) -> Curve:
    try:
        value = core.load(params, strict=True)
        if isinstance(value, core.ObjectIdentifier):
            return BY_OID[value.dotted]
        if isinstance(value, core.Sequence):
            return _by_parameters(keys.SpecifiedECDomain.load(params, strict=True))
        return _CURVE_NAMES[str(value.native).lower()]
    except Exception as error:
        raise Unreadable("curve not known") from error


def _by_parameters(given: keys.SpecifiedECDomain) -> Curve:
    """A curve that is spelled out, if it is one of those with names, base point included."""
    field, curve = given["field_id"], given["curve"]
    numbers = [field["parameters"].native, *(_number(curve[name]) for name in "ab")]
    numbers.append(given["order"].native)
    for known, domain in DOMAINS.items():
        theirs = [int.from_bytes(n) for n in (domain.p, domain.a, domain.b, domain.n)]
        if numbers == theirs and read_point(known, bytes(given["base"])) == domain.g:
            return known
    raise Unreadable("curve not known")


def _number(element: core.OctetString) -> int:
    return int.from_bytes(bytes(element))


def _from_info(info: keys.PublicKeyInfo) -> PublicKey:
    algorithm = info["algorithm"]["algorithm"]
    if algorithm.native in ("rsa", "rsassa_pss"):
        key = info["public_key"].parsed
        n, e = key["modulus"].native, key["public_exponent"].native
        return read_rsa(n.to_bytes((n.bit_length() + 7) // 8), e.to_bytes(8))
    oid = algorithm.dotted
    if algorithm.native == "ec":
        return read_ec(info["algorithm"]["parameters"].chosen.dump(), bytes(info["public_key"]))
    if oid not in BY_OID:
        raise Unreadable(f"key algorithm {oid} not known")
    return ECPublicKey(BY_OID[oid], read_point(BY_OID[oid], bytes(info["public_key"])))


def _common_name(certificate: x509.Certificate) -> str:
    name = certificate.subject.native.get("common_name", "")
    return str(name[-1] if isinstance(name, list) else name)


def _not_before(certificate: x509.Certificate) -> int | None:
    try:
        return max(0, int(certificate.not_valid_before.timestamp()))
    except (ValueError, OverflowError):
        return None


def _use(bits: set[str]) -> Use:
    use = Use(0)
    for bit in bits:
        use |= _USAGE.get(bit, Use(0))
    return use
