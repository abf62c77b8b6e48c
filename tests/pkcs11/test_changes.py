"""Making, importing and certifying keys on tokens of SoftHSM, and what is refused."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backends.changes import (
    Attest,
    Change,
    GenerateKey,
    SetAlgorithm,
    SetAttribute,
    Stamp,
    Writable,
    WriteCertificate,
    WriteKey,
)
from backends.curves import BY_NAME
from backends.errors import (
    BadInput,
    BadPin,
    Broken,
    NotFound,
    NotSupported,
    Occupied,
    PinNeeded,
    TokenError,
)
from backends.pkcs11.provider import PKCS11Provider
from backends.pkcs11.token import PKCS11Token
from backends.token import (
    Algorithm,
    Attribute,
    ECAlgorithm,
    Key,
    PinRef,
    RSAAlgorithm,
    RSAPublicKey,
    Use,
)
from tests.bed.softhsm import SoftHSM
from tests.contract import oracle
from tests.pkcs11.conftest import PIN, SOFTHSM, pin, token_named
from tests.pkcs11.private_keys import new_key
from tests.pkcs11.stub import Orders
from tests.pkcs11.test_stub import opened, stub_pin

SIGN = Use.SIGN | Use.CERTIFY | Use.AUTHENTICATE
STAMP = Stamp(1704164645, lambda public: bytes(20))
MESSAGE = b"signed by a key that was made a moment ago"


@pytest.fixture
def fresh(softhsm: PKCS11Provider, store: SoftHSM) -> Iterator[PKCS11Token]:
    """An empty token; SoftHSM shows it to workers that start after it was made."""
    store.init_token("fresh", PIN.decode())
    provider = PKCS11Provider(softhsm.config)
    yield token_named(provider, "fresh")
    provider.close()
    store.delete_token("fresh")


def rsa(bits: int) -> Algorithm:
    return RSAAlgorithm(bits)


def curve(algo: str) -> Algorithm:
    return ECAlgorithm(0, BY_NAME[algo])


def made(token: PKCS11Token, change: Change) -> Key:
    """The only key, after the change."""
    request = token.pin_for_change(change)
    token.change(change, pin() if request else None)
    (key,) = token.keys()
    return key


def check_key(token: PKCS11Token, key: Key) -> None:
    if key.use & Use.SIGN:
        tbs = oracle.to_be_signed(key.public, MESSAGE)
        oracle.check_signature(key.public, MESSAGE, token.sign(key, tbs, None))
    if key.use & Use.DECRYPT:
        puzzle = oracle.riddle(key)
        assert token.decrypt(key, puzzle.ciphertext, None) == puzzle.solution


# -- new keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slot", "algorithm", "use"),
    [
        (1, rsa(2048), SIGN),
        (2, rsa(1024), Use.DECRYPT),
        (3, curve("nistp384"), SIGN),
        (2, curve("nistp256"), Use.DECRYPT),
        (1, curve("brainpoolp256r1"), SIGN),
        (1, curve("ed25519"), SIGN),
        (3, curve("ed448"), SIGN),
        (2, curve("cv25519"), Use.DECRYPT),
        (2, curve("x448"), Use.DECRYPT),
    ],
)
def test_a_key_is_made_for_its_slot(
    fresh: PKCS11Token, slot: int, algorithm: Algorithm, use: Use
) -> None:
    change = GenerateKey(f"OPENPGP.{slot}", STAMP, algorithm)
    assert fresh.pin_for_change(change) is not None
    public = fresh.change(change, pin())
    (key,) = fresh.keys()
    assert (key.public, key.use) == (public, use)
    assert key.label == f"OPENPGP.{slot} 2024-01-02 03:04:05"
    assert key.created == STAMP.created, "so that other computers know it"
    assert key.ref.startswith("P11.")
    check_key(fresh, key)
    assert fresh.pin_for_change(change) is None


def test_without_an_algorithm_it_is_rsa(fresh: PKCS11Token) -> None:
    key = made(fresh, GenerateKey("OPENPGP.1", STAMP))
    assert isinstance(key.public, RSAPublicKey)
    assert key.public.n.bit_length() == 2048


def test_keys_stay_on_the_token(fresh: PKCS11Token, store: SoftHSM) -> None:
    made(fresh, GenerateKey("OPENPGP.1", STAMP, curve("nistp256")))
    command = ["pkcs11-tool", "--module", SOFTHSM, "--token-label", "fresh", "--login"]
    listed = subprocess.run(
        [*command, "--pin", PIN.decode(), "-O", "--type", "privkey"],
        env={"PATH": "/usr/bin", **store.env},
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert "sensitive, always sensitive, never extract" in listed


def test_a_new_key_takes_the_place_of_none(fresh: PKCS11Token) -> None:
    first = made(fresh, GenerateKey("OPENPGP.1", STAMP, curve("nistp256")))
    assert not fresh.is_occupied("OPENPGP.1")
    fresh.change(GenerateKey("OPENPGP.1", STAMP, curve("nistp256")), None)
    fresh.change(WriteKey("OPENPGP.1", STAMP, new_key("nistp256")[1]), None)
    keys = list(fresh.keys())
    assert len(keys) == 3
    assert first in keys
    # Made for the same slot in the same second, and told apart.
    assert sorted(key.label.removeprefix(first.label) for key in keys) == ["", " #02", " #03"]
    assert {key.created for key in keys} == {STAMP.created}


# -- imported keys -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slot", "algo", "use"),
    [
        (1, "rsa2048", SIGN),
        (2, "rsa2048", Use.DECRYPT),
        (1, "nistp256", SIGN),
        (2, "nistp521", Use.DECRYPT),
        (3, "brainpoolP384r1", SIGN),
        (2, "secp256k1", Use.DECRYPT),
        (3, "ed25519", SIGN),
        (2, "cv25519", Use.DECRYPT),
    ],
)
def test_an_imported_key_works(fresh: PKCS11Token, slot: int, algo: str, use: Use) -> None:
    private = new_key(algo)[1]
    change = WriteKey(f"OPENPGP.{slot}", STAMP, private)
    key = made(fresh, change)
    assert (key.public, key.use) == (private.public, use)
    check_key(fresh, key)
    for again in (fresh.pin_for_change, lambda change: fresh.change(change, None)):
        with pytest.raises(Occupied):
            again(change)
    assert list(fresh.keys()) == [key]


def test_a_refused_private_key_leaves_no_public_one(stub: PKCS11Provider, orders: Orders) -> None:
    token, _ = opened(stub)
    change = WriteKey("OPENPGP.1", STAMP, new_key("nistp256")[1])
    orders.give(create=0x13)
    with pytest.raises(NotSupported):
        token.change(change, stub_pin())
    assert [c for c in orders.calls if "create" in c] == ["create public", "create"]
    assert "destroy 77" in orders.calls


def test_what_fails_when_it_is_written_is_not_tried_again(
    stub: PKCS11Provider, orders: Orders
) -> None:
    token, _ = opened(stub)
    orders.give(create=0x5)
    with pytest.raises(Broken, match="general error"):
        token.change(WriteKey("OPENPGP.1", STAMP, new_key("nistp256")[1]), stub_pin())
    assert orders.calls.count("create") == 1


# -- certificates --------------------------------------------------------------------------------


def certificate(token: PKCS11Token, key: Key, name: str) -> bytes:
    public = oracle.native(key.public)
    issuer = ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, n)]) for n in (name, "CA")]
    now = datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC)
    built = (
        x509.CertificateBuilder(names[1], names[0], public, 7)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=9))
        .sign(issuer, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("algorithm", [rsa(2048), curve("ed25519")])
def test_certificates_are_stored_replaced_and_removed(
    fresh: PKCS11Token, algorithm: Algorithm
) -> None:
    key = made(fresh, GenerateKey("OPENPGP.1", STAMP, algorithm))
    for name in ("First", "Second"):
        der = certificate(fresh, key, name)
        assert fresh.pin_for_change(WriteCertificate(key.ref, der)) is None
        fresh.change(WriteCertificate(key.ref, der), None)
        assert fresh.certificate(key.ref) == der
    assert [k.certificate for k in fresh.keys()] == [True]
    assert [k.created for k in fresh.keys()] == [STAMP.created]
    fresh.change(WriteCertificate(key.ref, b""), None)
    assert fresh.certificate(key.ref) is None
    assert [k.ref for k in fresh.keys()] == [key.ref]


@pytest.mark.parametrize("der", [b"nonsense", None])
def test_a_certificate_must_be_for_the_key(fresh: PKCS11Token, der: bytes | None) -> None:
    key = made(fresh, GenerateKey("OPENPGP.1", STAMP, curve("nistp256")))
    fresh.change(GenerateKey("OPENPGP.3", STAMP, curve("nistp256")), None)
    other = next(k for k in fresh.keys() if k.ref != key.ref)
    change = WriteCertificate(key.ref, der or certificate(fresh, other, "Other"))
    with pytest.raises(BadInput):
        fresh.pin_for_change(change)
    with pytest.raises(BadInput):
        fresh.change(change, None)


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (SetAttribute(Attribute.DISP_NAME, b"x"), NotSupported),
        (SetAlgorithm("OPENPGP.1", rsa(2048)), NotSupported),
        (Attest("OPENPGP.1"), NotSupported),
        (GenerateKey("OPENPGP.4", STAMP), NotFound),
        (GenerateKey("OPENPGP.1", STAMP, rsa(100_000)), BadInput),
        (GenerateKey("OPENPGP.2", STAMP, curve("ed25519")), BadInput),
        (GenerateKey("OPENPGP.3", STAMP, curve("cv25519")), BadInput),
        (WriteCertificate("OPENPGP.3", b""), NotFound),
        (WriteCertificate("P11.0123456789ABCDEF", b""), NotFound),
    ],
)
def test_changes_that_cannot_be(
    everyday: PKCS11Token, change: Change, error: type[TokenError]
) -> None:
    assert isinstance(everyday, Writable)
    with pytest.raises(error):
        everyday.pin_for_change(change)
    with pytest.raises(error):
        everyday.change(change, pin())


def test_mechanisms_that_the_token_lacks(stub: PKCS11Provider, orders: Orders) -> None:
    orders.give(mechanisms="0x1")
    token, _ = opened(stub)
    for algorithm in (None, rsa(2048), curve("ed25519")):
        with pytest.raises(NotSupported, match="the token has no CKM_"):
            token.pin_for_change(GenerateKey("OPENPGP.1", STAMP, algorithm))


@pytest.mark.parametrize("private", ["rsa2048", "nistp256"])
def test_keys_that_the_token_could_not_use_are_not_taken(
    stub: PKCS11Provider, orders: Orders, private: str
) -> None:
    orders.give(mechanisms="0x0,0x1040")  # It makes keys, and does nothing with them.
    token, _ = opened(stub)
    key = new_key(private)[1]
    algorithm = rsa(2048) if private == "rsa2048" else curve("nistp256")
    for slot in ("OPENPGP.1", "OPENPGP.2"):
        for change in (WriteKey(slot, STAMP, key), GenerateKey(slot, STAMP, algorithm)):
            with pytest.raises(NotSupported, match="the token has no CKM_"):
                token.pin_for_change(change)
            with pytest.raises(NotSupported, match="the token has no CKM_"):
                token.change(change, stub_pin())
    assert orders.calls.count("login") == 0


def test_nothing_is_made_without_the_pin(fresh: PKCS11Token) -> None:
    change = GenerateKey("OPENPGP.1", STAMP, curve("nistp256"))
    with pytest.raises(PinNeeded):
        fresh.change(change, None)
    with pytest.raises(BadPin):
        fresh.change(change, bytearray(b"654321"))
    fresh.verify_pin(PinRef.USER, pin())
    assert list(fresh.keys()) == []
