"""The PKCS#11 modules that are registered with p11-kit, read from its files (pkcs11.conf(5)).

Nothing is loaded here, and p11-kit itself is not used.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.uri import is_uri, parse

_log = logging.getLogger(__name__)

#: The program that ``enable-in`` and ``disable-in`` are about.
PROGRAM = "anyscd"

#: Not keys but certificate authorities; other modules of this list again; a client of scdaemon,
#: which would wait for us while we wait for it.
_NEVER = ("p11-kit-trust", "p11-kit-proxy", "p11-kit-client", "scute", "libscute")

_CLIENT = "p11-kit-client.so"
_SUFFIX = ".module"
_MULTIARCH = getattr(sys.implementation, "_multiarch", "")


@dataclass(frozen=True, slots=True)
class Places:
    """Where p11-kit's files are.  Each is the distributions' usual one; p11-kit itself has them
    compiled in.

    ``packages`` and ``system``: folders of module files, those of the distribution and of the
    administrator; ``system_config``: the file that says whether the user's count; then the
    user's.  ``modules``: folders in which a relative ``module:`` is looked for.
    """

    packages: Path = Path("/usr/share/p11-kit/modules")
    system: Path = Path("/etc/pkcs11/modules")
    system_config: Path = Path("/etc/pkcs11/pkcs11.conf")
    user: Path = Path("~/.config/pkcs11/modules")
    user_config: Path = Path("~/.config/pkcs11/pkcs11.conf")
    modules: Sequence[Path] = (
        *([Path("/usr/lib", _MULTIARCH, "pkcs11")] if _MULTIARCH else []),
        Path("/usr/lib64/pkcs11"),
        Path("/usr/lib/pkcs11"),
        Path("/usr/local/lib/pkcs11"),
    )


#: The values of ``user-config``: none is p11-kit's own default.
_FOLDERS = {
    "none": ("system", "packages"),
    "merge": ("user", "system", "packages"),
    "only": ("user",),
}


def registered_modules(places: Places | None = None) -> list[ModuleConfig]:
    """The modules that anyscd should serve, those of the highest priority first, then by name.

    Left out, with a line in the log, are modules that are switched off for us, that hold trust
    policy only, and those that lead back to ourselves.  Those that p11-kit would run elsewhere
    (``remote:``) are reached through its own client module.  Files that cannot be read are as good
    as absent.
    """
    places = places or Places()
    settings: dict[str, dict[str, str]] = {}
    for folder in _FOLDERS[_user_mode(places)]:
        for path in _module_files(getattr(places, folder)):
            # The first folder has the last word about each single field.
            name = path.name.removesuffix(_SUFFIX)
            settings[name] = {**_read(path), **settings.get(name, {})}
    found = []
    for name in sorted(settings, key=lambda name: (-_priority(settings[name]), name)):
        reason = _reason_against(settings[name])
        if reason is None:
            found.append(_module(name, settings[name], places))
        else:
            _log.info("module %s of p11-kit is not used: %s", name, reason)
    return found


def _module(name: str, fields: Mapping[str, str], places: Places) -> ModuleConfig:
    remote = fields.get("remote", "")
    path = _locate(_CLIENT if remote else fields["module"], places)
    return ModuleConfig(name, path, remote=remote)


def chosen_modules(
    modules: Sequence[ModuleConfig], allow: Collection[str], deny: Collection[str]
) -> list[ModuleConfig]:
    """Those that ``allow`` names, or all if it is empty, without those that ``deny`` names: by
    p11-kit's name, which may be a pattern, or by a URI with module-name or module-path."""
    return [
        module
        for module in modules
        if (not allow or any(_is_meant(module, name) for name in allow))
        and not any(_is_meant(module, name) for name in deny)
    ]


def _is_meant(module: ModuleConfig, name: str) -> bool:
    if not is_uri(name):
        return fnmatchcase(module.name, name)
    uri = parse(name)
    # RFC 7512 section 2.3: the name without what the system puts before and behind it.
    stem = _stem(module.path).removeprefix("lib")
    said = {"module-name": stem, "module-path": module.path}
    asked = {attribute: uri.text(attribute) for attribute in said}
    return any(asked.values()) and all(v in (None, said[a]) for a, v in asked.items())


def _user_mode(places: Places) -> str:
    mode = _read(places.system_config).get("user-config", "none")
    if mode != "none":
        mode = _read(places.user_config.expanduser()).get("user-config", mode)
    return mode if mode in _FOLDERS else "none"


def _module_files(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.expanduser().iterdir() if p.name.endswith(_SUFFIX))
    except OSError:
        return []


def _read(path: Path) -> dict[str, str]:
    """The ``name: value`` lines of a file; none if it cannot be read."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _reason_against(fields: Mapping[str, str]) -> str | None:
    module = fields.get("module", "")
    if not (module or fields.get("remote")):
        return "it names no file"
    if fields.get("trust-policy") == "yes" or _stem(module) in _NEVER:
        return "it has no keys of its own"
    if PROGRAM in _words(fields.get("disable-in", "")):
        return "disable-in names us"
    if fields.get("enable-in") and PROGRAM not in _words(fields["enable-in"]):
        return "enable-in does not name us"
    return None


def _stem(module: str) -> str:
    return os.path.basename(module).partition(".")[0]


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _priority(fields: Mapping[str, str]) -> int:
    try:
        return int(fields.get("priority", "0"))
    except ValueError:
        return 0


def _locate(module: str, places: Places) -> str:
    """A relative name stands for a file in p11-kit's own folder of modules; one that is in none
    of those known is left to the dynamic loader."""
    candidates = [folder / module for folder in places.modules]
    return str(next((path for path in candidates if path.exists()), module))
