"""What becomes of each line of a gnupg-pkcs11-scd.conf."""

from __future__ import annotations

from pathlib import Path

import pytest

from scd import cli
from scd.choices import Choices, ModuleOptions, PKCS11Options, TokenOptions
from scd.legacy import OldConfig, OldProvider, Setting, convert, parse
from scd.tomlfile import read

SIGN, ENCR, AUTH = ("5C661B8C07CFD957F7D98D5B9A0F31D236BFAC2A", "D2" * 20, "A7" * 20)

#: Every option that it has.
WHOLE = f"""\
# Log file.
log-file /var/log/scd.log
verbose
debug-all
pin-cache 20
use-gnupg-pin-cache
providers p1, second
provider-p1-library /usr/lib/pkcs11/p 1.so   # with a blank
provider-p1-allow-protected-auth
\tprovider-p1-cert-private
provider-p1-private-mask 0
provider-second-library\tsecond.so
emulate-openpgpg
openpgp-sign {SIGN}
openpgp-encr {ENCR}
openpgp-auth {AUTH}
"""


def test_modules_and_slots_are_the_same() -> None:
    choices, problems = read(convert(WHOLE).encode(), "toml")
    assert problems == ()
    modules = (ModuleOptions("p1", "/usr/lib/pkcs11/p 1.so"), ModuleOptions("second", "second.so"))
    assert choices.pkcs11 == PKCS11Options(use_p11_kit=False, modules=modules)
    assert choices.tokens == (TokenOptions("pkcs11:", SIGN, ENCR, AUTH, pin_absolute=20),)


def test_of_every_other_option_it_is_told_what_became() -> None:
    comments = [line for line in convert(WHOLE).splitlines() if line.startswith("# ")]
    told = [comment[2:].partition(":")[0] for comment in comments]
    general = ["log-file /var/log/scd.log", "verbose", "debug-all"]
    general += ["use-gnupg-pin-cache", "emulate-openpgpg"]
    provider = ["allow-protected-auth", "cert-private", "private-mask 0"]
    assert told == ["From gnupg-pkcs11-scd.conf", *general, *provider]
    assert "does not know" not in convert(WHOLE)


@pytest.mark.parametrize(
    ("value", "lifetime"), [("20", 20), ("0", 1), ("soon", 1), ("-1", None), ("7 days", 7)]
)
def test_a_pin_lasts_as_long_as_before(value: str, lifetime: int | None) -> None:
    assert parse(f"pin-cache {value}\n").pin_cache == lifetime
    tokens = read(convert(f"pin-cache {value}\n").encode(), "toml")[0].tokens
    assert [token.pin_absolute for token in tokens] == ([lifetime] if lifetime else [])


def test_the_documentation_knows_every_option() -> None:
    table = (Path(__file__).parents[2] / "docs" / "from-gnupg-pkcs11-scd.md").read_text()
    names = {line.split()[0] for line in WHOLE.splitlines() if line[0] != "#"}
    names = {name.replace("-p1-", "-NAME-") for name in names} - {"provider-second-library"}
    assert not [name for name in names if f"`{name}`" not in table]


@pytest.mark.parametrize(
    ("line", "comment"),
    [
        ("frobnicate 1", "# frobnicate 1: gnupg-pkcs11-scd does not know it either"),
        ("provider-p1-color", "# color: gnupg-pkcs11-scd does not know it either"),
        ("provider-p2-cert-private", "# provider-p2-cert-private: gnupg-pkcs11-scd does not know"),
        ("bell \x07", "# bell \ufffd: "),
        ("", "# provider p1: no library is named"),
    ],
)
def test_what_cannot_go_over_is_a_comment(line: str, comment: str) -> None:
    text = convert(f"providers p1\n{line}\n")
    assert any(told.startswith(comment) for told in text.splitlines())
    assert read(text.encode(), "toml") == (Choices(), ())


def test_odd_names_and_paths_are_quoted() -> None:
    text = convert('providers a b"\nprovider-a b"-library x\n')
    assert "no library" in text  # nor could gnupg-pkcs11-scd name it
    text = convert('providers ü\nprovider-ü-library C:\\"\x7f\n')
    assert read(text.encode(), "toml")[0].pkcs11.modules == (ModuleOptions("ü", 'C:\\"\x7f'),)


def test_the_last_of_several_counts_and_an_empty_file_is_empty() -> None:
    text = "providers a\nprovider-a-library x\nprovider-a-library y\nopenpgp-sign\n"
    assert parse(text) == OldConfig((OldProvider("a", "y"),))
    assert parse("verbose\n") == OldConfig(unused=(Setting("verbose"),))
    assert read(convert("").encode(), "toml") == (Choices(), ())


def test_the_command_line_prints_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "gnupg-pkcs11-scd.conf"
    assert cli.main(["--from-gnupg-pkcs11-scd", str(file)]) == 2
    assert capsys.readouterr().err == f"anyscd: '{file}': No such file or directory\n"
    file.write_text(WHOLE)
    assert cli.main(["--from-gnupg-pkcs11-scd", str(file)]) == 0
    assert capsys.readouterr().out == convert(WHOLE)
