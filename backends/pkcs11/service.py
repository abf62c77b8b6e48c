"""The requests that the worker understands, and what is done for each.  One table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from backends.errors import PinNeeded, Removed
from backends.pkcs11 import operations
from backends.pkcs11.failures import SessionLost
from backends.pkcs11.messages import (
    Answer,
    Decrypt,
    Done,
    ECRecord,
    GetCertificate,
    GetStatus,
    KeyRecord,
    Keys,
    ListKeys,
    ListTokens,
    LogIn,
    LogOut,
    Random,
    Request,
    RSARecord,
    Sign,
    TokenRecord,
    Tokens,
    Value,
)
from backends.pkcs11.module import Module, Slot
from backends.pkcs11.objects import Pair
from backends.pkcs11.session import Pin, TokenSession
from backends.token import PublicKey, RSAPublicKey

T = TypeVar("T")


class Service:
    """One module and the sessions with its tokens."""

    def __init__(self, path: str) -> None:
        self._module = Module(path)
        self._sessions: dict[str, TokenSession] = {}

    def answer(self, request: Request) -> Answer:
        """Raises the errors of :mod:`backends.errors`."""
        try:
            return _TABLE[type(request)](self, request)
        except SessionLost as error:
            raise error.final(str(error)) from None

    # -- tokens --------------------------------------------------------------------------------

    def _list_tokens(self, _: ListTokens) -> Tokens:
        notes: list[str] = []
        records = [_token_record(slot, False) for slot in self._module.slots(notes.append)]
        return Tokens(records, notes)

    def _status(self, request: GetStatus) -> TokenRecord:
        def status(session: TokenSession) -> TokenRecord:
            return _token_record(self._slot(request.token), session.logged_in)

        return self._on(request.token, status)

    def _slot(self, token: str) -> Slot:
        for slot in self._module.slots(lambda text: None):
            if slot.token == token:
                return slot
        raise Removed("the token is not in any slot")

    def _session(self, token: str) -> TokenSession:
        if token not in self._sessions:
            self._sessions[token] = TokenSession(self._module, self._slot(token))
        return self._sessions[token]

    def _on(self, token: str, action: Callable[[TokenSession], T], pin: Pin | None = None) -> T:
        """Run the action on the token's session, once more if that turns out to be lost.

        A PIN that has been handed to the module is not handed over again.  If the login did not
        outlive the session, the PIN is wanted anew; but if it may be the login itself that fails,
        that is an error.
        """
        try:
            return action(self._session(token))
        except SessionLost as error:
            lost = error
        session = self._renewed(token)
        if pin is not None and pin.spent:
            pin.use_up()
            if not session.open:
                raise PinNeeded(f"the login was lost: {lost}") if lost.certain else lost
        try:
            return action(session)
        except SessionLost as error:
            if error.certain:
                self._drop(token)
            raise

    def _renewed(self, token: str) -> TokenSession:
        """A new session, opened before the old one is closed, as a login ends with the last one."""
        old = self._sessions.pop(token, None)
        try:
            return self._session(token)
        finally:
            if old is not None:
                old.close()

    def _drop(self, token: str) -> None:
        session = self._sessions.pop(token, None)
        if session is not None:
            session.close()

    # -- keys ----------------------------------------------------------------------------------

    def _list_keys(self, request: ListKeys) -> Keys:
        def keys(session: TokenSession) -> Keys:
            session.forget_pairs()
            return Keys([_key_record(pair) for pair in session.pairs()], session.notes)

        return self._on(request.token, keys)

    def _certificate(self, request: GetCertificate) -> Value:
        return Value(self._on(request.token, lambda s: s.certificate(request.ref)))

    # -- operations ----------------------------------------------------------------------------

    def _log_in(self, request: LogIn) -> Done:
        def log_in(session: TokenSession) -> None:
            if session.logged_in:
                session.log_out()
            session.log_in(pin)

        pin = Pin(request.pin)
        try:
            self._on(request.token, log_in, pin)
        finally:
            pin.wipe()
        return Done()

    def _log_out(self, request: LogOut) -> Done:
        session = self._sessions.pop(request.token, None)
        if session is not None:
            try:
                session.log_out()
            finally:
                session.close()
        return Done()

    def _sign(self, request: Sign) -> Value:
        return self._use(request, operations.sign)

    def _decrypt(self, request: Decrypt) -> Value:
        return self._use(request, operations.decrypt)

    def _use(
        self, request: Sign | Decrypt, operation: Callable[[TokenSession, str, bytes, Pin], bytes]
    ) -> Value:
        pin = Pin(request.pin)
        try:

            def action(session: TokenSession) -> bytes:
                return operation(session, request.ref, request.data, pin)

            return Value(self._on(request.token, action, pin))
        finally:
            pin.wipe()

    def _random(self, request: Random) -> Value:
        return Value(self._on(request.token, lambda s: s.random(request.n)))


_TABLE: dict[type, Callable[[Service, Any], Answer]] = {
    ListTokens: Service._list_tokens,
    GetStatus: Service._status,
    ListKeys: Service._list_keys,
    GetCertificate: Service._certificate,
    LogIn: Service._log_in,
    LogOut: Service._log_out,
    Sign: Service._sign,
    Decrypt: Service._decrypt,
    Random: Service._random,
}


def _token_record(slot: Slot, logged_in: bool) -> TokenRecord:
    return TokenRecord(
        token=slot.token,
        slot=slot.number,
        label=slot.label,
        flags=int(slot.flags),
        min_pin=slot.min_pin,
        max_pin=slot.max_pin,
        logged_in=logged_in,
    )


def _key_record(pair: Pair) -> KeyRecord:
    return KeyRecord(
        ref=pair.ref,
        public=_public_record(pair.public),
        use=pair.use.value,
        label=pair.label,
        certificate=pair.der is not None,
        created=pair.created,
        always=pair.always,
    )


def _public_record(public: PublicKey) -> RSARecord | ECRecord:
    if isinstance(public, RSAPublicKey):
        return RSARecord(
            public.n.to_bytes(public.size), public.e.to_bytes((public.e.bit_length() + 7) // 8)
        )
    return ECRecord(public.curve.oid, public.point)
