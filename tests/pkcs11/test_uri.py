"""PKCS#11 URIs: those of RFC 7512 section 3, and whatever else can be written."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.pkcs11.uri import _PATH, _QUERY, URI, BadURI, is_uri, parse

_text = st.text().map(str.encode)
_PATHS = st.dictionaries(st.sampled_from(sorted(_PATH - {"id"})), _text)
URIS = st.builds(
    lambda path, identifier, query: URI({**path, "id": identifier}, query),
    *(_PATHS, st.binary(), st.dictionaries(st.sampled_from(sorted(_QUERY)), _text)),
)


@given(uri=URIS)
def test_what_is_written_is_read_again(uri: URI) -> None:
    assert parse(str(uri)) == uri
    assert str(uri).isascii()
    assert uri.names(uri)
    assert URI({}).names(uri)


@given(text=st.text())
def test_any_text_is_a_uri_or_an_error(text: str) -> None:
    for candidate in (text, "pkcs11:" + text):
        with suppress(BadURI):
            assert is_uri(str(parse(candidate)))


@given(pattern=_PATHS, other=_PATHS)
def test_a_uri_names_what_has_all_that_it_says(
    pattern: dict[str, bytes], other: dict[str, bytes]
) -> None:
    assert URI(pattern).names(URI(other)) == (pattern.items() <= other.items())
    assert URI(pattern).names(URI({**other, **pattern}))
    assert URI(pattern).names(URI(other), without=pattern)


@pytest.mark.parametrize(
    ("text", "path", "query"),
    [
        ("pkcs11:", {}, {}),
        ("PKCS11:id=%00%ff", {"id": b"\x00\xff"}, {}),
        (
            "pkcs11:object=my-pubkey;type=public",
            {"object": b"my-pubkey", "type": b"public"},
            {},
        ),
        (
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc."
            ";model=1.0;object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial="
            "?pin-source=file:/etc/token_pin",
            {
                "token": b"The Software PKCS#11 Softtoken",
                "manufacturer": b"Snake Oil, Inc.",
                "model": b"1.0",
                "object": b"my-certificate",
                "type": b"cert",
                "id": bytes.fromhex("69953e5cf4bdec91"),
                "serial": b"",
            },
            {"pin-source": b"file:/etc/token_pin"},
        ),
        (
            "pkcs11:?pin-source=|/usr/lib/pinomatic&module-name=snakeoil",
            {},
            {"pin-source": b"|/usr/lib/pinomatic", "module-name": b"snakeoil"},
        ),
    ],
)
def test_examples(text: str, path: dict[str, bytes], query: dict[str, bytes]) -> None:
    assert parse(text) == URI(path, query)


@pytest.mark.parametrize(
    "text",
    [
        *("", "token=x", "pkcs11", "pkcs11:x", "pkcs11:token", "pkcs11:token=a;token=b"),
        *("pkcs11:token=%", "pkcs11:token=%4", "pkcs11:token=%zz", "pkcs11:token=%ff"),
        *("pkcs11:token=ä", "pkcs11:;", "pkcs11:colour=red", "pkcs11:?token=x", "pkcs11:x-a=b"),
        "pkcs11:?pin-value=1234",
    ],
)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(BadURI):
        parse(text)
