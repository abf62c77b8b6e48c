"""A token behind p11-kit's remoting: through a command, as with ssh, and when that is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.errors import PinNeeded
from backends.pkcs11.discovery import Places, registered_modules
from backends.pkcs11.provider import PKCS11Provider
from tests.bed.softhsm import SoftHSM
from tests.pkcs11.conftest import SOFTHSM, key_named, pin, token_named
from tests.pkcs11.test_process import ended, watched
from tests.pkcs11.test_softhsm import DIGEST


@pytest.fixture
def far(
    store: SoftHSM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PKCS11Provider]:
    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    nowhere = tmp_path / "nowhere"
    (tmp_path / "far.module").write_text(f"remote: |p11-kit remote {SOFTHSM}\n")
    places = Places(tmp_path, nowhere, nowhere, nowhere, nowhere)
    (module,) = registered_modules(places)
    provider = PKCS11Provider(module)
    yield provider
    provider.close()


def test_a_key_far_away_signs(far: PKCS11Provider) -> None:
    token = token_named(far, "everyday")
    assert len(token.sign(key_named(token, "p256"), DIGEST, pin())) == 64


def test_a_connection_that_was_lost_is_made_anew(far: PKCS11Provider) -> None:
    token = token_named(far, "everyday")
    key = key_named(token, "p256")
    token.sign(key, DIGEST, pin())
    with watched(remote_process()) as remote:
        signal.pidfd_send_signal(remote, signal.SIGKILL)
        assert ended(remote)
    with pytest.raises(PinNeeded):
        token.sign(key, DIGEST, None)
    assert token.pin_for(key) is not None
    assert len(token.sign(key, DIGEST, pin())) == 64


def remote_process() -> int:
    """The program that our worker has started."""
    (worker,) = children(os.getpid(), "backends.pkcs11.worker")
    (remote,) = children(worker, SOFTHSM)
    return remote


def children(parent: int, word: str) -> list[int]:
    """Those with that word in the command line."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(c) for c in found if word.encode() in Path(f"/proc/{c}/cmdline").read_bytes()]
