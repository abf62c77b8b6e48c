"""A PKCS#11 token as the contract of :mod:`backends.token` wants it, on the daemon's side."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

from backends.curves import BY_OID
from backends.errors import (
    Broken,
    NotFound,
    NotSupported,
    PinBlocked,
    PinNeeded,
    Removed,
    TokenError,
)
from backends.pkcs11 import messages
from backends.pkcs11.cka import CKF
from backends.pkcs11.identity import MANUFACTURER, VERSION, display_serial, token_serial
from backends.pkcs11.inputs import check_ciphertext, check_tbs
from backends.pkcs11.pool import Pool
from backends.token import (
    Algorithm,
    Attribute,
    Capabilities,
    ECPublicKey,
    Key,
    PinRef,
    PinRequest,
    PublicKey,
    RSAPublicKey,
    TokenInfo,
    Use,
)

_log = logging.getLogger(__name__)

#: PIN lengths in bytes that are believed; GnuPG's own limit is below the upper one.
_MAX_PIN = 255


class PKCS11Token:
    """One token of one module, found again by its id whatever becomes of worker and slot.

    The user's login is kept by the module in the worker: it ends with the worker.
    """

    def __init__(self, pool: Pool, record: messages.TokenRecord) -> None:
        self._pool = pool
        self._token = record.token
        self._keys: list[messages.KeyRecord] | None = None
        self._has_pad = bool(record.flags & CKF.PROTECTED_AUTHENTICATION_PATH)
        #: What the token says of itself, until it turns out to be wrong.
        self._wants_login = bool(record.flags & CKF.LOGIN_REQUIRED)
        self.info = _info(pool.config.name, record)

    @property
    def parallel(self) -> int:
        """How many operations of keys may be under way at the same time."""
        return 1 if self._has_pad else self._pool.width

    # -- reading -------------------------------------------------------------------------------

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        """Key pairs in the order of CKA_ID.

        Before the login most tokens hide private keys: what is listed then are the public keys
        and certificates.  After it, the list is read again, without those that are somebody
        else's and with those that have no public object.
        """
        return [key for record in self._records() if (key := _key(record)) is not None]

    def _records(self) -> list[messages.KeyRecord]:
        if self._keys is None:
            answer = self._pool.ask(messages.ListKeys(self._token), messages.Keys)
            for note in answer.notes:
                _log.info("%s: %s", self.info.place, note)
            self._keys = answer.keys
        return self._keys

    def algorithms(self) -> Sequence[Algorithm | None]:
        return ()

    def attributes(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        """Of the attributes of an OpenPGP card, a PKCS#11 token has the made-up AID only."""
        return {Attribute.AID: bytes.fromhex(self.info.serial)} if Attribute.AID in names else {}

    def remembered(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        return self.attributes(names)

    def certificate(self, ref: str) -> bytes | None:
        if not self._record(ref).certificate:
            return None
        return self._pool.ask(messages.GetCertificate(self._token, ref), messages.Value).value

    def _record(self, ref: str) -> messages.KeyRecord:
        for record in self._records():
            if record.ref == ref:
                return record
        raise NotFound(f"no key {ref} on this token")

    # -- PINs ----------------------------------------------------------------------------------

    def pin_for(self, key: Key) -> PinRequest | None:
        """None if the token wants no login or has had it, unless the key wants its PIN each time.
        Of a login that is known of, the token is not asked again.

        A key that does gets one question even if the login is missing too: the same PIN is then
        given for both, first for the login, and again for the key only if it was right.
        """
        always = self._record(key.ref).always
        if not always and (self._knows_login or self._finds_login()):
            return None
        return self._request(self._status(), key.label if always else "")

    @property
    def _knows_login(self) -> bool:
        return not self._wants_login or self._pool.knows_login(self._token)

    def _finds_login(self) -> bool:
        return self._pool.finds_login(self._token)

    def pin_named(self, ref: PinRef) -> PinRequest:
        _check_user(ref)
        return self._request(self._status())

    def verify_pin(self, ref: PinRef, pin: bytearray | None) -> None:
        """Log in with that PIN.  A login that was there before is given up first, so that it is
        this PIN which is verified."""
        _check_user(ref)
        self._keys = None
        self._pool.log_in(self._token, pin)

    def is_verified(self, ref: PinRef) -> bool:
        """Whether the user is logged in, or the token wants no login."""
        return ref is PinRef.USER and self._knows_login

    def _status(self) -> messages.TokenRecord:
        return self._pool.ask(messages.GetStatus(self._token), messages.TokenRecord)

    def _request(self, status: messages.TokenRecord, key_label: str = "") -> PinRequest:
        if status.flags & CKF.USER_PIN_LOCKED:
            raise PinBlocked("the PIN of the token is blocked")
        known = 0 < status.max_pin <= _MAX_PIN and 0 <= status.min_pin <= status.max_pin
        return PinRequest(
            PinRef.USER,
            label=f"{status.label} / {key_label}" if key_label else status.label,
            tries_left=_tries_left(status.flags),
            min_length=status.min_pin if known else 0,
            max_length=status.max_pin if known else _MAX_PIN,
            pinpad=bool(status.flags & CKF.PROTECTED_AUTHENTICATION_PATH),
        )

    # -- operations ----------------------------------------------------------------------------

    def sign(self, key: Key, tbs: bytes, pin: bytearray | None) -> bytes:
        check_tbs(key.public, tbs)
        return self._operate(messages.Sign(self._token, key.ref, tbs, pin))

    def decrypt(self, key: Key, ciphertext: bytes, pin: bytearray | None) -> bytes:
        check_ciphertext(key.public, ciphertext)
        return self._operate(messages.Decrypt(self._token, key.ref, ciphertext, pin))

    def _operate(self, request: messages.Sign | messages.Decrypt) -> bytes:
        known = self._knows_login
        try:
            return _some(self._pool.use(request))
        except (PinNeeded, Removed, Broken) as error:
            # Who knows what has become of the login: the module is asked next time.
            self._wants_login |= isinstance(error, PinNeeded)
            self._pool.forget_login(self._token)
            raise
        finally:
            if not known:
                self._keys = None  # More may be seen after the login.

    def touch_wanted(self, key: Key) -> bool:
        return False  # PKCS#11 has no word for it.

    def random(self, n: int) -> bytes:
        if not self.info.capabilities.get_challenge:
            raise NotSupported("the token has no random generator")
        pieces = [min(messages.MAX_RANDOM, n - i) for i in range(0, n, messages.MAX_RANDOM)]
        return b"".join(self._bytes(messages.Random(self._token, piece)) for piece in pieces)

    def _bytes(self, request: messages.Request) -> bytes:
        return _some(self._pool.ask(request, messages.Value).value)

    def reset(self) -> None:
        """Log out, and close the session."""
        self._keys = None
        self._pool.log_out(self._token)

    def close(self) -> None:
        try:
            self.reset()
        except TokenError as error:
            _log.info("%s: %s", self.info.place, error)


def _some(value: bytes | None) -> bytes:
    if value is None:
        raise Broken("the worker gave no value")
    return value


def _check_user(ref: PinRef) -> None:
    if ref is not PinRef.USER:
        raise NotSupported(f"the token has no PIN {ref.value}")


def _tries_left(flags: int) -> int | None:
    """PKCS#11 knows no number, only "the last one" and "some are gone"; that is told as two."""
    if flags & CKF.USER_PIN_FINAL_TRY:
        return 1
    return 2 if flags & CKF.USER_PIN_COUNT_LOW else None


def _info(module: str, record: messages.TokenRecord) -> TokenInfo:
    return TokenInfo(
        serial=token_serial(record.token),
        app="pkcs11",
        place=place_name(module, record),
        name=record.label or module,
        display_serial=display_serial(record.token),
        version=VERSION,
        manufacturer=MANUFACTURER,
        capabilities=Capabilities(get_challenge=bool(record.flags & CKF.RNG)),
    )


def place_name(module: str, record: messages.TokenRecord) -> str:
    """For people and the READER line: the module, and the label of the token in it."""
    return f"{module}: {record.label}" if record.label else module


def _key(record: messages.KeyRecord) -> Key | None:
    public = _public(record.public)
    if public is None:
        return None
    return Key(
        ref=record.ref,
        use=Use(record.use),
        public=public,
        label=record.label,
        certificate=record.certificate,
        created=record.created,
    )


def _public(record: messages.RSARecord | messages.ECRecord) -> PublicKey | None:
    if isinstance(record, messages.RSARecord):
        return RSAPublicKey(int.from_bytes(record.n), int.from_bytes(record.e))
    curve = BY_OID.get(record.oid)
    return ECPublicKey(curve, record.point) if curve else None
