"""A certificate to put on a card."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID


def self_signed() -> bytes:
    """DER."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Erika Mustermann")])
    day = datetime.datetime(2024, 1, 1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(day)
        .not_valid_after(day + datetime.timedelta(3650))
        .sign(key, None)
    )
    return certificate.public_bytes(serialization.Encoding.DER)
