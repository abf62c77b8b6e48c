"""The sessions with the tokens of one module, in the worker: opened when they are wanted, built
anew when they are lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from backends.errors import PinNeeded, Removed
from backends.pkcs11.failures import SessionLost
from backends.pkcs11.module import Module, Slot
from backends.pkcs11.session import Pin, TokenSession

T = TypeVar("T")


class Sessions:
    """One session with each token, by its id."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._open: dict[str, TokenSession] = {}
        self._listed = False

    def slots(self, note: Callable[[str], None]) -> list[Slot]:
        """The tokens that are there now."""
        if self._listed and self.module.forgetful and not self._logged_in():
            self.restart()
        self._listed = True
        try:
            return self.module.slots(note)
        except SessionLost as error:
            if error.certain:
                raise
        self.restart()
        return self.module.slots(note)

    def slot(self, token: str) -> Slot:
        """Where the token is now.  Raises Removed."""
        for slot in self.module.slots(lambda text: None):
            if slot.token == token:
                return slot
        raise Removed("the token is not in any slot")

    def of(self, token: str) -> TokenSession:
        if token not in self._open:
            self._open[token] = TokenSession(self.module, self.slot(token))
        return self._open[token]

    def take(self, token: str) -> TokenSession | None:
        """The session, if there is one, for the caller to close."""
        return self._open.pop(token, None)

    def drop(self, token: str) -> None:
        session = self.take(token)
        if session is not None:
            session.close()

    def restart(self) -> None:
        """Initialize the module anew, which ends all sessions and logins."""
        for token in list(self._open):
            self.drop(token)
        self.module.restart()

    def _logged_in(self) -> bool:
        return any(session.believed for session in self._open.values())

    def on(self, token: str, action: Callable[[TokenSession], T], pin: Pin | None = None) -> T:
        """Run the action on the token's session, once more if that turns out to be lost.

        A PIN that has been handed to the module is not handed over again.  If the login did not
        outlive the session, the PIN is wanted anew; but if it may be the login itself that fails,
        that is an error.
        """
        try:
            return action(self.of(token))
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
                self.drop(token)
            raise

    def _renewed(self, token: str) -> TokenSession:
        """A new session, opened before the old one is closed, as a login ends with the last one.
        Where not even that is possible, the module gets another chance from its beginning:
        p11-kit's remoting wants it when the other end was lost."""
        old = self.take(token)
        try:
            return self.of(token)
        except SessionLost as error:
            if error.certain:
                raise
        finally:
            if old is not None:
                old.close()
        self.restart()
        return self.of(token)
