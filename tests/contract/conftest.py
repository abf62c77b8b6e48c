"""Which families of devices are held to the contract, and how a specimen of each is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import pytest

from backends.changes import PinKeeper, Writable
from backends.openpgp.opening import open_card
from backends.openpgp.provider import PCSCProvider
from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.provider import PKCS11Provider
from backends.token import PinRef, Provider, Token
from tests import fake
from tests.bed.card import ADMIN_PIN, USER_PIN
from tests.bed.key_kinds import Filled
from tests.bed.key_maker import allow_several_signatures, make_key
from tests.bed.module_token import ModuleToken
from tests.bed.pcsc import Pcscd
from tests.bed.simulated import PRESETS, Profile, SimulatedCard
from tests.bed.softhsm import SO_PIN, SoftHSM
from tests.bed.tokens import PROVIDERS
from tests.bed.virtual_reader import Card, VirtualReader
from tests.contract.specimens import Changeable, Specimen
from tests.openpgp.links import VirtualLink

Maker = Callable[[pytest.FixtureRequest], Iterator[Specimen]]

#: As cards are delivered.
PINS = {
    PinRef.PW1_81: USER_PIN.encode(),
    PinRef.PW1_82: USER_PIN.encode(),
    PinRef.PW3: ADMIN_PIN.encode(),
}


def fake_token(request: pytest.FixtureRequest) -> Iterator[Specimen]:
    token = fake.FakeToken()
    yield Specimen(token, fake.PIN, b"271828", lambda: token.tries)


def card_behind_pcscd(request: pytest.FixtureRequest) -> Iterator[Specimen]:
    card = request.getfixturevalue("card")
    counters = card.card_state.pin_data
    kinds = ("ed25519", "cv25519", "rsa2048")
    yield from behind_pcscd(request, card, kinds, lambda: int(counters.pw1_retry_counter))


def simulated_card(request: pytest.FixtureRequest) -> Iterator[Specimen]:
    card = SimulatedCard()
    kinds = ("rsa2048", "nistp256-ecdh", "nistp256")
    yield from behind_pcscd(request, card, kinds, lambda: card.pins.pw1.tries)


def behind_pcscd(
    request: pytest.FixtureRequest, card: Card, kinds: Sequence[str], tries: Callable[[], int]
) -> Iterator[Specimen]:
    """A card of either kind with keys of these kinds in its slots."""
    for slot, kind in enumerate(kinds, 1):
        make_key(card, slot, kind)
    allow_several_signatures(card, True)
    reader: VirtualReader = request.getfixturevalue("reader")
    reader.insert(card)
    provider = PCSCProvider()
    try:
        token = only_token(provider)
        yield Specimen(token, USER_PIN.encode(), b"654321", tries)
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
    "simulated": simulated_card,
    **{
        name: (token_in_reader if row.in_readers else token_of)(name)
        for name, row in PROVIDERS.items()
        if not row.contract
    },
}


@pytest.fixture(params=FAMILIES)
def specimen(request: pytest.FixtureRequest) -> Iterator[Specimen]:
    yield from FAMILIES[request.param](request)


def empty_fake_card(request: pytest.FixtureRequest) -> Iterator[Changeable]:
    card = fake.FakeCard()
    yield Changeable(card, PINS, lambda ref: card.pins.tries[ref])


def jcecard(request: pytest.FixtureRequest) -> Iterator[Changeable]:
    """Behind pcscd."""
    card = request.getfixturevalue("card")
    reader: VirtualReader = request.getfixturevalue("reader")
    names = {PinRef.PW1_81: "pw1", PinRef.RC: "rc", PinRef.PW3: "pw3"}

    def tries(ref: PinRef) -> int:
        return int(getattr(card.card_state.pin_data, f"{names[ref]}_retry_counter"))

    reader.insert(card)
    provider = PCSCProvider()
    try:
        token = only_token(provider)
        assert isinstance(token, Writable)
        assert isinstance(token, PinKeeper)
        yield Changeable(token, PINS, tries)
        token.close()
    finally:
        provider.close()


def simulated(profile: Profile, request: pytest.FixtureRequest) -> Iterator[Changeable]:
    card = SimulatedCard(profile)

    def tries(ref: PinRef) -> int:
        pins = card.pins
        kinds = {PinRef.PW1_81: pins.pw1, PinRef.RC: pins.reset_code, PinRef.PW3: pins.pw3}
        return kinds[ref].tries

    token = open_card(VirtualLink(card))
    assert token is not None
    yield Changeable(token, PINS, tries)


CHANGEABLE: dict[str, Callable[[pytest.FixtureRequest], Iterator[Changeable]]] = {
    "fake": empty_fake_card,
    "jcecard": jcecard,
    "simulated": partial(simulated, Profile()),
    "forgetful": partial(simulated, Profile(attributes_drop_pw3=True)),
    "short": partial(simulated, PRESETS["no_extended"]),
}


@pytest.fixture(params=CHANGEABLE)
def changeable(request: pytest.FixtureRequest) -> Iterator[Changeable]:
    yield from CHANGEABLE[request.param](request)


def empty_fake_token(request: pytest.FixtureRequest) -> Iterator[Changeable]:
    token = fake.WritableToken()
    pins = {PinRef.USER: fake.PIN, PinRef.SO: fake.SO_PIN}
    yield Changeable(token, pins, lambda ref: token.pins.tries[ref])


def empty_softhsm(request: pytest.FixtureRequest) -> Iterator[Changeable]:
    """SoftHSM counts no tries."""
    store = SoftHSM(request.getfixturevalue("tmp_path") / "softhsm")
    made = store.init_token("empty", so_pin=SO_PIN)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in store.env.items():
            patch.setenv(variable, value)
        for specimen in opened(made):
            assert isinstance(specimen.token, Writable)
            assert isinstance(specimen.token, PinKeeper)
            pins = {PinRef.USER: specimen.pin, PinRef.SO: SO_PIN.encode()}
            yield Changeable(specimen.token, pins, lambda ref: 0)


#: Those without slots of their own.
WITHOUT_SLOTS: dict[str, Callable[[pytest.FixtureRequest], Iterator[Changeable]]] = {
    "fake": empty_fake_token,
    "softhsm": empty_softhsm,
}


@pytest.fixture(params=WITHOUT_SLOTS)
def slotless(request: pytest.FixtureRequest) -> Iterator[Changeable]:
    yield from WITHOUT_SLOTS[request.param](request)


@pytest.fixture(params=[name for name in CHANGEABLE if name != "jcecard"])
def importing(request: pytest.FixtureRequest) -> Iterator[Changeable]:
    """Those that use what was imported; jcecard takes RSA keys and then has none."""
    yield from CHANGEABLE[request.param](request)
