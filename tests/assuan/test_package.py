"""The package as it is imported: what it costs, and that its own example works."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
import trio.testing

import assuan
from assuan.client import Client
from assuan.events import Inquire
from assuan.server import serve


@pytest.mark.parametrize(
    "module", ["assuan", "assuan.lines", "assuan.errors", "assuan.connection", "assuan.options"]
)
def test_the_core_does_not_import_trio(module: str) -> None:
    check = f"import sys, {module}; sys.exit('trio' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=30)


def test_every_public_name_is_there() -> None:
    for name in assuan.__all__:
        assert getattr(assuan, name) is not None


def test_no_other_name_is_there() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(assuan, "no_such_name")  # noqa: B009


async def test_the_example() -> None:
    """What the package's docstring shows as a server."""
    assert assuan.__doc__ is not None
    section = assuan.__doc__.partition("# A server")[2].partition("# A client")[0]
    code = "".join(
        line for line in section.splitlines(True) if line.startswith("    ") or line == "\n"
    )
    names = {name: getattr(assuan, name) for name in assuan.__all__}
    exec(textwrap.dedent(code), names)  # noqa: S102

    async def name(question: Inquire) -> bytes:
        assert question == Inquire(b"NAME")
        return b"Werner"

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, names["service"], theirs)
        client = Client(ours)
        assert await client.greet() == b"pleased to meet you"
        assert (await client.transact(b"GREET", inquire=name)).data == b"Hello, Werner"
        await client.aclose()
