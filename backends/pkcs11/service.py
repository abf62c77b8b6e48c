"""The requests that the worker understands, and what is done for each.  One table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from backends.errors import TokenError
from backends.pkcs11 import operations
from backends.pkcs11.changing import carry_out, prepare
from backends.pkcs11.cka import CKU
from backends.pkcs11.failures import SessionLost
from backends.pkcs11.identity import key_uri
from backends.pkcs11.mechanisms import possible_use
from backends.pkcs11.messages import (
    Answer,
    AuthorityRecord,
    Change,
    ChangePin,
    Check,
    CheckSOPin,
    Decrypt,
    Done,
    Generate,
    GetCertificate,
    GetStatus,
    Import,
    KeyRecord,
    Keys,
    ListKeys,
    ListTokens,
    LogIn,
    LogOut,
    Random,
    Request,
    ResetPin,
    Sign,
    StoreCertificate,
    TokenRecord,
    Tokens,
    Value,
)
from backends.pkcs11.module import Module, Session, Slot
from backends.pkcs11.objects import Pair
from backends.pkcs11.records import record_of
from backends.pkcs11.session import Pin, TokenSession
from backends.pkcs11.sessions import Sessions
from backends.secret import wipe


class Service:
    """One module and the sessions with its tokens."""

    def __init__(self, path: str) -> None:
        self._module = Module(path)
        self._sessions = Sessions(self._module)

    def answer(self, request: Request) -> Answer:
        """Raises the errors of :mod:`backends.errors`."""
        try:
            return _TABLE[type(request)](self, request)
        except SessionLost as error:
            raise error.final(str(error)) from None

    # -- tokens --------------------------------------------------------------------------------

    def _list_tokens(self, _: ListTokens) -> Tokens:
        notes: list[str] = []
        records = [_token_record(slot, False) for slot in self._sessions.slots(notes.append)]
        return Tokens(records, notes)

    def _status(self, request: GetStatus) -> TokenRecord:
        def status(session: TokenSession) -> TokenRecord:
            return _token_record(self._sessions.slot(request.token), session.logged_in)

        return self._sessions.on(request.token, status)

    # -- keys ----------------------------------------------------------------------------------

    def _list_keys(self, request: ListKeys) -> Keys:
        def keys(session: TokenSession) -> Keys:
            session.forget_pairs()
            records = [_key_record(session, pair) for pair in session.pairs()]
            authorities = [AuthorityRecord(a.ref, a.label) for a in session.authorities()]
            return Keys(records, authorities, session.notes)

        return self._sessions.on(request.token, keys)

    def _certificate(self, request: GetCertificate) -> Value:
        return Value(self._sessions.on(request.token, lambda s: s.certificate(request.ref)))

    # -- logins --------------------------------------------------------------------------------

    def _log_in(self, request: LogIn) -> Done:
        def log_in(session: TokenSession) -> None:
            if session.logged_in:
                session.log_out()
            session.log_in(pin)

        pin = Pin(request.pin)
        try:
            self._sessions.on(request.token, log_in, pin)
        finally:
            pin.wipe()
        return Done()

    def _log_out(self, request: LogOut) -> Done:
        session = self._sessions.take(request.token)
        if session is not None:
            try:
                session.log_out()
            finally:
                session.close()
        return Done()

    def _change_pin(self, request: ChangePin) -> Done:
        """C_SetPIN in a session that can write is for who is logged in there, or else for the user
        (PKCS#11 3.0 section 5.5.7)."""
        with _wiping(request.old, request.new):
            if request.so:
                with self._as_officer(request.token, request.old) as session:
                    session.set_pin(request.old, request.new)
            else:
                with self._module.writing(self._sessions.slot(request.token)) as session:
                    session.set_pin(request.old, request.new)
        return Done()

    def _reset_pin(self, request: ResetPin) -> Done:
        with (
            _wiping(request.so_pin, request.new),
            self._as_officer(request.token, request.so_pin) as session,
        ):
            session.init_pin(request.new)
        return Done()

    def _check_so_pin(self, request: CheckSOPin) -> Done:
        with _wiping(request.pin), self._as_officer(request.token, request.pin):
            return Done()

    @contextmanager
    def _as_officer(self, token: str, pin: bytearray | None) -> Iterator[Session]:
        """The security officer logs in only if nobody else is, and no session can but read."""
        self._sessions.drop(token)
        with self._module.writing(self._sessions.slot(token)) as session:
            self._module.cryptoki.log_in(session.number, pin, CKU.SO)
            try:
                yield session
            finally:
                with suppress(TokenError):
                    self._module.cryptoki.log_out(session.number)

    # -- changes -------------------------------------------------------------------------------

    def _check(self, request: Check) -> Done:
        self._sessions.on(request.change.token, lambda session: prepare(session, request.change))
        return Done()

    def _change(self, request: Change) -> Answer:
        """Nothing is written twice: what fails when it is written is not tried again."""
        pin = Pin(request.pin)
        secrets = request.private if isinstance(request, Import) else []
        with _wiping(request.pin, *secrets):
            work = self._sessions.on(request.token, lambda session: prepare(session, request))
            return carry_out(self._sessions.of(request.token), work, pin)

    # -- operations ----------------------------------------------------------------------------

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

            return Value(self._sessions.on(request.token, action, pin))
        finally:
            pin.wipe()

    def _random(self, request: Random) -> Value:
        return Value(self._sessions.on(request.token, lambda s: s.random(request.n)))


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
    Generate: Service._change,
    Import: Service._change,
    StoreCertificate: Service._change,
    Check: Service._check,
    ChangePin: Service._change_pin,
    ResetPin: Service._reset_pin,
    CheckSOPin: Service._check_so_pin,
}


@contextmanager
def _wiping(*secrets: bytearray | None) -> Iterator[None]:
    try:
        yield
    finally:
        for secret in secrets:
            wipe(secret)


def _token_record(slot: Slot, logged_in: bool) -> TokenRecord:
    return TokenRecord(
        token=slot.token,
        slot=slot.number,
        label=slot.label,
        flags=int(slot.flags),
        min_pin=slot.min_pin,
        max_pin=slot.max_pin,
        logged_in=logged_in,
        uri=str(slot.uri),
    )


def _key_record(session: TokenSession, pair: Pair) -> KeyRecord:
    return KeyRecord(
        ref=pair.ref,
        public=record_of(pair.public),
        use=possible_use(pair.public, pair.use, session.mechanisms).value,
        label=pair.label,
        certificate=pair.der is not None,
        created=pair.created,
        always=pair.always,
        uri=str(key_uri(session.slot.uri, pair.id, pair.label)),
    )
