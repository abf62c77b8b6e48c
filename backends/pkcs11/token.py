"""A PKCS#11 token as the contract of :mod:`backends.token` wants it, on the daemon's side."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from backends.errors import (
    Broken,
    NotSupported,
    TokenError,
)
from backends.pkcs11 import messages
from backends.pkcs11.cka import CKF
from backends.pkcs11.identity import MANUFACTURER, VERSION, display_serial, token_serial
from backends.pkcs11.inputs import check_ciphertext, check_tbs
from backends.pkcs11.pinkeeper import pin_request
from backends.pkcs11.pool import Pool
from backends.pkcs11.records import public_from
from backends.pkcs11.writing import WritablePart
from backends.token import (
    Algorithm,
    Attribute,
    Authority,
    Capabilities,
    Key,
    PinRequest,
    TokenInfo,
    Use,
)

_log = logging.getLogger(__name__)

#: Bytes; EXTCAP has no room for more.
_MAX_CERTIFICATE = 0x7FFF


class PKCS11Token(WritablePart):
    """One token of one module.

    The user's login is kept by the module in the workers: it ends with them.
    """

    def __init__(self, pool: Pool, record: messages.TokenRecord) -> None:
        super().__init__(pool, record)
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

    def algorithms(self) -> Sequence[Algorithm | None]:
        return ()

    def attributes(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        """Of the attributes of an OpenPGP card, a PKCS#11 token has the made-up AID only."""
        return {Attribute.AID: bytes.fromhex(self.info.serial)} if Attribute.AID in names else {}

    def remembered(self, names: Collection[Attribute]) -> Mapping[Attribute, bytes]:
        return self.attributes(names)

    def certificate(self, ref: str) -> bytes | None:
        authority = ref in [each.ref for each in self.authorities()]
        if not authority and not self._record(ref).certificate:
            return None
        return self._pool.ask(messages.GetCertificate(self._token, ref), messages.Value).value

    def authorities(self) -> Sequence[Authority]:
        self._records()
        return [Authority(each.ref, each.label) for each in self._authorities]

    # -- operations ----------------------------------------------------------------------------

    def pin_for(self, key: Key) -> PinRequest | None:
        """None if the token wants no login or has had it, unless the key wants its PIN each time.
        Of a login that is known of, the token is not asked again.

        A key that does gets one question even if the login is missing too: the same PIN is then
        given for both, first for the login, and again for the key only if it was right.
        """
        always = self._record(key.ref).always
        if not always and self._finds_login():
            return None
        request = pin_request(self._status(), key_label=key.label if always else "")
        return replace(request, each_time=always)

    def sign(self, key: Key, tbs: bytes, pin: bytearray | None) -> bytes:
        check_tbs(key.public, tbs)
        return self._operate(messages.Sign(self._token, key.ref, tbs, pin))

    def decrypt(self, key: Key, ciphertext: bytes, pin: bytearray | None) -> bytes:
        check_ciphertext(key.public, ciphertext)
        return self._operate(messages.Decrypt(self._token, key.ref, ciphertext, pin))

    def _operate(self, request: messages.Sign | messages.Decrypt) -> bytes:
        known = self._knows_login
        try:
            with self._doubting():
                return _some(self._pool.use(request))
        finally:
            if not known:
                self._keys = None  # More may be seen after the login.

    def settle(self) -> None:
        """Nothing is ever put off."""

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
        self._log_out()

    def close(self) -> None:
        try:
            self.reset()
        except TokenError as error:
            _log.info("%s: %s", self.info.place, error)


def _some(value: bytes | None) -> bytes:
    if value is None:
        raise Broken("the worker gave no value")
    return value


def _info(module: str, record: messages.TokenRecord) -> TokenInfo:
    return TokenInfo(
        serial=token_serial(record.token),
        app="pkcs11",
        place=place_name(module, record),
        name=record.label or module,
        display_serial=display_serial(record.token),
        version=VERSION,
        manufacturer=MANUFACTURER,
        capabilities=_capabilities(record.flags),
        uri=record.uri,
    )


def _capabilities(flags: int) -> Capabilities:
    if flags & CKF.WRITE_PROTECTED:
        return Capabilities(get_challenge=bool(flags & CKF.RNG))
    return Capabilities(
        get_challenge=bool(flags & CKF.RNG),
        key_import=True,
        max_certificate=_MAX_CERTIFICATE,
        algorithm_changeable=True,
    )


def place_name(module: str, record: messages.TokenRecord) -> str:
    """For people and the READER line: the module, and the label of the token in it."""
    return f"{module}: {record.label}" if record.label else module


def _key(record: messages.KeyRecord) -> Key | None:
    public = public_from(record.public)
    if public is None:
        return None
    return Key(
        ref=record.ref,
        use=Use(record.use),
        public=public,
        label=record.label,
        certificate=record.certificate,
        created=record.created,
        uri=record.uri,
    )
