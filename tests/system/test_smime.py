"""S/MIME by gpgsm with a certificate that lies on a PKCS#11 token beside its key."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.bed.gnupg import ANYSCD, GnuPG, Home
from tests.bed.process import run
from tests.bed.softhsm import MODULE, SoftHSM

PIN = "123456"


@pytest.fixture
def home(gnupg: GnuPG, softhsm: SoftHSM, tmp_path: Path) -> Iterator[Home]:
    """A token with an RSA key, imported, and its self-signed certificate, trusted."""
    private = rsa.generate_private_key(65537, 2048)
    certificate = self_signed(private)
    token = softhsm.init_token("tok", pin=PIN)
    key_file, certificate_file = tmp_path / "key.pem", tmp_path / "certificate.der"
    key_file.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    options = ["--token", "tok", "--pin", PIN, "--id", "01", "--label", "k"]
    words = ["softhsm2-util", "--import", str(key_file), *options]
    run(words, env={**os.environ, **softhsm.env})
    token.write_certificate(certificate_file, 1, "k")
    home = Home(gnupg, ANYSCD, pins={"": PIN}, env=softhsm.env)
    (home.path / "anyscd.toml").write_text(f'[pkcs11.module.softhsm]\npath = "{MODULE}"\n')
    (home.path / "gpgsm.conf").write_text("disable-crl-checks\ndisable-dirmngr\n")
    fingerprint = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303
    (home.path / "trustlist.txt").write_text(f"{fingerprint} S relax\n")
    with home:
        home.run("gpgsm", "--batch", "--learn-card")
        yield home


def self_signed(private: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tom Token")])
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "crl_sign"), False
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_encipherment=True,
                key_cert_sign=True,
                encipher_only=False,
                decipher_only=False,
                **usage,
            ),
            critical=True,
        )
        .sign(private, hashes.SHA256())
    )


def test_learn_sign_and_decrypt(home: Home) -> None:
    assert "Tom Token" in home.run("gpgsm", "--list-secret-keys").stdout.decode()
    gpgsm = ("--batch", "--disable-crl-checks")
    signed = home.run("gpgsm", *gpgsm, "--sign", input="a message").stdout
    checked = home.run("gpgsm", *gpgsm, "--status-fd", "2", "--verify", input=signed)
    assert "GOODSIG" in checked.stderr.decode()
    encrypted = home.run("gpgsm", *gpgsm, "-r", "Tom Token", "--encrypt", input="a secret").stdout
    assert home.run("gpgsm", *gpgsm, "--decrypt", input=encrypted).stdout == b"a secret"
    assert [prompt.kind for prompt in home.prompts] == ["GETPIN"]
