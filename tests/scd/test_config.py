from __future__ import annotations

import math
from pathlib import Path

import pytest

from scd import config
from scd.choices import ModuleOptions, PinOptions, PKCS11Options, TokenOptions
from scd.config import Config
from scd.options import OptionError, parse_argv


def load(tmp_path: Path, argv: list[str] | None = None, **files: str) -> Config:
    """The configuration from these files; ``home_conf`` is scdaemon.conf in the home."""
    places = {
        "home_conf": tmp_path / "home" / "scdaemon.conf",
        "etc_conf": tmp_path / "etc" / "gnupg" / "scdaemon.conf",
        "home_toml": tmp_path / "home" / "anyscd.toml",
        "etc_toml": tmp_path / "etc" / "anyscd.toml",
    }
    for name, content in files.items():
        places[name].parent.mkdir(parents=True, exist_ok=True)
        places[name].write_text(content)
    settings, _ = parse_argv(argv or [])
    return config.load(tmp_path / "home", settings, tmp_path / "etc")


def test_nothing_need_be_configured(tmp_path: Path) -> None:
    assert load(tmp_path) == Config(tmp_path / "home")


def test_every_served_option_does_something(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        home_conf="verbose\nverbose\nquiet\ndebug ipc\nlog-file /x/log\nreader-port Reader 00\n"
        "disable-application OpenPGP\ndisable-application piv\ndeny-admin\n",
    )
    assert found == Config(
        tmp_path / "home",
        log_file="/x/log",
        verbose=2,
        quiet=True,
        debug=True,
        deny_admin=True,
        disable_application=frozenset({"openpgp", "piv"}),
        reader_port="Reader 00",
    )


@pytest.mark.parametrize(
    ("argv", "debug"),
    [
        (["--debug-all"], True),
        (["--debug", "1024"], True),
        (["--debug", "0"], False),
        (["--debug-level", "basic"], True),
        (["--debug-level", "none"], False),
        (["--debug-level", "3"], True),
        (["--debug-level", "0"], False),
        (["--debug-level", "guru", "--debug-level", "none"], False),
    ],
)
def test_debugging_is_on_or_off(tmp_path: Path, argv: list[str], debug: bool) -> None:
    assert load(tmp_path, argv).debug is debug


def test_home_overrules_etc_and_the_command_line_both(tmp_path: Path) -> None:
    found = load(tmp_path, etc_conf="reader-port 1\nlog-file /log\n", home_conf="reader-port 2\n")
    assert (found.reader_port, found.log_file) == ("2", "/log")
    assert load(tmp_path, ["--reader-port", "3"]).reader_port == "3"


def test_files_can_be_left_out_or_named(tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("reader-port 7\n")
    assert load(tmp_path, ["--no-options"], home_conf="reader-port 2\n").reader_port is None
    assert load(tmp_path, ["--options", str(other)]).reader_port == "7"
    with pytest.raises(OptionError, match=r"missing\.conf'?: No such file"):
        load(tmp_path, ["--options", str(tmp_path / "missing.conf")])


def test_options_without_meaning_here_are_told_once(tmp_path: Path) -> None:
    found = load(tmp_path, etc_conf="pcsc-shared\n", home_conf="pcsc-shared\ndisable-ccid\n")
    assert found.unserved == ("pcsc-shared", "disable-ccid")
    assert found.warnings == found.errors == ()


def test_unknown_options_are_warnings_and_wrong_values_errors(tmp_path: Path) -> None:
    conf = tmp_path / "home" / "scdaemon.conf"
    found = load(tmp_path, home_conf="bogus\ndebug-level loud\ndeny-admin\n")
    assert found.warnings == (f"{conf}:1: invalid option: bogus",)
    assert found.errors == (f"{conf}: invalid value for debug-level: loud",)
    assert found.deny_admin


def test_a_file_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "home" / "scdaemon.conf").mkdir(parents=True)
    assert "Is a directory" in load(tmp_path).warnings[0]


@pytest.mark.parametrize(
    ("argv", "gnupghome", "expected"),
    [
        (["--homedir", "/a"], "/b", "/a"),
        (["--homedir", "/a/"], None, "/a"),
        ([], "/b", "/b"),
        ([], None, "/h/.gnupg"),
        (["--homedir", "~/x"], None, "/h/x"),
    ],
)
def test_the_home_directory_is_gnupgs(
    argv: list[str], gnupghome: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.delenv("GNUPGHOME", raising=False)
    if gnupghome:
        monkeypatch.setenv("GNUPGHOME", gnupghome)
    assert config.homedir(parse_argv(argv)[0]) == Path(expected)


TOML = """
[pkcs11]
settle = 2
allow = ["a*", "pkcs11:?module-name=b"]
deny = ["c"]
[pkcs11.module.softhsm]
path = "/usr/lib/softhsm/libsofthsm2.so"
start-timeout = 5.5
timeout = 9
workers = 3
[pkcs11.module.opensc]
path = "opensc-pkcs11.so"
[[token]]
match = "Office token"
sign = "label"
pin-idle = 60
[[token]]
match = "D2760001240111503131123456780000"
decrypt = "P11.0123456789ABCDEF"
auth = "0123456789012345678901234567890123456789"
pin-absolute = inf
[pin]
absolute = 28800
"""


def test_anyscd_toml_names_modules_and_keys(tmp_path: Path) -> None:
    found = load(tmp_path, home_toml=TOML)
    assert found.errors == ()
    assert found.pkcs11 == PKCS11Options(
        use_p11_kit=False,
        settle=2.0,
        modules=(
            ModuleOptions("softhsm", "/usr/lib/softhsm/libsofthsm2.so", 5.5, 9.0, 3),
            ModuleOptions("opensc", "opensc-pkcs11.so"),
        ),
        allow=("a*", "pkcs11:?module-name=b"),
        deny=("c",),
    )
    assert found.tokens == (
        TokenOptions("Office token", sign="label", pin_idle=60.0),
        TokenOptions(
            "D2760001240111503131123456780000",
            decrypt="P11.0123456789ABCDEF",
            auth="0123456789012345678901234567890123456789",
            pin_absolute=math.inf,
        ),
    )
    assert found.pin == PinOptions(math.inf, 28800.0)


def test_the_file_in_the_home_is_used_alone(tmp_path: Path) -> None:
    assert load(tmp_path, etc_toml=TOML).tokens
    found = load(tmp_path, etc_toml=TOML, home_toml="[pkcs11]\nsettle = 0\n")
    assert found.pkcs11 == PKCS11Options(settle=0.0)
    assert found.tokens == ()


@pytest.mark.parametrize(
    ("text", "registered"),
    [
        ("", True),
        ("[pkcs11]\n", True),
        ("[pkcs11.module.a]\npath='a.so'\n", False),
        ("[pkcs11]\nuse-p11-kit=true\n[pkcs11.module.a]\npath='a.so'\n", True),
        ("[pkcs11]\nuse-p11-kit=false\n", False),
        ("[pkcs11.module.a]\npath=1\n", False),
    ],
)
def test_whoever_names_modules_means_no_others(tmp_path: Path, text: str, registered: bool) -> None:
    assert load(tmp_path, home_toml=text).pkcs11.use_p11_kit is registered


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[pkcs11]\nsettle = 'soon'\n", "pkcs11.settle: Expected `float`, got `str`"),
        ("[pkcs11]\nsettle = -1\n", "pkcs11.settle: Expected `float` >= 0.0"),
        ("[pkcs11]\nsettel = 1\n", "pkcs11: Object contains unknown field `settel`"),
        ("pkcs11 = 1\n", "pkcs11: Expected `object`, got `int`"),
        ("[pkcs11]\nmodule = 1\n", "pkcs11.module: Expected `object`, got `int`"),
        ("[pkcs11.module]\nx = 1\n", "pkcs11.module.x: Expected `object`, got `int`"),
        ("[pkcs11.module.x]\n", "pkcs11.module.x: Object missing required field `path`"),
        (
            "[pkcs11.module.x]\npath=''\n",
            "pkcs11.module.x.path: Expected `str` of length >= 1",
        ),
        (
            "[pkcs11.module.x]\npath='x'\ntimeout=0\n",
            "pkcs11.module.x.timeout: Expected `float` > 0.0",
        ),
        (
            "[pkcs11.module.x]\npath='x'\nworkers=0\n",
            "pkcs11.module.x.workers: Expected `int` >= 1",
        ),
        ("[pkcs11]\ndeny=['pkcs11:x']\n", "pkcs11: attribute 'x' is not known"),
        (
            "[[token]]\nmatch='pkcs11:?pin-value=1'\n",
            "token[0]: pin-value: a PIN does not belong into a file; pin-source names its place",
        ),
        (
            "[[token]]\nmatch='x'\npin-source='1234'\n",
            "token[0]: pin-source is neither file:/path nor |/path/to/command",
        ),
        (
            "[[token]]\nmatch='pkcs11:token=x?pin-source=|cat'\n",
            "token[0]: pin-source: a command is named by its whole path",
        ),
        (
            "[[token]]\nmatch='x'\nsign='pkcs11:id=%1'\n",
            "token[0]: the value of 'id' is not percent-encoded",
        ),
        ("[token]\n", "token: Expected `array`, got `object`"),
        ("[[token]]\nsign='x'\n", "token[0]: Object missing required field `match`"),
        ("[[token]]\nmatch=1\n", "token[0].match: Expected `str`, got `int`"),
        ("[pin]\nidle=0\n", "pin.idle: Expected `float` > 0.0"),
        ("[opengpg]\n", "opengpg: unknown section"),
    ],
)
def test_a_complaint_names_file_and_key_and_costs_one_section(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "home" / "anyscd.toml"
    if "token" not in text:
        text += "[[token]]\nmatch = 'kept'\n"
    found = load(tmp_path, home_toml=text)
    assert found.errors == (f"{path}: {complaint}",)
    assert bool(found.tokens) is ("kept" in text)


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ("match='x'\npin-source='file:/pin'", "file:/pin"),
        ("match='pkcs11:token=x?pin-source=file:/a%2520pin'", "file:/a%20pin"),
        ("match='pkcs11:token=x?pin-source=|/bin/pin'", "|/bin/pin"),
        ("match='pkcs11:token=x?pin-source=|/bin/pin'\npin-source='file:/pin'", "file:/pin"),
        ("match='pkcs11:token=x'", None),
    ],
)
def test_a_uri_may_name_the_source_of_the_pin(
    tmp_path: Path, entry: str, source: str | None
) -> None:
    found = load(tmp_path, home_toml=f"[[token]]\n{entry}\n")
    assert found.errors == ()
    assert found.tokens[0].pin_source == source


@pytest.mark.parametrize("content", [b"[pkcs11", b"\xff"])
def test_what_is_no_toml_counts_as_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "home" / "anyscd.toml"
    path.parent.mkdir()
    path.write_bytes(content)
    found = load(tmp_path)
    assert found.pkcs11 == PKCS11Options()
    assert len(found.errors) == 1
    assert found.errors[0].startswith(f"{path}: ")


def test_a_toml_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "home" / "anyscd.toml").mkdir(parents=True)
    assert "Is a directory" in load(tmp_path).errors[0]
