"""From the configuration to the device families, and from their keys to views."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from backends.token import Key, Provider, Token, TokenInfo, Use
from scd.card import ViewMaker, same_serial
from scd.cardmemory import CardMemory
from scd.choices import TokenOptions
from scd.config import Config
from scd.keygrip import keygrip
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
    for options in (t for t in tokens if _names_token(t.match, info)):
        for use, option in _OPTIONS.items():
            name = option(options)
            if name is None:
                continue
            found = [key for key in keys if _names_key(name, key)]
            chosen.setdefault(use, []).extend(found[:1])
            if len(found) != 1:
                complain(f"{info.name}: {name} names {len(found)} keys now")
    return lambda use, key: key in chosen.get(use, ())


def _names_token(name: str, info: TokenInfo) -> bool:
    """By label, serial number or URI."""
    return name == info.name or same_serial(name, info.serial) or _is_named(name, info.uri)


def _names_key(name: str, key: Key) -> bool:
    """By reference, label, keygrip or URI."""
    known = name == key.label or name.upper() in (key.ref, keygrip(key.public))
    return known or _is_named(name, key.uri)


def _is_named(name: str, uri: str) -> bool:
    if not (uri and name.lower().startswith("pkcs11:")):
        return False
    from backends.pkcs11.uri import parse

    # A key is one thing, whether its private object, public one or certificate is named.
    return parse(name).names(parse(uri), without=("type",))
