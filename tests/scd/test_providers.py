"""Which token and which keys anyscd.toml means: by label, reference, keygrip, serial or URI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from backends.token import Key
from scd.choices import TokenOptions
from scd.config import Config
from scd.keygrip import keygrip
from scd.providers import view_maker
from scd.tokenmemory import TokenMemory
from tests.fake import FakeToken

TOKEN_URI = "pkcs11:token=my%20token;manufacturer=Maker;serial=01"


class NamedToken(FakeToken):
    """Three more keys that can sign, and URIs."""

    def __init__(self) -> None:
        super().__init__()
        self.info = replace(self.info, name="my token", uri=TOKEN_URI)
        signer = super().keys()[0]
        others = [FakeToken(n).keys()[0] for n in (2, 3)]
        self._listed = [
            replace(
                key,
                ref=f"P11.{number:016X}",
                label=f"key {number}",
                uri=f"{TOKEN_URI};id=%{number:02X};object=key%20{number};type=private",
            )
            for number, key in enumerate((signer, *others), 1)
        ]

    def keys(self, *, thorough: bool = False) -> Sequence[Key]:
        return self._listed


def signer(home: Path, token: NamedToken, options: TokenOptions) -> str:
    memory = TokenMemory.in_home(home)
    view = view_maker(Config(home, tokens=(options,)), memory)(token, False)
    assert view.slots[0] is not None
    return view.slots[0].key.label


@pytest.mark.parametrize(
    "match",
    ["my token", TOKEN_URI, "pkcs11:token=my%20token", "PKCS11:serial=01;type=private", "pkcs11:"],
)
def test_tokens_are_named_by_label_or_uri(tmp_path: Path, match: str) -> None:
    assert signer(tmp_path, NamedToken(), TokenOptions(match, sign="key 2")) == "key 2"


@pytest.mark.parametrize("match", ["mine", "pkcs11:serial=02", "pkcs11:token=my%20token;model=x"])
def test_other_tokens_are_not(tmp_path: Path, match: str) -> None:
    assert signer(tmp_path, NamedToken(), TokenOptions(match, sign="key 2")) == "key 1"


@pytest.mark.parametrize(
    "name",
    ["P11.0000000000000003", "pkcs11:id=%03", "pkcs11:object=key%203;type=cert", "grip"],
)
def test_keys_are_named_in_many_ways(tmp_path: Path, name: str) -> None:
    token = NamedToken()
    name = keygrip(token.keys()[2].public) if name == "grip" else name
    assert signer(tmp_path, token, TokenOptions("my token", sign=name)) == "key 3"


@pytest.mark.parametrize(
    ("name", "slot", "count"),
    [("pkcs11:id=%09", "key 1", 0), ("nobody", "key 1", 0), ("pkcs11:type=private", "key 1", 3)],
)
def test_names_of_none_or_several_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, slot: str, count: int
) -> None:
    assert signer(tmp_path, NamedToken(), TokenOptions("my token", sign=name)) == slot
    assert f"my token: {name} names {count} keys now" in caplog.text
