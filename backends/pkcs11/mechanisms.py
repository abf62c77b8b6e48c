"""Which mechanism serves which key on which token, in tables.  No module is called here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backends.curves import ED448, Curve, Form
from backends.errors import NotSupported, UseRefused
from backends.pkcs11.cka import CKK, CKM, Ability
from backends.pkcs11.inputs import is_block
from backends.pkcs11.padding import pad_for_signature
from backends.token import ECPublicKey, PublicKey, RSAPublicKey, Use


class Info(Protocol):
    """What is known of a mechanism (CK_MECHANISM_INFO); ``least`` and ``most``: lengths of keys."""

    @property
    def able(self) -> Ability: ...
    @property
    def least(self) -> int: ...
    @property
    def most(self) -> int: ...


#: The mechanisms that a token has; none at all: it does not tell.
Mechanisms = Mapping[int, Info]


@dataclass(frozen=True, slots=True)
class Signing:
    """What to call C_Sign with.  ``pure``: CK_EDDSA_PARAMS must say that nothing is prehashed,
    which edwards448 wants and edwards25519 does without (PKCS#11 3.0 section 2.3.14)."""

    mechanism: CKM
    data: bytes
    pure: bool = False


#: In the order of preference.  The mechanisms that hash by themselves, CKM_SHA256_RSA_PKCS,
#: CKM_ECDSA_SHA256, CKM_RSA_PKCS_PSS and their kin, are of no use: gpg-agent gives away hashes
#: and padded blocks, never messages.
_RSA: tuple[CKM, ...] = (CKM.RSA_PKCS, CKM.RSA_X_509)
_SIGN: dict[Form, tuple[CKM, ...]] = {
    Form.WEIERSTRASS: (CKM.ECDSA,),
    Form.EDWARDS: (CKM.EDDSA,),
}
_AGREE: dict[Form, tuple[CKM, ...]] = {
    # The same as the first on curves whose cofactor is one, as that of all of ours is.
    Form.WEIERSTRASS: (CKM.ECDH1_DERIVE, CKM.ECDH1_COFACTOR_DERIVE),
    Form.MONTGOMERY: (CKM.ECDH1_DERIVE,),
}


def possible_use(public: PublicKey, use: Use, has: Mechanisms) -> Use:
    """What is left of the use of a key on a token with these mechanisms."""
    curve = public.curve if isinstance(public, ECPublicKey) else None
    for what in (~Use.DECRYPT, Use.DECRYPT):
        try:
            check_usable(curve, what, has)
        except NotSupported:
            use &= ~what
    return use


def check_usable(curve: Curve | None, use: Use, has: Mechanisms) -> None:
    """Raise NotSupported if no key on that curve, or no RSA key, could be used so."""
    signs, decrypts, able = _RSA, _RSA, Ability.DECRYPT
    if curve is not None:
        signs, decrypts = _SIGN.get(curve.form, ()), _AGREE.get(curve.form, ())
        able = Ability.DERIVE
    if Use.DECRYPT in use:
        choose(decrypts, has, able)
    else:
        choose(signs, has, Ability.SIGN)


def sign_plan(public: PublicKey, tbs: bytes, has: Mechanisms) -> Signing:
    """For what :meth:`backends.token.Token.sign` takes.  Raises UseRefused and NotSupported."""
    if isinstance(public, RSAPublicKey):
        return _rsa_plan(public, tbs, has)
    if public.curve.form not in _SIGN:
        raise UseRefused(f"a {public.curve.name} key cannot sign")
    mechanism = choose(_SIGN[public.curve.form], has, Ability.SIGN)
    return Signing(mechanism, tbs, pure=public.curve is ED448)


def _rsa_plan(public: RSAPublicKey, tbs: bytes, has: Mechanisms) -> Signing:
    padded = is_block(public, tbs)
    mechanism = choose(_RSA[1:] if padded else _RSA, has, Ability.SIGN)
    if mechanism is CKM.RSA_X_509 and not padded:
        tbs = pad_for_signature(tbs, public.size)
    return Signing(mechanism, tbs)


def decrypt_mechanism(has: Mechanisms) -> CKM:
    """For an RSA key."""
    return choose(_RSA, has, Ability.DECRYPT)


def agree_mechanism(public: ECPublicKey, has: Mechanisms) -> CKM:
    """For a key agreement."""
    if public.curve.form not in _AGREE:
        raise NotSupported("no key agreement on Edwards curves")
    return choose(_AGREE[public.curve.form], has, Ability.DERIVE)


#: Mechanism and type of the keys that it makes.  SoftHSM 2.6 has no mechanism for Montgomery curves
#: and takes them for Edwards curves.
_GENERATE_RSA = ((CKM.RSA_PKCS_KEY_PAIR_GEN, CKK.RSA),)
_GENERATE = {
    Form.WEIERSTRASS: ((CKM.EC_KEY_PAIR_GEN, CKK.EC),),
    Form.EDWARDS: ((CKM.EC_EDWARDS_KEY_PAIR_GEN, CKK.EC_EDWARDS),),
    Form.MONTGOMERY: (
        (CKM.EC_MONTGOMERY_KEY_PAIR_GEN, CKK.EC_MONTGOMERY),
        (CKM.EC_EDWARDS_KEY_PAIR_GEN, CKK.EC_EDWARDS),
    ),
}


def generate_plan(kind: Curve | int, has: Mechanisms) -> tuple[CKM, CKK]:
    """How to make a key on that curve, or an RSA key of so many bits.  Raises NotSupported."""
    table = _GENERATE_RSA if isinstance(kind, int) else _GENERATE[kind.form]
    mechanism = choose([row[0] for row in table], has, Ability.GENERATE_KEY_PAIR)
    if isinstance(kind, int) and mechanism in has:
        # Of curves, modules tell the lengths in different ways, SoftHSM wrong ones for Ed25519.
        least, most = has[mechanism].least, has[mechanism].most
        if most >= _LEAST_RSA and not least <= kind <= most:
            raise NotSupported(f"the token makes RSA keys of {least} to {most} bits")
    return mechanism, dict(table)[mechanism]


#: Below it is nonsense, or a number of bytes.
_LEAST_RSA = 1024


def key_type(kind: Curve | int, has: Mechanisms) -> CKK:
    """The type of such a key on this token, even if the token cannot make one."""
    try:
        return generate_plan(kind, has)[1]
    except NotSupported:
        return (_GENERATE_RSA if isinstance(kind, int) else _GENERATE[kind.form])[0][1]


def choose(candidates: Sequence[CKM], has: Mechanisms, able: Ability) -> CKM:
    """The first of the candidates that the token has for that.

    A token that lists none at all is taken to have the first, and a mechanism of which nothing is
    told to be good for everything.
    """
    if not has and candidates:
        return candidates[0]
    for mechanism in candidates:
        if mechanism in has and (able in has[mechanism].able or not has[mechanism].able & ~_HW):
            return mechanism
    names = " or ".join(f"CKM_{mechanism.name}" for mechanism in candidates) or "mechanism"
    raise NotSupported(f"the token has no {names} for this")


#: CKF_HW, which tells nothing of what a mechanism is good for.
_HW = Ability(1)
