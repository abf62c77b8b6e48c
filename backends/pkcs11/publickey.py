"""Public keys out of PKCS#11 attributes and out of certificates.  Only the worker imports this.

Everything here raises Unreadable for what it cannot understand, whatever that is.
"""

from __future__ import annotations

from dataclasses import dataclass

from asn1crypto import core, keys, x509

from backends.curves import BY_NAME, BY_OID, Curve, Form
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


class Unreadable(Exception):
    """The object cannot be understood; the text says why, for the log."""


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
    """From CKA_EC_PARAMS (DER of an OID or a PrintableString) and CKA_EC_POINT (the point as it
    is, or wrapped in an OCTET STRING or BIT STRING)."""
    curve = _curve(params)
    return ECPublicKey(curve, _unwrap(curve, point))


def is_wrapped(curve: Curve, point: bytes) -> bool:
    """Whether this CKA_EC_POINT has the OCTET STRING around the point."""
    return len(point) != curve.point_size


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
        return _CURVE_NAMES[str(value.native).lower()]
    except Exception as error:
        raise Unreadable("curve not known") from error


def _unwrap(curve: Curve, point: bytes) -> bytes:
    if is_wrapped(curve, point):
        try:
            value = core.load(point, strict=True)
            if isinstance(value, core.BitString):
                value = value.cast(core.OctetBitString)
            point = bytes(value)
        except Exception as error:
            raise Unreadable("point not understood") from error
    if len(point) != curve.point_size or (curve.form is Form.WEIERSTRASS and point[0] != 4):
        raise Unreadable("point of an unknown form")
    return point


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
    return ECPublicKey(BY_OID[oid], _unwrap(BY_OID[oid], bytes(info["public_key"])))


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
