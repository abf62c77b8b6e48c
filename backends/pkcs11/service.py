"""The requests that the worker understands, and what is done for each.  One table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from backends.errors import PinNeeded, Removed, TokenError
from backends.pkcs11 import operations
from backends.pkcs11.changing import carry_out, prepare
from backends.pkcs11.channel import wipe
from backends.pkcs11.cka import CKU
from backends.pkcs11.failures import SessionLost
from backends.pkcs11.messages import (
    Answer,
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

    # -- logins --------------------------------------------------------------------------------

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

    def _change_pin(self, request: ChangePin) -> Done:
        """C_SetPIN in a session that can write is for who is logged in there, or else for the user
        (PKCS#11 3.0 section 5.5.7)."""
        with _wiping(request.old, request.new):
            if request.so:
                with self._as_officer(request.token, request.old) as session:
                    session.set_pin(request.old, request.new)
            else:
                with self._module.writing(self._slot(request.token)) as session:
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
        self._drop(token)
        with self._module.writing(self._slot(token)) as session:
            self._module.cryptoki.log_in(session.number, pin, CKU.SO)
            try:
                yield session
            finally:
                with suppress(TokenError):
                    self._module.cryptoki.log_out(session.number)

    # -- changes -------------------------------------------------------------------------------

    def _check(self, request: Check) -> Done:
        self._on(request.change.token, lambda session: prepare(session, request.change))
        return Done()

    def _change(self, request: Change) -> Answer:
        """Nothing is written twice: what fails when it is written is not tried again."""
        pin = Pin(request.pin)
        secrets = request.private if isinstance(request, Import) else []
        with _wiping(request.pin, *secrets):
            work = self._on(request.token, lambda session: prepare(session, request))
            return carry_out(self._session(request.token), work, pin)

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
    )


def _key_record(pair: Pair) -> KeyRecord:
    return KeyRecord(
        ref=pair.ref,
        public=record_of(pair.public),
        use=pair.use.value,
        label=pair.label,
        certificate=pair.der is not None,
        created=pair.created,
        always=pair.always,
    )
