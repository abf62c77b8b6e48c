"""From the configuration to the device families, and from their keys to views."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backends.token import Key, Provider, Token, TokenInfo, Use
from scd.card import same_serial
from scd.choices import TokenOptions
from scd.config import Config
from scd.keygrip import keygrip
from scd.keytimes import KeyTimes
from scd.view import View, native_view, token_view


def make_providers(config: Config) -> list[Provider]:
    """One provider for all readers and one for each PKCS#11 module; the modules' workers start
    in the background."""
    providers: list[Provider] = []
    if "openpgp" not in config.disable_application:
        from backends.openpgp.provider import PCSCProvider

        providers.append(PCSCProvider(reader_port=config.reader_port))
    if "pkcs11" not in config.disable_application:
        providers += _modules(config)
    return providers


def _modules(config: Config) -> Iterable[Provider]:
    from backends.pkcs11.config import ModuleConfig
    from backends.pkcs11.discovery import registered_modules
    from backends.pkcs11.provider import PKCS11Provider

    modules = [
        ModuleConfig(m.name, m.path, m.start_timeout, m.timeout, m.workers)
        for m in config.pkcs11.modules
    ]
    if config.pkcs11.use_p11_kit:
        named = {m.path for m in modules}
        modules += [m for m in registered_modules() if m.path not in named]
    for module in modules:
        provider = PKCS11Provider(module)
        provider.prestart()
        yield provider


def view_maker(config: Config) -> Callable[[Token], View]:
    """What reads a token's keys into a view, with the configured slots and remembered times."""
    times = KeyTimes(config.homedir / "anyscd-keytimes")

    def make_view(token: Token) -> View:
        if token.info.app == "openpgp":
            return native_view(token.keys())
        choice = _chooser(token.info, config.tokens)
        return token_view(token.keys(), choice, times.created)

    return make_view


#: The option of a [[token]] table that names the key for each slot.
_OPTIONS: dict[Use, Callable[[TokenOptions], str | None]] = {
    Use.SIGN: lambda options: options.sign,
    Use.DECRYPT: lambda options: options.decrypt,
    Use.AUTHENTICATE: lambda options: options.auth,
}


def _chooser(info: TokenInfo, tokens: Iterable[TokenOptions]) -> Callable[[Use, Key], bool]:
    mine = [t for t in tokens if t.match == info.name or same_serial(t.match, info.serial)]

    def choice(use: Use, key: Key) -> bool:
        return any(_names(_OPTIONS[use](options), key) for options in mine)

    return choice


def _names(name: str | None, key: Key) -> bool:
    """Whether an option names this key: by reference, label or keygrip."""
    return name is not None and (
        name == key.label or name.upper() in (key.ref, keygrip(key.public))
    )
