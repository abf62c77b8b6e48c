"""Asks the worker of one module, starting it anew after every failure."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from backends import errors
from backends.errors import BadInput, Broken, Busy, TokenError
from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.messages import Done, Failed, Message, Request
from backends.pkcs11.process import WorkerFailed, WorkerProcess

_log = logging.getLogger(__name__)

T = TypeVar("T", bound=Message)

#: Seconds until a module that failed at its start is tried again; the last one repeats.
_BACK_OFF = (5.0, 10.0, 20.0, 40.0, 60.0)

_NONSENSE = "gave an answer that does not fit the question"

#: The errors that a worker may report, by name.
_ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, TokenError)
}


class Client:
    """The worker of one module.  Calls may come from any thread and are made one at a time.

    ``clock``: seconds, for the back-off only.
    """

    def __init__(self, config: ModuleConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.config = config
        self._clock = clock
        self._turn = threading.Lock()
        #: Guards the two below, which close() uses while another thread has its turn.
        self._state = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._closed = False
        self._loaded = False
        #: Workers started so far.
        self._started = 0
        #: Whether the present worker has answered a request after it had loaded its module.
        self._proved = False
        #: Starts that failed one after the other, and how the latest did.
        self._failures = 0
        self._failure = ""
        self._not_before = 0.0

    def prestart(self) -> None:
        """Start the worker if there is none, and do not wait for it.  Never raises."""
        if self._turn.acquire(blocking=False):
            try:
                if self._worker is None:
                    self._start()
            except TokenError as error:
                _log.warning("%s", error)
            finally:
                self._release()

    @property
    def running(self) -> bool:
        """Whether there is a worker; it may be one that still starts, or has just died."""
        return self._worker is not None

    @property
    def generation(self) -> int | None:
        """A number that changes with each new worker; None if there is none that lives."""
        if self._turn.acquire(blocking=False):
            try:
                if self._worker is None or (self._loaded and self._worker.speaks):
                    return None
            finally:
                self._release()
        return self._started

    def ask(self, request: Request, answer: type[T], *, patience: int = 1) -> T:
        """The answer to the request.  ``patience``: how many times the usual limit it may take.

        Raises what the worker reports; Broken if it fails, or does not answer in time; Busy if
        another thread's request took all of that time; BadInput for a request that is too big.
        """
        with self._one_at_a_time():
            worker = self._ready()
            try:
                worker.send(request, time.monotonic() + self.config.timeout)
                reply = worker.receive(time.monotonic() + self.config.timeout * patience)
            except ValueError:
                raise BadInput("too much data") from None
            except WorkerFailed as failure:
                raise self._lost(str(failure)) from None
            return self._checked(reply, answer)

    def close(self) -> None:
        """Kill the worker now, also under a request of another thread, which fails.  For good."""
        with self._state:
            self._closed = True
            worker = self._worker
        if worker is not None:
            worker.kill()
        self._tidy()

    # -- turns ---------------------------------------------------------------------------------

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self.config.timeout):
            raise Busy(f"module {self.config.name} is busy")
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        self._turn.release()
        if self._closed:
            self._tidy()

    def _tidy(self) -> None:
        """After close: let go of the worker, unless another thread has its turn and will do so."""
        if self._turn.acquire(blocking=False):
            self._drop()
            self._turn.release()

    # -- the life of a worker ------------------------------------------------------------------

    def _ready(self) -> WorkerProcess:
        """A worker that has loaded its module."""
        if self._worker is not None and self._loaded and self._worker.speaks:
            # Nothing was asked: it has died meanwhile, or talks nonsense.
            _log.warning("the worker of module %s ended; it is started again", self.config.name)
            self._drop()
        worker = self._worker or self._start()
        if not self._loaded:
            self._await_load(worker)
        return worker

    def _start(self) -> WorkerProcess:
        self._check_back_off()
        self._loaded = self._proved = False
        try:
            with self._state:
                if self._closed:
                    raise Broken(f"module {self.config.name} is closed")
                self._worker = WorkerProcess(self.config.path, self.config.remote)
                self._started += 1
                return self._worker
        except (OSError, WorkerFailed) as error:
            raise self._lost(f"could not be started: {error}") from None

    def _await_load(self, worker: WorkerProcess) -> None:
        # A worker started long ago gets a moment more, for its answer to be read.
        deadline = max(worker.started + self.config.start_timeout, time.monotonic() + 1.0)
        try:
            reply = worker.receive(deadline)
        except WorkerFailed as failure:
            raise self._lost(str(failure)) from None
        if isinstance(reply, Failed):
            raise self._lost(f"cannot be used: {reply.text}")
        if not isinstance(reply, Done):
            raise self._lost(_NONSENSE)
        self._loaded = True

    def _checked(self, reply: Message, answer: type[T]) -> T:
        error = _ERRORS.get(reply.error) if isinstance(reply, Failed) else None
        if error is None and not isinstance(reply, answer):
            raise self._lost(_NONSENSE)
        self._proved, self._failures = True, 0
        if isinstance(reply, answer):
            return reply
        assert error is not None
        assert isinstance(reply, Failed)
        about = f"module {self.config.name}: " if error is Broken else ""
        raise error(about + reply.text)

    def _lost(self, how: str) -> Broken:
        """Give the worker up.  What fails before it has answered a request is a failed start."""
        self._drop()
        self._failure = f"module {self.config.name} {how}"
        if not self._proved:
            delay = _BACK_OFF[min(self._failures, len(_BACK_OFF) - 1)]
            self._not_before = self._clock() + delay
            self._failures += 1
        return Broken(self._failure)

    def _drop(self) -> None:
        with self._state:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _check_back_off(self) -> None:
        left = self._not_before - self._clock()
        if self._failures and left > 0:
            raise Broken(f"{self._failure}; it is tried again in {left:.0f} s")
