"""A certification authority: X.509 certificates for keys that never leave their tokens."""

from __future__ import annotations

import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.bed.gnupg import Home

Public = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_NAME = "Andy Authority"
_USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


class Authority:
    """``certificate``: its own, self-signed."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(65537, 2048)
        self._serial = 0
        public = self._private.public_key()
        self.certificate = self._certificate(_NAME, public, "key_cert_sign")

    def certify(self, public: Public, name: str) -> bytes:
        """A certificate in DER for all that the key can do."""
        sharing = "key_encipherment" if isinstance(public, rsa.RSAPublicKey) else "key_agreement"
        certificate = self._certificate(name, public, "digital_signature", sharing)
        return certificate.public_bytes(serialization.Encoding.DER)

    @property
    def der(self) -> bytes:
        """Its certificate."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def trust(self, home: Home) -> None:
        """Make gpgsm in that home trust what this authority signs."""
        home.run("gpgsm", "--batch", "--import", input=self.der)
        self.list_as_trusted(home)

    def list_as_trusted(self, home: Home) -> None:
        """The same for a home that learns its certificate elsewhere."""
        fingerprint = self.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303
        (home.path / "trustlist.txt").write_text(f"{fingerprint} S relax\n")

    def _certificate(self, name: str, public: Public, *uses: str) -> x509.Certificate:
        self._serial += 1
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        usage = x509.KeyUsage(**{use: use in uses for use in _USES})
        own = "key_cert_sign" in uses
        return (
            x509.CertificateBuilder()
            .subject_name(_common_name(name))
            .issuer_name(_common_name(_NAME))
            .public_key(public)
            .serial_number(self._serial)
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(ca=own, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._private, hashes.SHA256())
        )


@cache
def authority() -> Authority:
    """One for the process."""
    return Authority()


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
