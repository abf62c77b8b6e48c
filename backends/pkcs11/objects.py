"""Which key pairs a token has, read from its objects.  Calls no module and no python-pkcs11.

A key pair is told by its public key.  That comes from the public key object, from a certificate
or from the private object itself; objects are tied together by CKA_ID, or by an equal public key.
"""

from __future__ import annotations

import calendar
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from backends.curves import Form
from backends.pkcs11.cka import CKA, CKK, CKO
from backends.pkcs11.identity import key_ref, made_at, printable
from backends.pkcs11.points import Unreadable
from backends.pkcs11.publickey import (
    Certificate,
    read_certificate,
    read_ec,
    read_info,
    read_rsa,
)
from backends.token import PublicKey, RSAPublicKey, Use

_SIGN = Use.SIGN | Use.CERTIFY | Use.AUTHENTICATE
#: What the flags of an object mean.  Others may be set too and mean nothing for such a key: SoftHSM
#: sets all that are not refused when the key is made.
_RSA_FLAGS = {
    CKO.PRIVATE_KEY: {CKA.SIGN: _SIGN, CKA.DECRYPT: Use.DECRYPT, CKA.UNWRAP: Use.DECRYPT},
    CKO.PUBLIC_KEY: {CKA.VERIFY: _SIGN, CKA.ENCRYPT: Use.DECRYPT, CKA.WRAP: Use.DECRYPT},
}
_EC_FLAGS = {
    CKO.PRIVATE_KEY: {CKA.SIGN: _SIGN, CKA.DERIVE: Use.DECRYPT},
    CKO.PUBLIC_KEY: {CKA.VERIFY: _SIGN, CKA.DERIVE: Use.DECRYPT},
}
#: What a key of that form can do at all.
_FORM_USE = {
    Form.WEIERSTRASS: _SIGN | Use.DECRYPT,
    Form.EDWARDS: _SIGN,
    Form.MONTGOMERY: Use.DECRYPT,
}
_CERTIFICATE_X509 = 0
#: CK_CERTIFICATE_CATEGORY: authority and other entity, whose keys are not on this token.
_FOREIGN = (2, 3)


@dataclass(frozen=True, slots=True)
class RawObject:
    """One object as the module gave it.

    ``attributes``: values by their numbers; CK_ULONG and CK_BBOOL in the machine's own form, but
    a false CK_BBOOL as no bytes at all.  ``handle``: by which the module knows it.
    """

    kind: CKO
    attributes: Mapping[int, bytes]
    handle: int = 0

    @property
    def id(self) -> bytes:
        return self.attributes.get(CKA.ID, b"")

    @property
    def label(self) -> str:
        text = self.attributes.get(CKA.LABEL, b"").decode(errors="replace")
        return printable(text.strip(" \0"))

    @property
    def key_type(self) -> int:
        return self.number(CKA.KEY_TYPE)

    def number(self, attribute: CKA) -> int:
        """A CK_ULONG, or -1 if it is not there."""
        raw = self.attributes.get(attribute)
        return int.from_bytes(raw, sys.byteorder) if raw else -1

    def has(self, attribute: CKA) -> bool:
        """Whether a CK_BBOOL is there and true."""
        return bool(self.attributes.get(attribute))


@dataclass(slots=True)
class Pair:
    """A key pair, as far as its parts have been seen."""

    ref: str
    public: PublicKey
    ids: set[bytes] = field(default_factory=set)
    public_object: RawObject | None = None
    private_object: RawObject | None = None
    certificate: Certificate | None = None
    certificate_object: RawObject | None = None
    #: The certificate is an authority's or another's: alone, it does not stand for a key of ours.
    foreign: bool = False

    @property
    def id(self) -> bytes:
        """The CKA_ID by which others name it: PKCS#11 wants private key and certificate to agree,
        and they do so more often than the public object with either."""
        parts = (self.certificate_object, self.private_object, self.public_object)
        return next((part.id for part in parts if part is not None and part.id), b"")

    @property
    def der(self) -> bytes | None:
        """The certificate as it is."""
        found = self.certificate_object
        return found.attributes.get(CKA.VALUE) if found else None

    @property
    def label(self) -> str:
        for part in (self.private_object, self.public_object):
            if part is not None and part.label:
                return part.label
        return printable(self.certificate.name) if self.certificate else ""

    @property
    def created(self) -> int | None:
        made = made_at(self.label)
        if made is not None:
            return made
        if self.certificate and self.certificate.created is not None:
            return self.certificate.created
        for part in (self.private_object, self.public_object):
            date = _date(part)
            if date is not None:
                return date
        return None

    @property
    def always(self) -> bool:
        """Whether each operation wants the PIN again."""
        return bool(self.private_object and self.private_object.has(CKA.ALWAYS_AUTHENTICATE))

    @property
    def use(self) -> Use:
        """By the flags of the private object.  While that is hidden, by those of the public one
        and by the certificate's keyUsage; a Weierstrass key is then taken to do both, as few
        tokens set CKA_DERIVE on a public key."""
        possible = _possible(self.public)
        if self.private_object is not None:
            return _flags(self.private_object) & possible
        use = Use(0)
        if self.public_object is not None:
            use = _flags(self.public_object) & possible
        if not use or not isinstance(self.public, RSAPublicKey):
            use = possible
        if self.certificate and self.certificate.use is not None:
            use = use & _whole(self.certificate.use) or use
        return use


@dataclass(frozen=True, slots=True)
class Contents:
    """``authorities``: nothing but certificates of these, whose keys are somebody else's."""

    pairs: list[Pair] = field(default_factory=list)
    authorities: list[Pair] = field(default_factory=list)


def read_contents(
    objects: Sequence[RawObject], *, all_visible: bool, note: Callable[[str], None]
) -> Contents:
    """What is among these objects, by CKA_ID: modules list objects in any order.

    ``all_visible``: private objects would be seen too if there were any.  Then a public key or
    certificate without its private key is somebody else's and is no pair; before, that cannot be
    known, and only certificates of authorities are none.  ``note`` is told what was left out and
    why.
    """
    pairs: dict[str, Pair] = {}
    for raw in _of(objects, CKO.PUBLIC_KEY):
        _add_public(pairs, raw, note)
    for raw in _of(objects, CKO.CERTIFICATE):
        _add_certificate(pairs, raw, note)
    for raw in _of(objects, CKO.PRIVATE_KEY):
        _add_private(pairs, raw, note)
    contents = Contents()
    for pair in sorted(pairs.values(), key=lambda pair: (min(pair.ids), pair.ref)):
        if _is_ours(pair, all_visible):
            contents.pairs.append(pair)
        elif pair.certificate and pair.certificate.authority:
            contents.authorities.append(pair)
    return contents


def _add_public(pairs: dict[str, Pair], raw: RawObject, note: Callable[[str], None]) -> None:
    try:
        pair = _pair(pairs, _public_key(raw))
    except Unreadable as error:
        note(f"public key {raw.label!r} (id {raw.id.hex()}) left out: {error}")
        return
    pair.public_object = pair.public_object or raw
    pair.ids.add(raw.id)


def _add_certificate(pairs: dict[str, Pair], raw: RawObject, note: Callable[[str], None]) -> None:
    if raw.number(CKA.CERTIFICATE_TYPE) not in (_CERTIFICATE_X509, -1):
        return
    try:
        certificate = read_certificate(raw.attributes.get(CKA.VALUE, b""))
    except Unreadable as error:
        note(f"certificate {raw.label!r} (id {raw.id.hex()}) left out: {error}")
        return
    pair = _pair(pairs, certificate.public)
    if pair.certificate is None:
        pair.certificate, pair.certificate_object = certificate, raw
        pair.foreign = certificate.authority or raw.number(CKA.CERTIFICATE_CATEGORY) in _FOREIGN
    pair.ids.add(raw.id)


def _add_private(pairs: dict[str, Pair], raw: RawObject, note: Callable[[str], None]) -> None:
    try:
        pair = _pair(pairs, _public_key(raw))
    except Unreadable as error:
        found = _by_id(pairs.values(), raw)
        if found is None:
            note(f"private key {raw.label!r} (id {raw.id.hex()}) left out: {error}")
            return
        pair = found
    pair.private_object = pair.private_object or raw
    pair.ids.add(raw.id)


def _pair(pairs: dict[str, Pair], public: PublicKey) -> Pair:
    ref = key_ref(public)
    return pairs.setdefault(ref, Pair(ref, public))


def _by_id(pairs: Iterable[Pair], raw: RawObject) -> Pair | None:
    """The pair that this private key, which does not tell its whole public key, belongs to: that
    of its modulus, or else of its CKA_ID."""
    free = [pair for pair in pairs if pair.private_object is None and _fits(pair.public, raw)]
    modulus = int.from_bytes(raw.attributes.get(CKA.MODULUS, b""))
    if modulus:
        return next((p for p in free if getattr(p.public, "n", 0) == modulus), None)
    return next((pair for pair in free if raw.id and raw.id in pair.ids), None)


def _fits(public: PublicKey, raw: RawObject) -> bool:
    return isinstance(public, RSAPublicKey) == (raw.key_type == CKK.RSA)


def _is_ours(pair: Pair, all_visible: bool) -> bool:
    if pair.private_object is not None:
        return True
    if all_visible:
        return False
    return pair.public_object is not None or not pair.foreign


def _public_key(raw: RawObject) -> PublicKey:
    """From the object's own attributes, which a private key may have or not."""
    info = raw.attributes.get(CKA.PUBLIC_KEY_INFO)
    try:
        return _from_numbers(raw)
    except Unreadable:
        if not info:
            raise
    return read_info(info)


def _from_numbers(raw: RawObject) -> PublicKey:
    values = raw.attributes
    if raw.key_type == CKK.RSA and values.get(CKA.PUBLIC_EXPONENT):
        return read_rsa(values.get(CKA.MODULUS, b""), values[CKA.PUBLIC_EXPONENT])
    if raw.key_type in (CKK.EC, CKK.EC_EDWARDS, CKK.EC_MONTGOMERY) and values.get(CKA.EC_POINT):
        return read_ec(values.get(CKA.EC_PARAMS, b""), values[CKA.EC_POINT])
    raise Unreadable(f"key type 0x{raw.key_type:X} without a public key")


def _of(objects: Iterable[RawObject], kind: CKO) -> list[RawObject]:
    return [raw for raw in objects if raw.kind is kind]


def _possible(public: PublicKey) -> Use:
    if isinstance(public, RSAPublicKey):
        return _SIGN | Use.DECRYPT
    return _FORM_USE[public.curve.form]


def _flags(raw: RawObject) -> Use:
    use = Use(0)
    table = _RSA_FLAGS if raw.key_type == CKK.RSA else _EC_FLAGS
    for attribute, meaning in table[raw.kind].items():
        if raw.has(attribute):
            use |= meaning
    return use


def _whole(use: Use) -> Use:
    """A keyUsage for one kind of signature does for all kinds: the key makes no difference."""
    return use | _SIGN if use & _SIGN else use


def _date(raw: RawObject | None) -> int | None:
    """CKA_START_DATE, YYYYMMDD in ASCII, as seconds since the epoch."""
    text = raw.attributes.get(CKA.START_DATE, b"") if raw else b""
    if len(text) != 8 or not text.isdigit():
        return None
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    return calendar.timegm((year, month, day, 0, 0, 0))
