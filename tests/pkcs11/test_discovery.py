"""The modules that p11-kit has registered, read from files of the tests' own."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from backends.pkcs11.config import ModuleConfig
from backends.pkcs11.discovery import Places, chosen_modules, registered_modules


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(
        packages=tmp_path / "packages",
        system=tmp_path / "system",
        system_config=tmp_path / "pkcs11.conf",
        user=tmp_path / "user",
        user_config=tmp_path / "user.conf",
        modules=[tmp_path / "none", tmp_path / "modules"],
    )
    for folder in (places.packages, places.system, places.user, tmp_path / "modules"):
        folder.mkdir()
    return places


def names(places: Places) -> list[str]:
    return [module.name for module in registered_modules(places)]


def test_without_p11_kit_there_is_nothing(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    places = Places(nowhere, nowhere, nowhere, nowhere, nowhere, [nowhere])
    assert registered_modules(places) == []


def test_files_comments_and_paths(places: Places, tmp_path: Path) -> None:
    relative = tmp_path / "modules" / "relative.so"
    relative.touch()
    (places.packages / "a.module").write_text("# module: no.so\n\n module : /opt/a.so \n")
    (places.packages / "b.module").write_text("module: relative.so\nmanaged: yes\n")
    (places.packages / "c.module").write_text("module: elsewhere.so\n")
    (places.packages / "d.module").write_text("managed: yes\n")
    (places.packages / "README").write_text("module: /opt/readme.so\n")
    assert registered_modules(places) == [
        ModuleConfig("a", "/opt/a.so"),
        ModuleConfig("b", str(relative)),
        ModuleConfig("c", "elsewhere.so"),
    ]


def test_remote_modules_are_reached_through_p11_kits_client(places: Places, tmp_path: Path) -> None:
    client = tmp_path / "modules" / "p11-kit-client.so"
    client.touch()
    address = "|ssh host p11-kit remote /opt/far.so"
    (places.packages / "far.module").write_text(f"remote: {address}\n")
    (places.packages / "near.module").write_text("module: near.so\nremote: unix:path=/run/x\n")
    assert registered_modules(places) == [
        ModuleConfig("far", str(client), remote=address),
        ModuleConfig("near", str(client), remote="unix:path=/run/x"),
    ]


MODULES = [
    ModuleConfig(name, path)
    for name, path in (("opensc", "/opt/opensc-pkcs11.so"), ("hsm", "/opt/libhsm.so"), ("x", "x"))
]


@pytest.mark.parametrize(
    ("allow", "deny", "expected"),
    [
        ([], [], ["opensc", "hsm", "x"]),
        (["hsm", "x"], [], ["hsm", "x"]),
        (["*"], ["open*"], ["hsm", "x"]),
        ([], ["pkcs11:?module-name=hsm"], ["opensc", "x"]),
        (["pkcs11:?module-path=/opt/libhsm.so", "opensc"], [], ["opensc", "hsm"]),
        (["pkcs11:?module-path=/opt/libhsm.so&module-name=other"], [], []),
        (["pkcs11:token=any"], [], []),
        (["none"], [], []),
    ],
)
def test_modules_are_chosen_by_name_pattern_or_uri(
    allow: list[str], deny: list[str], expected: list[str]
) -> None:
    assert [module.name for module in chosen_modules(MODULES, allow, deny)] == expected


def test_priority_comes_before_the_name(places: Places) -> None:
    for name, priority in (("a", "1"), ("b", "10"), ("c", "nonsense"), ("d", "-3")):
        text = f"module: /opt/{name}.so\npriority: {priority}\n"
        (places.packages / f"{name}.module").write_text(text)
    assert names(places) == ["b", "a", "c", "d"]


def test_the_administrator_overrides_single_fields(places: Places) -> None:
    (places.packages / "a.module").write_text("module: /opt/a.so\npriority: 5\n")
    (places.packages / "b.module").write_text("module: /opt/b.so\n")
    (places.system / "a.module").write_text("priority: -5\n")
    (places.system / "c.module").write_text("module: /opt/c.so\n")
    assert names(places) == ["b", "c", "a"]
    (places.system / "b.module").write_text("module:\n")
    assert names(places) == ["c", "a"]


@pytest.mark.parametrize(
    ("system", "user", "expected"),
    [
        ("", "", ["system"]),
        ("user-config: none", "user-config: merge", ["system"]),
        ("user-config: merge", "", ["system", "user"]),
        ("user-config: merge", "user-config: only", ["user"]),
        ("user-config: only", "", ["user"]),
        ("user-config: nonsense", "", ["system"]),
    ],
)
def test_the_users_files_count_only_if_the_system_says_so(
    places: Places, system: str, user: str, expected: list[str]
) -> None:
    places.system_config.write_text(system)
    places.user_config.write_text(user)
    (places.system / "system.module").write_text("module: /opt/system.so\n")
    (places.user / "user.module").write_text("module: /opt/user.so\n")
    assert names(places) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("module: p11-kit-trust.so", "no keys"),
        ("module: /usr/lib/p11-kit-proxy.so", "no keys"),
        ("module: p11-kit-client.so.0", "no keys"),
        ("module: /usr/lib/gnupg/scute.so", "no keys"),
        ("module: other.so\ntrust-policy: yes", "no keys"),
        ("module: other.so\ndisable-in: firefox, anyscd", "disable-in"),
        ("module: other.so\nenable-in: firefox seahorse", "enable-in"),
        ("", "names no file"),
    ],
)
def test_modules_that_are_left_out(
    places: Places, caplog: pytest.LogCaptureFixture, text: str, reason: str
) -> None:
    caplog.set_level(logging.INFO)
    (places.packages / "bad.module").write_text(text)
    (places.packages / "good.module").write_text("module: /opt/good.so\nenable-in: anyscd")
    assert names(places) == ["good"]
    assert "module bad of p11-kit is not used" in caplog.text
    assert reason in caplog.text
    assert "good" not in caplog.text
