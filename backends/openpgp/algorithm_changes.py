"""The algorithm attributes of a slot that a key wants: pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from backends.changes import PrivateKey, RSAPrivateKey
from backends.curves import Form
from backends.errors import BadInput
from backends.openpgp.algorithms import ECDH, ECDSA, EDDSA
from backends.openpgp.slots import Slot
from backends.token import Algorithm, ECAlgorithm, RSAAlgorithm, Use

#: Sizes of RSA keys that GnuPG asks cards for (scd/app-openpgp.c, change_keyattr_from_string).
_RSA_BITS = range(1024, 4097)
#: What those are rounded up to.
_RSA_STEP = 32
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


def check_importable(algorithm: Algorithm) -> None:
    """Raises BadInput for a key of a size that no slot can be set to."""
    if isinstance(algorithm, RSAAlgorithm) and algorithm.nbits % _RSA_STEP:
        raise BadInput(f"RSA keys of {algorithm.nbits} bits are not for cards")


def adapted(
    algorithm: Algorithm, present: Algorithm | None, offered: Iterable[Algorithm]
) -> Algorithm:
    """What is written to DO C1 to C3 for it.

    Of an RSA slot only the size is changed, as GnuPG does it, rounded up to 32 bits
    (scd/app-openpgp.c, change_rsa_keyattr).  All else is as the card offers it in DO FA: how a key
    is imported, and whether the public key is wanted with it.
    """
    if isinstance(algorithm, RSAAlgorithm):
        algorithm = RSAAlgorithm(-(-algorithm.nbits // _RSA_STEP) * _RSA_STEP)
        if isinstance(present, RSAAlgorithm):
            return replace(present, nbits=algorithm.nbits)
    return next((offer for offer in offered if same(offer, algorithm)), algorithm)


def described(algorithm: Algorithm | None) -> str:
    """For people: ``rsa2048``, ``nistp256``."""
    return algorithm.name if algorithm else "unknown"
