"""From the configuration to the device families, and from their keys to views."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from backends.token import Key, Provider, Token, TokenInfo, Use
from scd.card import ViewMaker
from scd.cardmemory import CardMemory
from scd.choices import PinOptions, TokenOptions
from scd.config import Config
from scd.naming import names_key, names_token
from scd.pinorigin import parse
from scd.pinrules import PinRules, RuleFinder
from scd.pinsource import PinSource
from scd.slots import algorithm_wishes
from scd.tokenmemory import TokenMemory
from scd.view import View, native_view, token_view

_log = logging.getLogger(__name__)


def make_providers(config: Config) -> list[Provider]:
    """One provider for all readers and one for each PKCS#11 module; the modules' workers start
    in the background."""
    providers: list[Provider] = []
    if "openpgp" not in config.disable_application:
        from backends.openpgp.pinpad import PinpadOptions
        from backends.openpgp.provider import PCSCProvider

        memory = CardMemory(config.homedir / "anyscd-cards")
        pinpad = PinpadOptions(disabled=config.disable_pinpad, varlen=config.pinpad_varlen)
        providers.append(PCSCProvider(config.reader_port, memory, pinpad))
    if "pkcs11" not in config.disable_application:
        providers += _modules(config)
    return providers


def _modules(config: Config) -> Iterable[Provider]:
    from backends.pkcs11.config import ModuleConfig
    from backends.pkcs11.discovery import chosen_modules, registered_modules
    from backends.pkcs11.provider import PKCS11Provider

    modules = [
        ModuleConfig(m.name, m.path, m.start_timeout, m.timeout, m.workers)
        for m in config.pkcs11.modules
    ]
    if config.pkcs11.use_p11_kit:
        named = {m.path for m in modules}
        registered = chosen_modules(registered_modules(), config.pkcs11.allow, config.pkcs11.deny)
        modules += [m for m in registered if m.remote or m.path not in named]
    for module in modules:
        provider = PKCS11Provider(module)
        provider.prestart()
        yield provider


def view_maker(config: Config, memory: TokenMemory) -> ViewMaker:
    """What reads a token's keys into a view, with what is configured and remembered of them."""
    told: set[str] = set()

    def complain(text: str) -> None:
        if text not in told:
            told.add(text)
            _log.warning("%s", text)

    def make_view(token: Token, thorough: bool) -> View:
        keys = token.keys(thorough=thorough)
        if token.info.app == "openpgp":
            return native_view(keys)
        choice = _chooser(token.info, keys, config.tokens, complain)
        serial = token.info.serial
        wishes = algorithm_wishes(memory, serial)
        return token_view(keys, choice, memory.birth, memory.grips(serial), wishes)

    return make_view


#: The option of a [[token]] table that names the key for each slot.
_OPTIONS: dict[Use, Callable[[TokenOptions], str | None]] = {
    Use.SIGN: lambda options: options.sign,
    Use.DECRYPT: lambda options: options.decrypt,
    Use.AUTHENTICATE: lambda options: options.auth,
}


def _chooser(
    info: TokenInfo,
    keys: Iterable[Key],
    tokens: Iterable[TokenOptions],
    complain: Callable[[str], None],
) -> Callable[[Use, Key], bool]:
    """Tells which keys are configured for which use.  ``complain`` is told of a name that is none,
    or that of several keys."""
    chosen: dict[Use, list[Key]] = {}
    for options in (t for t in tokens if names_token(t.match, info)):
        for use, option in _OPTIONS.items():
            name = option(options)
            if name is None:
                continue
            found = [key for key in keys if names_key(name, key)]
            chosen.setdefault(use, []).extend(found[:1])
            if len(found) != 1:
                complain(f"{info.name}: {name} names {len(found)} keys now")
    return lambda use, key: key in chosen.get(use, ())


def rule_finder(config: Config) -> RuleFinder:
    """What finds the rules for a token's PINs: the first entry that says something counts."""
    sources: dict[str, PinSource] = {}

    def find_rules(info: TokenInfo) -> PinRules:
        entries = [entry for entry in config.tokens if names_token(entry.match, info)]
        idle = (entry.pin_idle for entry in entries if entry.pin_idle)
        absolute = (entry.pin_absolute for entry in entries if entry.pin_absolute)
        source = (entry.pin_source for entry in entries if entry.pin_source)
        return PinRules(
            PinOptions(next(idle, config.pin.idle), next(absolute, config.pin.absolute)),
            source_of(info, next(source, None)),
        )

    def source_of(info: TokenInfo, text: str | None) -> PinSource | None:
        if text is not None and info.serial not in sources:
            sources[info.serial] = PinSource(info.name, parse(text))
        return sources.get(info.serial)

    return find_rules
