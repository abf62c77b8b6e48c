"""What is changed on a token, in the worker: keys and certificates.

Keys are added and never replaced.  Each change has two halves: what can be found out before
anything is written, which may raise, and the writing, in a session of its own that can.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from backends.curves import BY_OID, Curve
from backends.errors import BadInput, NotSupported, Occupied, TokenError, Unfinished
from backends.pkcs11 import abi, templates
from backends.pkcs11.cka import CKK, CKM
from backends.pkcs11.failures import SessionLost
from backends.pkcs11.identity import key_ref
from backends.pkcs11.mechanisms import check_usable, generate_plan, key_type
from backends.pkcs11.messages import (
    Change,
    Done,
    ECKind,
    Generate,
    Import,
    Made,
    RSAKind,
    StoreCertificate,
)
from backends.pkcs11.module import Session
from backends.pkcs11.objects import Pair
from backends.pkcs11.points import Unreadable
from backends.pkcs11.publickey import read_certificate
from backends.pkcs11.records import public_from, record_of
from backends.pkcs11.session import Pin, TokenSession
from backends.secret import wipe
from backends.token import PublicKey, RSAPublicKey, Use

#: Bytes of a new key's CKA_ID, which is random: the public key is not known before.
_ID_SIZE = 20

Work = Callable[[], Made | Done]


def prepare(token: TokenSession, change: Change) -> Work:
    """Check what can be checked; the rest is done by calling the result, after the login."""
    match change:
        case Generate():
            return _generate(token, change)
        case Import():
            return _import(token, change)
        case StoreCertificate():
            return _store(token, change)


def carry_out(token: TokenSession, work: Work, pin: Pin) -> Made | Done:
    """Do it, after a login if one is needed."""
    try:
        return token.authorized(pin, work)
    finally:
        token.forget_pairs()


# -- a new key -----------------------------------------------------------------------------------


def _generate(token: TokenSession, order: Generate) -> Work:
    use, identifier = Use(order.use), os.urandom(_ID_SIZE)
    kind, mechanism, made_type = _first_possible(token, order.kinds, use)
    entry = templates.Entry(made_type, use, identifier, order.label)

    def work() -> Made:
        own = _labelled_apart(token, entry)
        with token.module.writing(token.slot) as session:
            try:
                _make(session, mechanism, kind, own)
            except (NotSupported, SessionLost) as error:
                if isinstance(error, SessionLost) and error.certain:
                    raise
                # tpm2-pkcs11 1.9 takes no attribute that forbids a use (CKR_GENERAL_ERROR).
                _make(session, mechanism, kind, replace(own, narrow=False))
        return Made(record_of(_new_pair(token, identifier).public))

    return work


def _labelled_apart(token: TokenSession, entry: templates.Entry) -> templates.Entry:
    """With a number behind the label if there is such a one already: by their labels the newest of
    the keys that were made for a slot is told, also of those made in the same second."""
    taken = {pair.label for pair in token.pairs()}
    numbers = (f"{entry.label} #{n:02}" for n in range(2, len(taken) + 3))
    labels = (label for label in (entry.label, *numbers) if label not in taken)
    return replace(entry, label=next(labels))


def _make(session: Session, mechanism: CKM, kind: Curve | int, entry: templates.Entry) -> None:
    public = [*entry.public_object(), *templates.wanted(kind)]
    session.generate(abi.mechanism(mechanism), public, entry.private_object())


def _first_possible(
    token: TokenSession, kinds: list[RSAKind | ECKind], use: Use
) -> tuple[Curve | int, CKM, CKK]:
    refusal = NotSupported("the token makes no keys")
    for kind in kinds:
        wanted = kind.bits if isinstance(kind, RSAKind) else _curve(kind.oid)
        try:
            check_usable(wanted if isinstance(wanted, Curve) else None, use, token.mechanisms)
            return wanted, *generate_plan(wanted, token.mechanisms)
        except NotSupported as error:
            refusal = error
    raise refusal


def _curve(oid: str) -> Curve:
    if oid not in BY_OID:
        raise NotSupported("the curve is not known")
    return BY_OID[oid]


def _new_pair(token: TokenSession, identifier: bytes) -> Pair:
    token.forget_pairs()
    for pair in token.pairs():
        if identifier in pair.ids and pair.private_object is not None:
            return pair
    raise Unfinished("the new key is on the token, but cannot be found there")


# -- a key from elsewhere ------------------------------------------------------------------------


def _import(token: TokenSession, order: Import) -> Work:
    public = public_from(order.public)
    if public is None:
        raise NotSupported("the curve is not known")
    kind = public.n.bit_length() if isinstance(public, RSAPublicKey) else public.curve
    check_usable(kind if isinstance(kind, Curve) else None, Use(order.use), token.mechanisms)
    known = _known(token, public)
    identifier = min(known.ids) if known else b""
    entry = templates.Entry(
        key_type(kind, token.mechanisms),
        Use(order.use),
        identifier or hashlib.sha1(key_ref(public).encode(), usedforsecurity=False).digest(),
        order.label,
    )

    def work() -> Done:
        _refuse_twice(_known(token, public))
        own = _labelled_apart(token, entry)
        with token.module.writing(token.slot) as session:
            _write_pair(session, own, public, order.private, known is None)
        return Done()

    _refuse_twice(known)
    return work


def _known(token: TokenSession, public: PublicKey) -> Pair | None:
    ref = key_ref(public)
    return next((pair for pair in token.pairs() if pair.ref == ref), None)


def _refuse_twice(known: Pair | None) -> None:
    if known is not None and known.private_object is not None:
        raise Occupied("this key is on the token already")


def _write_pair(
    session: Session,
    entry: templates.Entry,
    public: PublicKey,
    secrets: list[bytearray],
    both: bool,
) -> None:
    """The public half first: if the private one is refused, it is taken away again."""
    numbers = templates.public_numbers(public)
    written = session.create([*entry.public_object(), *numbers]) if both else None
    derived = templates.crt(secrets) if isinstance(public, RSAPublicKey) else []
    try:
        private = templates.private_numbers(public, [*secrets, *derived])
        session.create([*entry.private_object(), *private])
    except TokenError:
        if written is not None:
            with suppress(TokenError):
                session.destroy(written)
        raise
    finally:
        for secret in derived:
            wipe(secret)


# -- certificates --------------------------------------------------------------------------------


def _store(token: TokenSession, order: StoreCertificate) -> Work:
    pair = token.pair(order.ref)
    if order.der:
        _check_certificate(order.der, pair.public)

    def work() -> Done:
        pair = token.pair(order.ref)
        old = pair.certificate_object
        if pair.der == order.der:
            return Done()
        with token.module.writing(token.slot) as session:
            if order.der:
                identifier = min(pair.ids)
                session.create(
                    templates.certificate_object(order.der, identifier, pair.label or order.ref)
                )
            # Only now: whatever fails before leaves a certificate on the token.
            if old is not None:
                session.destroy(old.handle)
        return Done()

    return work


def _check_certificate(der: bytes, public: PublicKey) -> None:
    try:
        certified = read_certificate(der).public
    except Unreadable as error:
        raise BadInput(str(error)) from None
    if certified != public:
        raise BadInput("the certificate is not for this key")
