from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from backends import curves
from backends.curves import CURVES, Curve, Form
from backends.token import ECPublicKey, PublicKey, RSAPublicKey
from scd import sexp
from scd.sexp import Node, SexpError
from tests.scd import libgcrypt

# libgcrypt has no empty atoms, and prints NUL and bytes from A0 on in ways of its own.
atoms = st.lists(st.integers(1, 159), min_size=1, max_size=12).map(bytes)
nodes = st.recursive(atoms, lambda inner: st.lists(inner, min_size=1, max_size=4), max_leaves=12)
lists = st.lists(nodes, min_size=1, max_size=4)


@given(nodes)
def test_what_is_encoded_is_parsed_back(node: Node) -> None:
    assert sexp.parse(sexp.encode(node)) == node


@given(lists)
def test_libgcrypt_reads_what_is_encoded(node: Node) -> None:
    assert libgcrypt.accepts(sexp.encode(node))


@given(lists)
def test_the_advanced_form_is_that_of_libgcrypt(node: Node) -> None:
    encoded = sexp.encode(node)
    assert sexp.advanced(encoded) == libgcrypt.advanced(encoded)


@pytest.mark.parametrize("char", [*range(1, 160)])
def test_every_character_is_printed_as_libgcrypt_prints_it(char: int) -> None:
    for atom in (bytes([char]), b"a" + bytes([char]), bytes([char]) + b"a"):
        encoded = sexp.encode([atom])
        assert sexp.advanced(encoded) == libgcrypt.advanced(encoded)


@given(st.binary(max_size=40))
def test_garbage_is_refused_by_name(data: bytes) -> None:
    try:
        node = sexp.parse(data)
    except SexpError:
        return
    assert sexp.encode(node) == data


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "unexpected end"),
        (b"(", "unexpected end"),
        (b"(3:abc", "unexpected end"),
        (b")", "no length, at byte 0"),
        (b"(x)", "no length, at byte 1"),
        (b"(01:a)", "no length"),
        (b"(4:abc", "longer than the data, at byte 1"),
        (b"(1:a)(1:b)", "more than one expression, at byte 5"),
        (b"(1:a)\x00", "more than one expression"),
        (b"(99999999:a)", "no length"),
        (b"(" * 17 + b")" * 17, "nested too deep"),
    ],
)
def test_what_is_wrong_is_told(data: bytes, complaint: str) -> None:
    with pytest.raises(SexpError, match=complaint):
        sexp.parse(data)


def test_sixteen_levels_are_not_too_deep() -> None:
    assert sexp.parse(b"(" * 16 + b")" * 16)


def test_an_error_never_shows_what_it_stumbled_over() -> None:
    with pytest.raises(SexpError) as caught:
        sexp.parse(b"(11:private-key(1:d6:SECRET)(SECRET")
    assert "SECRET" not in str(caught.value)


def test_a_bytearray_is_parsed_like_bytes() -> None:
    assert sexp.parse(bytearray(b"(1:a)")) == [b"a"]


@pytest.mark.parametrize(
    ("value", "encoded"), [(3, "03"), (0x7F, "7F"), (0x80, "0080"), (65537, "010001"), (0, "00")]
)
def test_unsigned_integers_never_look_negative(value: int, encoded: str) -> None:
    assert sexp.unsigned(value) == bytes.fromhex(encoded)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (RSAPublicKey(0x80FF, 65537), b"(10:public-key(3:rsa(1:n3:\0\x80\xff)(1:e3:\1\0\1)))"),
        (
            ECPublicKey(curves.NIST_P256, b"\4" + bytes(64)),
            b"(10:public-key(3:ecc(5:curve10:NIST P-256)(1:q65:\4" + bytes(64) + b")))",
        ),
        (
            ECPublicKey(curves.ED25519, bytes(32)),
            b"(10:public-key(3:ecc(5:curve7:Ed25519)(5:flags5:eddsa)(1:q33:@" + bytes(32) + b")))",
        ),
        (
            ECPublicKey(curves.CURVE25519, bytes(32)),
            b"(10:public-key(3:ecc(5:curve10:Curve25519)(5:flags9:djb-tweak)(1:q33:@"
            + bytes(32)
            + b")))",
        ),
        (
            ECPublicKey(curves.X448, bytes(56)),
            b"(10:public-key(3:ecc(5:curve4:X448)(1:q56:" + bytes(56) + b")))",
        ),
    ],
)
def test_public_keys_are_what_readkey_of_gnupg_answers(key: PublicKey, expected: bytes) -> None:
    assert sexp.public_key(key) == expected


_EC = {
    curves.NIST_P256: ec.SECP256R1(),
    curves.NIST_P384: ec.SECP384R1(),
    curves.NIST_P521: ec.SECP521R1(),
}


def ssh_samples() -> list[tuple[PublicKey, bytes]]:
    """Our keys, and their OpenSSH form as cryptography writes it."""
    big = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505  # quick, for a test
    numbers = big.public_numbers()
    samples: list[tuple[PublicKey, bytes]] = [
        (
            RSAPublicKey(numbers.n, numbers.e),
            big.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        )
    ]
    for curve, theirs in _EC.items():
        key = ec.generate_private_key(theirs).public_key()
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        samples.append((ECPublicKey(curve, point), line))
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    line = edwards.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    samples.append((ECPublicKey(curves.ED25519, edwards.public_bytes_raw()), line))
    return samples


def test_openssh_lines_are_those_of_cryptography() -> None:
    for key, line in ssh_samples():
        assert sexp.openssh(key) == line + b" (none)\n"


def test_ssh_keygen_reads_the_lines(tmp_path: Path) -> None:
    assert shutil.which("ssh-keygen")
    for key, _ in ssh_samples():
        path = tmp_path / "key.pub"
        path.write_bytes(sexp.openssh(key, "comment"))
        subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True)


def test_ed448_has_the_line_of_rfc_8709() -> None:
    point = ed448.Ed448PrivateKey.generate().public_key().public_bytes_raw()
    name, blob, _ = sexp.openssh(ECPublicKey(curves.ED448, point)).split(b" ")
    assert name == b"ssh-ed448"
    assert b64decode(blob) == b"\0\0\0\x09ssh-ed448\0\0\0\x39" + point


@pytest.mark.parametrize(
    "curve", [c for c in CURVES if c not in (*_EC, curves.ED25519, curves.ED448)], ids=str
)
def test_ssh_has_no_keys_on_other_curves(curve: Curve) -> None:
    point = bytes(curve.point_size)
    assert curve.form is not Form.EDWARDS
    with pytest.raises(ValueError, match=curve.name):
        sexp.openssh(ECPublicKey(curve, point))
