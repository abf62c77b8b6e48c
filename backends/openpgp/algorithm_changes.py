"""The algorithm attributes of a slot that a key wants: pure functions."""

from __future__ import annotations

from dataclasses import replace

from backends.changes import PrivateKey, RSAPrivateKey
from backends.curves import Form, encode_oid
from backends.errors import BadInput
from backends.openpgp.algorithms import ECDH, ECDSA, EDDSA, RSA
from backends.openpgp.slots import Slot
from backends.token import Algorithm, ECAlgorithm, RSAAlgorithm, Use

#: Sizes of RSA keys that GnuPG asks cards for (scd/app-openpgp.c, change_keyattr_from_string).
_RSA_BITS = range(1024, 4097)
_SIGNING = {Form.WEIERSTRASS: ECDSA, Form.EDWARDS: EDDSA}


def algorithm_of(private: PrivateKey, slot: Slot) -> Algorithm:
    """What the attributes of the slot have to say before this key can be imported."""
    if isinstance(private, RSAPrivateKey):
        return RSAAlgorithm(private.public.n.bit_length())
    curve = private.public.curve
    decrypts = Use.DECRYPT in slot.use
    return ECAlgorithm(ECDH if decrypts else _SIGNING.get(curve.form, ECDH), curve)


def check_algorithm(algorithm: Algorithm, slot: Slot) -> None:
    """Raises BadInput for what no such slot can be."""
    if isinstance(algorithm, RSAAlgorithm):
        if algorithm.nbits not in _RSA_BITS:
            raise BadInput(f"RSA keys of {algorithm.nbits} bits are not for cards")
        return
    form, decrypts = algorithm.curve.form, Use.DECRYPT in slot.use
    wanted = ECDH if decrypts else _SIGNING.get(form)
    if algorithm.algo != wanted or (decrypts and form is Form.EDWARDS):
        raise BadInput(f"{algorithm.curve.name} does not fit {slot.ref}")


def same(one: Algorithm | None, other: Algorithm) -> bool:
    """Whether the keys are of the same kind; how they are imported does not count."""
    if isinstance(one, RSAAlgorithm) and isinstance(other, RSAAlgorithm):
        return one.nbits == other.nbits
    if isinstance(one, ECAlgorithm) and isinstance(other, ECAlgorithm):
        return (one.algo, one.curve) == (other.algo, other.curve)
    return False


def attributes(algorithm: Algorithm, present: Algorithm | None) -> bytes:
    """What is written to DO C1 to C3, as GnuPG writes it (scd/app-openpgp.c, change_rsa_keyattr):
    of an RSA slot only the size is changed, rounded up to 32 bits."""
    if isinstance(algorithm, ECAlgorithm):
        return bytes((algorithm.algo,)) + encode_oid(algorithm.curve.oid)
    nbits = (algorithm.nbits + 31) // 32 * 32
    kept = replace(present, nbits=nbits) if isinstance(present, RSAAlgorithm) else None
    rsa = kept or RSAAlgorithm(nbits)
    return (
        bytes((RSA,))
        + rsa.nbits.to_bytes(2, "big")
        + rsa.ebits.to_bytes(2, "big")
        + bytes((rsa.import_format,))
    )


def described(algorithm: Algorithm | None) -> str:
    """For people: ``rsa2048``, ``nistp256``."""
    if isinstance(algorithm, RSAAlgorithm):
        return f"rsa{algorithm.nbits}"
    return algorithm.curve.algo if algorithm else "unknown"
