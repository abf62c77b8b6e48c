"""Which families of devices are held to the contract, and how a specimen of each is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from backends.openpgp.provider import PCSCProvider
from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.provider import PKCS11Provider
from backends.token import Provider, Token
from tests import fake
from tests.bed.card import USER_PIN
from tests.bed.key_kinds import Filled
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.module_token import ModuleToken
from tests.bed.pcsc import Pcscd
from tests.bed.tokens import PROVIDERS
from tests.bed.virtual_reader import VirtualReader
from tests.contract.specimens import Specimen

Maker = Callable[[pytest.FixtureRequest], Iterator[Specimen]]


def fake_token(request: pytest.FixtureRequest) -> Iterator[Specimen]:
    token = fake.FakeToken()
    yield Specimen(token, fake.PIN, b"271828", lambda: token.tries)


def card_behind_pcscd(request: pytest.FixtureRequest) -> Iterator[Specimen]:
    card = request.getfixturevalue("card")
    for slot, kind in enumerate(("ed25519", "cv25519", "rsa2048"), 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    reader: VirtualReader = request.getfixturevalue("reader")
    reader.insert(card)
    provider = PCSCProvider()
    try:
        token = only_token(provider)
        counters = card.card_state.pin_data
        yield Specimen(token, USER_PIN.encode(), b"654321", lambda: counters.pw1_retry_counter)
        token.close()
    finally:
        provider.close()


def only_token(provider: Provider) -> Token:
    (place,) = provider.present()
    token = provider.open(place)
    assert token is not None
    return token


Starter = Callable[[str], Filled]


@pytest.fixture(scope="module")
def started(pcscd: Pcscd) -> Iterator[Starter]:
    """Starts a provider of tests/bed/tokens.py and keeps it for all tests."""
    running: dict[str, Filled] = {}
    with ExitStack() as stack:

        def start(name: str) -> Filled:
            if name not in running:
                running[name] = stack.enter_context(PROVIDERS[name].start(pcscd))
            return running[name]

        yield start


def token_of(name: str) -> Maker:
    def specimen(request: pytest.FixtureRequest) -> Iterator[Specimen]:
        filled: Filled = request.getfixturevalue("started")(name)
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in filled.token.env.items():
                patch.setenv(variable, value)
            yield from opened(filled.token)

    return specimen


def token_in_reader(name: str) -> Maker:
    """Of cards, which share the readers with other specimens."""

    def specimen(request: pytest.FixtureRequest) -> Iterator[Specimen]:
        request.getfixturevalue("reader")
        pcscd = request.getfixturevalue("pcscd")
        with PROVIDERS[name].start(pcscd) as filled, pytest.MonkeyPatch.context() as patch:
            for variable, value in filled.token.env.items():
                patch.setenv(variable, value)
            yield from opened(filled.token)

    return specimen


def opened(token: ModuleToken) -> Iterator[Specimen]:
    provider = PKCS11Provider(ModuleConfig("bed", str(token.module)))
    try:
        tokens = (provider.open(place) for place in provider.present())
        found = next(each for each in tokens if each and each.info.name == token.label)
        yield Specimen(found, token.pin.encode(), b"654321", lambda: None)
        found.close()
    finally:
        provider.close()


FAMILIES: dict[str, Maker] = {
    "fake": fake_token,
    "card": card_behind_pcscd,
    **{
        name: (token_in_reader if row.in_readers else token_of)(name)
        for name, row in PROVIDERS.items()
        if not row.contract
    },
}


@pytest.fixture(params=FAMILIES)
def specimen(request: pytest.FixtureRequest) -> Iterator[Specimen]:
    yield from FAMILIES[request.param](request)
