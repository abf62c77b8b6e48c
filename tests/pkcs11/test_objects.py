"""Objects to key pairs, and the numbers and names around them; no module is needed."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace

import pkcs11.exceptions
import pytest
from asn1crypto import core, keys
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st

from backends import errors
from backends.curves import BY_NAME, CURVES, Curve
from backends.domain import DOMAINS, Domain
from backends.errors import BadInput, Broken, TokenError
from backends.pkcs11 import failures, identity, inputs, mechanisms
from backends.pkcs11.cka import CKA, CKK, CKM, CKO
from backends.pkcs11.objects import Contents, Pair, RawObject, read_contents
from backends.pkcs11.points import Unreadable, read_point
from backends.pkcs11.publickey import read_certificate, read_ec, read_info
from backends.token import ECPublicKey, RSAPublicKey, Use

P256, ED25519, CV25519 = BY_NAME["nistp256"], BY_NAME["ed25519"], BY_NAME["cv25519"]
P256_OID = bytes.fromhex("06082a8648ce3d030107")
POINT = b"\x04" + bytes(range(64))
MODULUS = b"\xc5" * 256
SIGN = Use.SIGN | Use.CERTIFY | Use.AUTHENTICATE


def ulong(number: int) -> bytes:
    return number.to_bytes(8, sys.byteorder)


def raw(kind: CKO, key_type: CKK = CKK.RSA, **values: bytes) -> RawObject:
    attributes: dict[int, bytes] = {CKA.KEY_TYPE: ulong(key_type)}
    attributes.update((CKA[name], value) for name, value in values.items())
    return RawObject(kind, attributes)


def rsa_object(kind: CKO, **values: bytes) -> RawObject:
    return raw(kind, CKK.RSA, MODULUS=MODULUS, PUBLIC_EXPONENT=b"\1\0\1", **values)


def ec_object(kind: CKO, **values: bytes) -> RawObject:
    return raw(kind, CKK.EC, EC_PARAMS=P256_OID, EC_POINT=b"\x04\x41" + POINT, **values)


def pairs(*objects: RawObject, all_visible: bool = True) -> list[Pair]:
    return read_contents(objects, all_visible=all_visible, note=lambda text: None).pairs


# -- curves and points ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "curve"),
    [
        (P256_OID, P256),
        (b"\x13\x0cedwards25519", ED25519),
        (b"\x06\x03\x2b\x65\x70", ED25519),
        (bytes.fromhex("06092b06010401da470f01"), ED25519),
        (b"\x13\x0acurve25519", CV25519),
        (b"\x06\x03\x2b\x65\x6e", CV25519),
        (bytes.fromhex("060a2b060104019755010501"), CV25519),
    ],
)
def test_curves_have_several_names(params: bytes, curve: Curve) -> None:
    point = POINT if curve is P256 else bytes(range(32))
    wrapped = bytes((4, len(point))) + point
    bits = bytes((3, len(point) + 1, 0)) + point
    for written in (point, wrapped, bits):
        assert read_ec(params, written) == ECPublicKey(curve, point)


@pytest.mark.parametrize(
    ("params", "point"),
    [
        (P256_OID, b""),
        (P256_OID, b"\x02" + bytes(64)),
        (P256_OID, b"\x02" + bytes(31) + b"\x04"),  # No point has this X.
        (P256_OID, b"\x04\x41" + POINT + b"\0"),
        (b"", POINT),
        (b"\x05\x00", POINT),
        (b"\x06\x03\x55\x04\x03", POINT),
        (b"\x30\x03\x02\x01\x01", POINT),
        (b"\x13\x05weird", POINT),
    ],
)
def test_what_is_not_a_point_of_a_known_curve(params: bytes, point: bytes) -> None:
    with pytest.raises(Unreadable):
        read_ec(params, point)


WEIERSTRASS = {
    "nistp256": ec.SECP256R1(),
    "nistp384": ec.SECP384R1(),
    "nistp521": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
    "secp256k1": ec.SECP256K1(),
}


@pytest.mark.parametrize("name", WEIERSTRASS)
def test_compressed_points(name: str) -> None:
    for scalar in range(3, 9):
        public = ec.derive_private_key(scalar, WEIERSTRASS[name]).public_key()
        x962, forms = serialization.Encoding.X962, serialization.PublicFormat
        whole = public.public_bytes(x962, forms.UncompressedPoint)
        compressed = public.public_bytes(x962, forms.CompressedPoint)
        curve = BY_NAME[name.lower()]
        assert read_point(curve, compressed) == whole
        assert read_point(curve, bytes((4, len(compressed))) + compressed) == whole


@pytest.mark.parametrize("name", WEIERSTRASS)
def test_curves_that_are_spelled_out(name: str) -> None:
    curve = BY_NAME[name.lower()]
    params = explicit(DOMAINS[curve])
    whole = DOMAINS[curve].g
    assert read_ec(params, whole) == ECPublicKey(curve, whole)
    odd = replace(DOMAINS[curve], n=bytes(curve.size - 1) + b"\x07")
    with pytest.raises(Unreadable):
        read_ec(explicit(odd), whole)


def explicit(domain: Domain) -> bytes:
    """ECParameters of X9.62 (RFC 3279 section 2.3.5)."""
    size = len(domain.p)
    element = [core.OctetString(n.rjust(size, b"\0")) for n in (domain.a, domain.b)]
    return bytes(
        keys.SpecifiedECDomain(
            {
                "version": 1,
                "field_id": {
                    "field_type": "prime_field",
                    "parameters": core.Integer(int.from_bytes(domain.p)),
                },
                "curve": {"a": element[0], "b": element[1]},
                "base": domain.g,
                "order": int.from_bytes(domain.n),
                "cofactor": 1,
            }
        ).dump()
    )


def test_points_of_montgomery_curves_may_have_the_prefix_of_openpgp() -> None:
    point = bytes(range(32))
    for written in (b"\x40" + point, b"\x04\x21\x40" + point, b"\x04\x20" + point, point):
        assert read_point(CV25519, written) == point


@given(garbage=st.binary(max_size=80), other=st.binary(max_size=80))
def test_garbage_is_unreadable_and_nothing_else(garbage: bytes, other: bytes) -> None:
    for read in (read_info, read_certificate, lambda der: read_ec(der, other)):
        with pytest.raises(Unreadable):
            read(garbage)


def test_public_key_info() -> None:
    private = rsa.generate_private_key(65537, 2048)
    numbers = private.public_key().public_numbers()
    assert read_info(_der(private)) == RSAPublicKey(numbers.n, numbers.e)
    for curve, key in (
        (P256, ec.generate_private_key(ec.SECP256R1())),
        (ED25519, ed25519.Ed25519PrivateKey.generate()),
        (CV25519, x25519.X25519PrivateKey.generate()),
    ):
        public = read_info(_der(key))
        assert isinstance(public, ECPublicKey)
        assert public.curve is curve
        assert _der(key).endswith(public.point)


def _der(
    private: rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | x25519.X25519PrivateKey,
) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


# -- pairing -------------------------------------------------------------------------------------


def test_private_rsa_key_tells_its_public_key_itself() -> None:
    (pair,) = pairs(rsa_object(CKO.PRIVATE_KEY, ID=b"\1", SIGN=b"\1", LABEL=b"alone"))
    assert (pair.label, pair.use) == ("alone", SIGN)


def test_private_ec_key_is_found_by_its_id() -> None:
    (pair,) = pairs(
        ec_object(CKO.PUBLIC_KEY, ID=b"\1", LABEL=b"public"),
        raw(CKO.PRIVATE_KEY, CKK.EC, ID=b"\1", DERIVE=b"\1"),
    )
    assert (pair.label, pair.use) == ("public", Use.DECRYPT)


def test_private_key_is_found_by_its_modulus_alone() -> None:
    (pair,) = pairs(
        rsa_object(CKO.PUBLIC_KEY, ID=b"\1", LABEL=b"public"),
        raw(CKO.PRIVATE_KEY, CKK.RSA, ID=b"\2", MODULUS=MODULUS, SIGN=b"\1"),
    )
    assert (pair.label, pair.use) == ("public", SIGN)
    assert pairs(rsa_object(CKO.PUBLIC_KEY), raw(CKO.PRIVATE_KEY, MODULUS=b"\xc7" * 256)) == []


def test_public_key_info_helps_where_the_numbers_do_not() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    odd = {"EC_PARAMS": b"\x05\x00", "EC_POINT": b"?", "PUBLIC_KEY_INFO": _der(private)}
    (pair,) = pairs(raw(CKO.PRIVATE_KEY, CKK.EC, SIGN=b"\1", **odd))
    assert isinstance(pair.public, ECPublicKey)
    assert _der(private).endswith(pair.public.point)


def test_ids_alone_do_not_pair_keys_of_different_types() -> None:
    public = ec_object(CKO.PUBLIC_KEY, ID=b"\1")
    assert pairs(public, raw(CKO.PRIVATE_KEY, CKK.RSA, ID=b"\1", SIGN=b"\1")) == []
    assert len(pairs(public, raw(CKO.PRIVATE_KEY, CKK.EC, ID=b"\1", SIGN=b"\1"))) == 1


def test_equal_public_keys_pair_without_any_id() -> None:
    (pair,) = pairs(rsa_object(CKO.PUBLIC_KEY), rsa_object(CKO.PRIVATE_KEY, DECRYPT=b"\1"))
    assert pair.use == Use.DECRYPT


def test_a_private_key_without_public_key_or_id_is_left_out() -> None:
    notes: list[str] = []
    lone = raw(CKO.PRIVATE_KEY, CKK.EC, LABEL=b"lone")
    public = ec_object(CKO.PUBLIC_KEY)
    assert read_contents([lone, public], all_visible=True, note=notes.append) == Contents()
    assert "private key 'lone' (id ) left out" in notes[0]


def test_the_order_does_not_depend_on_the_module() -> None:
    first, second = rsa_object(CKO.PRIVATE_KEY, ID=b"\1"), ec_object(CKO.PRIVATE_KEY, ID=b"\2")
    refs = [pair.ref for pair in pairs(first, second)]
    assert refs == [pair.ref for pair in pairs(second, first)]
    assert refs[0] == identity.key_ref(RSAPublicKey(int.from_bytes(MODULUS), 65537))


def test_labels_and_dates_that_are_none() -> None:
    (pair,) = pairs(rsa_object(CKO.PRIVATE_KEY, LABEL=b"\xff\xfe", START_DATE=b"20261399"))
    assert pair.label == "\ufffd\ufffd"
    (named,) = pairs(rsa_object(CKO.PRIVATE_KEY, LABEL=b"two\nlines\0  "))
    assert named.label == "two\ufffdlines"
    assert pair.created is None
    (pair,) = pairs(rsa_object(CKO.PRIVATE_KEY, START_DATE=b"20240102"))
    assert pair.created == 1704153600


@pytest.mark.parametrize(
    ("flags", "use"),
    [
        ({"VERIFY": b"\1"}, SIGN),
        ({"ENCRYPT": b"\1"}, Use.DECRYPT),
        ({"VERIFY": b"\1", "WRAP": b"\1"}, SIGN | Use.DECRYPT),
        ({}, SIGN | Use.DECRYPT),
    ],
)
def test_use_of_an_rsa_key_that_is_still_hidden(flags: dict[str, bytes], use: Use) -> None:
    (pair,) = pairs(rsa_object(CKO.PUBLIC_KEY, **flags), all_visible=False)
    assert pair.use == use


# -- names that stay -----------------------------------------------------------------------------


def test_key_ref_is_what_its_documentation_says() -> None:
    hashed = b"rsa\0" + bytes((0, 0, 1, 0)) + MODULUS + bytes((0, 0, 0, 3, 1, 0, 1))
    expected = "P11." + hashlib.sha256(hashed).hexdigest()[:16].upper()
    assert identity.key_ref(RSAPublicKey(int.from_bytes(MODULUS), 65537)) == expected
    hashed = b"ec\0" + b"1.2.840.10045.3.1.7" + b"\0" + POINT
    expected = "P11." + hashlib.sha256(hashed).hexdigest()[:16].upper()
    assert identity.key_ref(ECPublicKey(P256, POINT)) == expected


def test_token_serial_is_what_its_documentation_says() -> None:
    token = identity.token_id("Maker", "Model", b"0001", "läbel")
    assert token == hashlib.sha256("Maker\0Model\x000001\0läbel\0".encode()).hexdigest()
    assert identity.token_serial(token) == f"D276000124010304FF11{token[:8].upper()}0000"


# -- mechanisms ----------------------------------------------------------------------------------


def test_every_curve_has_its_mechanism_or_refuses() -> None:
    expected = {"Ed25519": CKM.EDDSA, "Ed448": CKM.EDDSA, "Curve25519": None, "X448": None}
    for curve in CURVES:
        key = ECPublicKey(curve, bytes(curve.point_size))
        wanted = expected.get(curve.name, CKM.ECDSA)
        if wanted is None:
            with pytest.raises(errors.UseRefused):
                mechanisms.sign_plan(key, bytes(32), {})
        else:
            assert mechanisms.sign_plan(key, bytes(32), {}).mechanism is wanted


def test_secrets_and_signatures_are_brought_to_size() -> None:
    key = ECPublicKey(P256, POINT)
    assert inputs.shared_secret(key, b"\1" * 31) == b"\0" + b"\1" * 31
    for wrong in (b"", b"\1" * 33):
        with pytest.raises(Broken):
            inputs.shared_secret(key, wrong)
    with pytest.raises(Broken):
        inputs.shared_secret(ECPublicKey(CV25519, bytes(32)), b"\1" * 31)
    with pytest.raises(Broken):
        inputs.check_signature(key, bytes(63))
    public = RSAPublicKey(int.from_bytes(MODULUS), 65537)
    assert inputs.check_signature(public, b"\1" * 255) == b"\0" + b"\1" * 255


def test_peers_points_are_wrapped_where_the_token_does_so() -> None:
    key = ECPublicKey(CV25519, bytes(32))
    peer = b"\7" * 32
    assert inputs.peer_point(key, peer, wrapped=False) == peer
    assert inputs.peer_point(key, peer, wrapped=True) == b"\x04\x20" + peer
    with pytest.raises(BadInput):
        inputs.check_ciphertext(key, peer + b"\0")


# -- errors --------------------------------------------------------------------------------------


def test_the_table_of_errors_names_exceptions_that_exist() -> None:
    for row in failures._ROWS:
        assert not row.name or hasattr(pkcs11.exceptions, row.name), row.name
        assert row.error.__name__ in vars(errors)


def test_errors_of_python_pkcs11() -> None:
    assert type(failures.from_exception(pkcs11.exceptions.PinLocked())) is errors.PinBlocked
    unmapped = pkcs11.exceptions.PKCS11Error("Unmapped error code 0x68")
    assert type(failures.from_exception(unmapped)) is errors.UseRefused
    vendor = pkcs11.exceptions.PKCS11Error("Unmapped error code 0x80000003")
    assert str(failures.from_exception(vendor)) == "PKCS#11 error 0x80000003"
    kinds = [kind for kind in vars(pkcs11.exceptions).values() if isinstance(kind, type)]
    for kind in kinds:
        assert isinstance(failures.from_exception(kind()), TokenError)
