"""What is changed on a token, on the daemon's side: from the contract's changes to requests.

A PKCS#11 token has no slots: the name of an OpenPGP slot says what a new key is to be for, and the
key gets a place of its own, so that nothing is ever overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from backends.changes import (
    Change,
    GenerateKey,
    PrivateKey,
    RSAPrivateKey,
    WriteCertificate,
    WriteKey,
)
from backends.curves import NIST_P256, Form
from backends.errors import BadInput, NotFound, NotSupported
from backends.pkcs11 import messages
from backends.pkcs11.identity import made_label
from backends.pkcs11.messages import ECKind, RSAKind
from backends.pkcs11.pinkeeper import PinKeeperPart, pin_request
from backends.pkcs11.records import public_from, record_of
from backends.secret import wipe
from backends.token import PinRequest, PublicKey, RSAAlgorithm, RSAPublicKey, Use

#: What the three OpenPGP slots are for.
_SLOTS = {
    "OPENPGP.1": Use.SIGN,
    "OPENPGP.2": Use.DECRYPT,
    "OPENPGP.3": Use.AUTHENTICATE,
}

#: What is made if nobody says what: what GnuPG shows for an empty slot, or else this.
_DEFAULT = (RSAKind(2048), ECKind(NIST_P256.oid))

#: Bits that are worth asking a token for.
_LEAST_RSA, _MOST_RSA = 1024, 16384

_CANNOT = {
    "SetAttribute": "a PKCS#11 token has no such data objects",
    "SetAlgorithm": "a PKCS#11 token has no slots with algorithms: say it when a key is made",
    "Attest": "a PKCS#11 token cannot certify its keys",
}


class WritablePart(PinKeeperPart):
    """The half of the contract that is about changes."""

    def is_occupied(self, ref: str) -> bool:
        """Never: a new key takes the place of none."""
        _use(ref)
        return False

    def pin_for_change(self, change: Change) -> PinRequest | None:
        with _request(self._token, change, None, check=True) as request:
            self._pool.ask(messages.Check(request), messages.Done)
        return None if self._finds_login() else pin_request(self._status())

    def change(self, change: Change, pin: bytearray | None) -> PublicKey | None:
        answer = messages.Made if isinstance(change, GenerateKey) else messages.Done
        try:
            with self._doubting(), _request(self._token, change, pin) as request:
                reply = self._pool.change(request, answer)
        finally:
            self._keys = None
        return public_from(reply.public) if isinstance(reply, messages.Made) else None


@contextmanager
def _request(
    token: str, change: Change, pin: bytearray | None, *, check: bool = False
) -> Iterator[messages.Change]:
    """The request for a change; to ``check`` it takes no secrets."""
    match change:
        case GenerateKey():
            kinds = _kinds(change)
            label = made_label(change.ref, change.stamp.created)
            yield messages.Generate(token, kinds, _use(change.ref).value, label, pin)
        case WriteKey():
            use = _checked_use(change)
            secrets = [] if check else _secrets(change.private)
            label = made_label(change.ref, change.stamp.created)
            public = record_of(change.private.public)
            try:
                yield messages.Import(token, public, secrets, use.value, label, pin)
            finally:
                for secret in secrets:
                    wipe(secret)
        case WriteCertificate():
            yield messages.StoreCertificate(token, _key_ref(change.ref), change.der, pin)
        case _:
            raise NotSupported(_CANNOT[type(change).__name__])


def _use(ref: str) -> Use:
    if ref not in _SLOTS:
        raise NotFound(f"a new key is for {', '.join(_SLOTS)}, not for {ref}")
    return _SLOTS[ref]


def _key_ref(ref: str) -> str:
    if not ref.startswith("P11."):
        raise NotFound(f"{ref} names no key of this token")
    return ref


def _kinds(change: GenerateKey) -> list[RSAKind | ECKind]:
    use, algorithm = _use(change.ref), change.algorithm
    if algorithm is None:
        return list(_DEFAULT)
    if isinstance(algorithm, RSAAlgorithm):
        if not _LEAST_RSA <= algorithm.nbits <= _MOST_RSA:
            raise BadInput(f"no RSA key of {algorithm.nbits} bits can be made")
        return [RSAKind(algorithm.nbits)]
    _check_form(algorithm.curve.form, use, algorithm.curve.name)
    return [ECKind(algorithm.curve.oid)]


def _checked_use(change: WriteKey) -> Use:
    use, public = _use(change.ref), change.private.public
    if not isinstance(public, RSAPublicKey):
        _check_form(public.curve.form, use, public.curve.name)
    return use


def _check_form(form: Form, use: Use, name: str) -> None:
    wrong = Form.EDWARDS if use is Use.DECRYPT else Form.MONTGOMERY
    if form is wrong:
        raise BadInput(f"a {name} key is not for this slot")


def _secrets(private: PrivateKey) -> list[bytearray]:
    """The numbers as they travel.  These copies are wiped; those in ``private`` cannot be."""
    if not isinstance(private, RSAPrivateKey):
        return [bytearray(private.secret)]
    size = max(private.p.bit_length(), private.q.bit_length()) + 7 >> 3
    sizes = (private.public.size, size, size)
    numbers = (private.d, private.p, private.q)
    return [bytearray(n.to_bytes(s)) for n, s in zip(numbers, sizes, strict=True)]
