"""The files in contrib/ say what the code does."""

from __future__ import annotations

import re
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import pytest

from scd import config
from scd.choices import ModuleOptions, PinOptions, PKCS11Options, TokenOptions
from scd.tomlfile import read

_CONTRIB = Path(__file__).parents[2] / "contrib"


def uncommented(name: str) -> str:
    """The sample with all its settings in force."""
    return re.sub(r"(?m)^#(?=[^ \n])", "", (_CONTRIB / name).read_text())


def test_the_sample_as_it_is_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "anyscd.toml").write_text((_CONTRIB / "anyscd.toml.sample").read_text())
    assert config.load(tmp_path, (), tmp_path / "etc") == config.Config(tmp_path)


def test_every_setting_of_the_sample_is_understood() -> None:
    found, problems = read(uncommented("anyscd.toml.sample").encode(), "sample")
    assert problems == ()
    path = "/usr/lib/softhsm/libsofthsm2.so"
    # The values shown are the defaults, where there are any.
    expected = PKCS11Options(modules=(ModuleOptions("softhsm", path),))
    assert replace(found.pkcs11, allow=(), deny=()) == expected
    assert found.pkcs11.allow
    assert found.pkcs11.deny
    assert found.pin == PinOptions(600.0, 28800.0)
    assert found.tokens == (
        TokenOptions(
            "My token",
            "Signature key",
            "P11.0123456789ABCDEF",
            "0123456789ABCDEF0123456789ABCDEF01234567",
            60.0,
            3600.0,
            "file:/home/you/.gnupg/token-pin",
        ),
    )


@pytest.mark.parametrize("options", [PKCS11Options, ModuleOptions, TokenOptions, PinOptions])
def test_the_sample_leaves_no_setting_out(options: type) -> None:
    shown = set(re.findall(r"(?m)^([a-z0-9-]+) = ", uncommented("anyscd.toml.sample")))
    names = {f.name.replace("_", "-") for f in fields(options)} - {"name", "modules"}
    assert names <= shown


@pytest.mark.parametrize("everything", [False, True])
def test_gpg_agent_accepts_its_sample(everything: bool, tmp_path: Path) -> None:
    name = "gpg-agent.conf.sample"
    conf = tmp_path / "gpg-agent.conf"
    conf.write_text(uncommented(name) if everything else (_CONTRIB / name).read_text())
    tested = subprocess.run(
        ["gpg-agent", "--homedir", tmp_path, "--gpgconf-test"], capture_output=True, text=True
    )
    assert tested.returncode == 0
    assert "invalid" not in tested.stderr
    assert "argument" not in tested.stderr
