"""Puts keys and odd objects on SoftHSM tokens, by python-pkcs11, in a process of its own.

Run as ``python -m tests.pkcs11.fill MODULE PIN``; the tokens "everyday", "odd" and "kinds" must be
there.
"""

from __future__ import annotations

import datetime
import sys
from typing import Any

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass
from pkcs11.constants import DEFAULT
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters
from pkcs11.util.rsa import encode_rsa_public_key

SIGN = MechanismFlag.SIGN | MechanismFlag.VERIFY
AGREE = SIGN | MechanismFlag.DERIVE
CRYPT = SIGN | MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
#: notBefore of all certificates.
CREATED = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)


def main() -> None:
    library = pkcs11.lib(sys.argv[1])
    with library.get_token(token_label="everyday").open(rw=True, user_pin=sys.argv[2]) as session:
        everyday(session)
    with library.get_token(token_label="odd").open(rw=True, user_pin=sys.argv[2]) as session:
        odd(session)
    with library.get_token(token_label="kinds").open(rw=True, user_pin=sys.argv[2]) as session:
        kinds(session)


def everyday(session: Any) -> None:
    """What people have: keys with and without a certificate, public object, or both."""
    public, _ = rsa(session, 1, "rsa", CRYPT)
    certify(session, 1, "rsa", encode_rsa_public_key(public), "Everyday RSA")
    curve(session, 2, "p256", "secp256r1", AGREE)
    curve(session, 3, "p384", "secp384r1", AGREE)
    curve(session, 4, "p521", "secp521r1", AGREE)
    edwards(session, 5, "ed25519")
    rsa(session, 6, "hidden", SIGN)[0].destroy()
    curve(session, 7, "careful", "secp256r1", SIGN, {Attribute.ALWAYS_AUTHENTICATE: True})
    public, _ = curve(session, 8, DEFAULT, "secp256r1", SIGN)
    certify(session, 8, "", encode_ec_public_key(public), "Certificate Only")
    public.destroy()

    edwards(session, 9, "x25519", b"\x06\x03\x2b\x65\x6e", MechanismFlag.DERIVE)


def odd(session: Any) -> None:
    """What tokens also hold: none of it may spoil the listing of the one good key."""
    curve(session, 1, DEFAULT, "secp256r1", SIGN)
    curve(session, 2, "stranger", "secp256r1", SIGN)[1].destroy()
    curve(session, 3, "bare", "secp256r1", SIGN)[0].destroy()
    session.create_object(certificate(4, "broken", b"\x30\x03\x02\x01"))
    authority = ec.generate_private_key(ec.SECP256R1()).public_key()
    info = authority.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    certify(session, 5, "authority", info, "Some Authority", ca=True)
    session.create_object(public_object(6, b"\x05\x00", b"\x04\x03\x04\x01\x02"))
    session.create_object(public_object(7, b"\x06\x03\x55\x04\x03", b"\x04\x03\x04\x01\x02"))
    session.create_object(public_object(8, b"", b""))
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.AES,
            Attribute.VALUE: bytes(16),
            Attribute.TOKEN: True,
        }
    )


#: Curves that are named by the DER of their parameters: label, DER, what the key is for.
KINDS = (
    ("ed25519 by oid", b"\x06\x03\x2b\x65\x70", SIGN),
    ("ed448 by oid", b"\x06\x03\x2b\x65\x71", SIGN),
    ("ed448 by name", b"\x13\x0aedwards448", SIGN),
    ("x25519 by name", b"\x13\x0acurve25519", MechanismFlag.DERIVE),
    ("x448 by oid", b"\x06\x03\x2b\x65\x6f", MechanismFlag.DERIVE),
)


def kinds(session: Any) -> None:
    """A key of each kind that is not on the other tokens."""
    names = ("brainpoolp256r1", "brainpoolp384r1", "brainpoolp512r1", "secp256k1")
    for number, name in enumerate(names, 1):
        curve(session, number, name, name, AGREE)
    for number, (label, params, capabilities) in enumerate(KINDS, 11):
        edwards(session, number, label, params, capabilities)
    for number, bits in enumerate((1024, 3072, 4096), 21):
        rsa(session, number, f"rsa{bits}", CRYPT, bits)
    always = {Attribute.ALWAYS_AUTHENTICATE: True}
    curve(session, 31, "careful curve", "secp384r1", AGREE, always)
    rsa(session, 32, "careful rsa", CRYPT, private=always)


def rsa(
    session: Any, number: int, label: Any, capabilities: Any, bits: int = 2048, private: Any = None
) -> Any:
    return session.generate_keypair(
        KeyType.RSA,
        bits,
        id=bytes([number]),
        label=label,
        store=True,
        capabilities=capabilities,
        private_template=private,
    )


def curve(
    session: Any, number: int, label: Any, name: str, capabilities: Any, private: Any = None
) -> Any:
    parameters = session.create_domain_parameters(
        KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(name)}, local=True
    )
    return parameters.generate_keypair(
        id=bytes([number]),
        label=label if label is not DEFAULT else None,
        store=True,
        capabilities=capabilities,
        private_template=private,
    )


def edwards(
    session: Any,
    number: int,
    label: str,
    params: bytes = b"\x13\x0cedwards25519",
    capabilities: Any = SIGN,
) -> Any:
    """A key of type CKK_EC_EDWARDS, which SoftHSM uses for X25519 too."""
    parameters = session.create_domain_parameters(
        KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: params}, local=True
    )
    return parameters.generate_keypair(
        id=bytes([number]),
        label=label,
        store=True,
        capabilities=capabilities,
        mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
    )


def certify(
    session: Any, number: int, label: str, info: bytes, name: str, *, ca: bool = False
) -> None:
    """A certificate for that key, signed by somebody or other."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Somebody")]))
        .public_key(serialization.load_der_public_key(info))  # type: ignore[arg-type]
        .serial_number(number)
        .not_valid_before(CREATED)
        .not_valid_after(CREATED + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    )
    der = built.public_bytes(serialization.Encoding.DER)
    session.create_object(certificate(number, label, der))


def certificate(number: int, label: str, der: bytes) -> dict[Attribute, Any]:
    return {
        Attribute.CLASS: ObjectClass.CERTIFICATE,
        Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
        Attribute.TOKEN: True,
        Attribute.ID: bytes([number]),
        Attribute.LABEL: label,
        Attribute.SUBJECT: b"\x30\x00",
        Attribute.VALUE: der,
    }


def public_object(number: int, params: bytes, point: bytes) -> dict[Attribute, Any]:
    return {
        Attribute.CLASS: ObjectClass.PUBLIC_KEY,
        Attribute.KEY_TYPE: KeyType.EC,
        Attribute.TOKEN: True,
        Attribute.ID: bytes([number]),
        Attribute.LABEL: "odd",
        Attribute.VERIFY: True,
        Attribute.EC_PARAMS: params,
        Attribute.EC_POINT: point,
    }


if __name__ == "__main__":
    main()
