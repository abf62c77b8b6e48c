"""What gpg-agent hands over by SETDATA, turned into the inputs of the token contract and back.

Nothing is hashed here: gpg-agent has done that.
"""

from __future__ import annotations

from dataclasses import dataclass

from assuan.errors import AssuanError, Code
from backends.curves import X448, Form
from backends.token import ECPublicKey, PublicKey, RSAPublicKey


@dataclass(frozen=True, slots=True)
class DigestAlgorithm:
    """``name``: as PKSIGN --hash= spells it.  ``length``: bytes of the hash.  ``prefix``: what
    goes before the hash in a DigestInfo (RFC 8017 section 9.2, note 1; RFC 8017 lacks RIPEMD160,
    whose OID is that of TeleTrusT)."""

    name: str
    length: int
    prefix: bytes

    def begins(self, data: bytes) -> bool:
        """Whether ``data`` is a DigestInfo of this algorithm, of the right length."""
        return len(data) == len(self.prefix) + self.length and data.startswith(self.prefix)


_SHA1 = DigestAlgorithm("sha1", 20, bytes.fromhex("3021300906052B0E03021A05000414"))

#: In this order a bare hash of ambiguous length is guessed: SHA-1 before RIPEMD160.
DIGESTS: tuple[DigestAlgorithm, ...] = (
    _SHA1,
    DigestAlgorithm("rmd160", 20, bytes.fromhex("3021300906052B2403020105000414")),
    DigestAlgorithm("sha224", 28, bytes.fromhex("302D300D06096086480165030402040500041C")),
    DigestAlgorithm("sha256", 32, bytes.fromhex("3031300D060960864801650304020105000420")),
    DigestAlgorithm("sha384", 48, bytes.fromhex("3041300D060960864801650304020205000430")),
    DigestAlgorithm("sha512", 64, bytes.fromhex("3051300D060960864801650304020305000440")),
)
BY_NAME: dict[str, DigestAlgorithm] = {digest.name: digest for digest in DIGESTS}

#: Values of --hash= that mean: the data are what they are.  The agent says tls-md5sha1 for the
#: 36 bytes of TLS 1.0 client authentication (agent/call-scd.c, hash_algo_option).
RAW_HASHES = frozenset({"none", "tls-md5sha1"})

#: PKCS#1 v1.5 padding takes eleven bytes of the modulus (RFC 8017 section 9.2).
_PKCS1_OVERHEAD = 11


#: PSO: DECIPHER with a card's AES key takes this padding indicator and one or two blocks (OpenPGP
#: card 3.4 section 7.2.11).  No client of gpg-agent asks for it.
_AES_PADDING, _AES_LENGTHS = 0x02, (17, 33)


def normalise(key: PublicKey, data: bytes, hash_name: str | None, *, auth: bool) -> bytes:
    """The ``tbs`` of :meth:`backends.token.Token.sign` for the data that SETDATA brought.

    ``hash_name``: the value of PKSIGN --hash=, in lower case; None without that option.
    ``auth``: the command was PKAUTH, which has no such option and takes RSA input as it is and
    EdDSA messages of any length.

    A DigestInfo tells its algorithm itself; a bare hash is known by ``hash_name``, or else by its
    length.  A hash longer than the curve's order is left whole, as GnuPG leaves it: truncating
    is the token's part (FIPS 186-5 section 6.4.1).  Raises AssuanError INV_VALUE for data that
    fit neither the hash nor the key, WRONG_PUBKEY_ALGO for a key that cannot sign.
    """
    if not data:
        raise AssuanError(Code.INV_VALUE, "no data to sign")
    raw = auth or hash_name in RAW_HASHES
    if isinstance(key, RSAPublicKey):
        return _block(key, data) if raw else _fitting(key, _digest_info(data, hash_name))
    if key.curve.form is Form.MONTGOMERY:
        raise AssuanError(Code.WRONG_PUBKEY_ALGO, f"{key.curve.name} cannot sign")
    if key.curve.form is Form.EDWARDS:
        return _message(data, hash_name, raw)
    return _identify(data, None if raw else hash_name)[1]


def _digest_info(data: bytes, hash_name: str | None) -> bytes:
    digest, bare = _identify(data, hash_name)
    return digest.prefix + bare


def _fitting(key: RSAPublicKey, tbs: bytes) -> bytes:
    if len(tbs) > key.size - _PKCS1_OVERHEAD:
        raise AssuanError(Code.INV_VALUE, "data too long for the RSA key")
    return tbs


def _block(key: RSAPublicKey, data: bytes) -> bytes:
    """Raw data, to which the padding is added; or those with padding, which gpg-agent 2.5 makes
    for RSA-PSS (agent/pksign.c) and which are as long as the modulus."""
    padded = len(data) == key.size and int.from_bytes(data) < key.n
    return data if padded else _fitting(key, data)


def _message(data: bytes, hash_name: str | None, raw: bool) -> bytes:
    """What EdDSA signs: the bare hash for OpenPGP, the message for SSH.

    The agent puts the prefix of SHA-1 before an SSH message whatever its length.  So that prefix
    is looked for before all others: the message behind it may look like anything.
    """
    if data.startswith(_SHA1.prefix) and (raw or hash_name in (None, _SHA1.name)):
        return data[len(_SHA1.prefix) :]
    if not raw:
        return _identify(data, hash_name)[1]
    return next((data[len(d.prefix) :] for d in DIGESTS if d.begins(data)), data)


def _identify(data: bytes, hash_name: str | None) -> tuple[DigestAlgorithm, bytes]:
    """The algorithm and the bare hash."""
    digests = DIGESTS if hash_name is None else (_named(hash_name),)
    for digest in digests:
        if digest.begins(data):
            return digest, data[len(digest.prefix) :]
    for digest in digests:
        if len(data) == digest.length:
            return digest, data
    raise AssuanError(Code.INV_VALUE, f"{len(data)} bytes are no {hash_name or 'known'} hash")


def _named(hash_name: str) -> DigestAlgorithm:
    if hash_name not in BY_NAME:
        raise AssuanError(Code.DIGEST_ALGO, "this hash algorithm cannot be signed")
    return BY_NAME[hash_name]


def decrypt_input(key: PublicKey, data: bytes) -> bytes:
    """The ``ciphertext`` of :meth:`backends.token.Token.decrypt` for the data of PKDECRYPT.

    RSA: an integer with more or fewer leading zeros.  Weierstrass curves: 04 || X || Y.
    Montgomery curves: the point with the prefix 40 or none, or mangled as an integer by older
    agents, with a leading 00 or without its own leading zeros.  Raises AssuanError INV_VALUE for
    anything else, WRONG_PUBKEY_ALGO for a key that cannot decrypt.
    """
    if not data:
        raise AssuanError(Code.INV_VALUE, "no data to decrypt")
    if data[0] == _AES_PADDING and len(data) in _AES_LENGTHS:
        raise AssuanError(Code.UNSUPPORTED_ALGORITHM, "cards are not asked to decrypt by AES")
    if isinstance(key, RSAPublicKey):
        return _rsa_ciphertext(key, data)
    match key.curve.form:
        case Form.WEIERSTRASS:
            return _weierstrass_point(key, data)
        case Form.MONTGOMERY:
            return _montgomery_point(key, data)
        case Form.EDWARDS:
            raise AssuanError(Code.WRONG_PUBKEY_ALGO, f"{key.curve.name} cannot decrypt")


def _rsa_ciphertext(key: RSAPublicKey, data: bytes) -> bytes:
    if int.from_bytes(data, "big") >= key.n:
        raise AssuanError(Code.INV_VALUE, "ciphertext larger than the RSA modulus")
    return data.lstrip(b"\0").rjust(key.size, b"\0")


def _weierstrass_point(key: ECPublicKey, data: bytes) -> bytes:
    if len(data) != key.curve.point_size or data[0] != 0x04:
        raise AssuanError(Code.INV_VALUE, f"not an uncompressed point of {key.curve.name}")
    return data


def _montgomery_point(key: ECPublicKey, data: bytes) -> bytes:
    size = key.curve.point_size
    if len(data) == size + 1 and data[0] in (0x40, 0x00):
        return data[1:]
    if len(data) > size:
        raise AssuanError(Code.INV_VALUE, f"not a point of {key.curve.name}")
    return data.rjust(size, b"\0")


def decrypt_output(key: PublicKey, plain: bytes) -> bytes:
    """What PKDECRYPT answers for what :meth:`backends.token.Token.decrypt` returned.

    X gets the prefix 41 and Curve25519's u the prefix 40 (scd/app-openpgp.c, do_decipher); an RSA
    plaintext and X448's u stay bare.
    """
    if isinstance(key, RSAPublicKey) or key.curve == X448:
        return plain
    return (b"\x40" if key.curve.form is Form.MONTGOMERY else b"\x41") + plain
