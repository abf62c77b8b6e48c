"""What a key on a token does, in the worker: signing, deciphering, agreeing on a secret."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from backends.errors import PinNeeded, TokenError, UseRefused
from backends.pkcs11.cka import CKA, CKM
from backends.pkcs11.cryptoki import ContextLogin
from backends.pkcs11.failures import SessionLost
from backends.pkcs11.inputs import (
    check_block,
    check_signature,
    peer_point,
    shared_secret,
    signature_size,
)
from backends.pkcs11.mechanisms import agree_mechanism, decrypt_mechanism, sign_plan
from backends.pkcs11.objects import Pair, RawObject
from backends.pkcs11.padding import unpad
from backends.pkcs11.points import is_wrapped
from backends.pkcs11.session import Pin, TokenSession
from backends.token import ECPublicKey, RSAPublicKey, Use


def sign(token: TokenSession, ref: str, tbs: bytes, pin: Pin) -> bytes:
    """As :meth:`backends.token.Token.sign`, after a login if one is needed."""

    def operation() -> bytes:
        pair, key = _private(token, ref, pin, Use.SIGN)
        plan = sign_plan(pair.public, tbs, token.mechanisms)
        size = signature_size(pair.public)
        signature = _with_key(token, key, pin, partial(token.session.sign, key, plan, size))
        return check_signature(pair.public, signature)

    return token.authorized(pin, operation)


def decrypt(token: TokenSession, ref: str, data: bytes, pin: Pin) -> bytes:
    """As :meth:`backends.token.Token.decrypt`, after a login if one is needed."""

    def operation() -> bytes:
        pair, key = _private(token, ref, pin, Use.DECRYPT)
        work = _decipher if isinstance(pair.public, RSAPublicKey) else _agree
        return work(token, pair, key, data, pin)

    return token.authorized(pin, operation)


def _decipher(token: TokenSession, pair: Pair, key: RawObject, data: bytes, pin: Pin) -> bytes:
    assert isinstance(pair.public, RSAPublicKey)
    how = decrypt_mechanism(token.mechanisms)
    plain = _with_key(token, key, pin, partial(token.session.decrypt, key, how, data))
    return unpad(check_block(pair.public, plain), data) if how is CKM.RSA_X_509 else plain


def _agree(token: TokenSession, pair: Pair, key: RawObject, peer: bytes, pin: Pin) -> bytes:
    public = pair.public
    assert isinstance(public, ECPublicKey)
    how = agree_mechanism(public, token.mechanisms)
    own = key.attributes.get(CKA.EC_POINT) or _written_point(token, public)
    point = peer_point(public, peer, wrapped=is_wrapped(public.curve, own))

    def derive(login: ContextLogin | None) -> bytes:
        if login is not None:
            login()
        return token.session.derive(key, how, point, public.curve.size)

    return shared_secret(public, _with_key(token, key, pin, derive))


def _written_point(token: TokenSession, public: ECPublicKey) -> bytes:
    """The public point as the token writes it."""
    for pair in token.pairs():
        if pair.public == public and pair.public_object:
            return pair.public_object.attributes.get(CKA.EC_POINT, public.point)
    return public.point


def _private(token: TokenSession, ref: str, pin: Pin, use: Use) -> tuple[Pair, RawObject]:
    pair, key = token.private(ref)
    if not pair.use & use:
        raise UseRefused("the token does not let this key do that")
    if key.has(CKA.ALWAYS_AUTHENTICATE) and not pin and not token.has_pad:
        raise PinNeeded("the key wants its PIN each time")
    return pair, key


def _with_key(
    token: TokenSession,
    key: RawObject,
    pin: Pin,
    operation: Callable[[ContextLogin | None], bytes],
) -> bytes:
    """Run the operation, with the PIN once more if the key wants it each time.

    That may be the PIN which has just been found right by the login: it is the same for both.
    """
    if not key.has(CKA.ALWAYS_AUTHENTICATE):
        return operation(None)
    number = token.session.number
    try:
        return operation(lambda: token.module.cryptoki.log_in_again(number, pin.spend()))
    except SessionLost:
        raise
    except TokenError:
        # SoftHSM leaves the operation active for ever after a wrong PIN.
        token.renew()
        raise
