"""GnuPG's own cryptographic library as the oracle for S-expressions and keygrips."""

from __future__ import annotations

import ctypes

_lib = ctypes.CDLL("libgcrypt.so.20")
_pointer = ctypes.c_void_p
_lib.gcry_check_version.restype = ctypes.c_char_p
_lib.gcry_sexp_sscan.argtypes = [
    ctypes.POINTER(_pointer),
    _pointer,
    ctypes.c_char_p,
    ctypes.c_size_t,
]
_lib.gcry_sexp_sprint.argtypes = [_pointer, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
_lib.gcry_sexp_sprint.restype = ctypes.c_size_t
_lib.gcry_sexp_release.argtypes = [_pointer]
_lib.gcry_pk_get_keygrip.argtypes = [_pointer, ctypes.c_char_p]
_lib.gcry_pk_get_keygrip.restype = _pointer
_lib.gcry_pk_genkey.argtypes = [ctypes.POINTER(_pointer), _pointer]
_lib.gcry_check_version(None)

_lib.gcry_md_algo_info.argtypes = [
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_size_t),
]

_CANONICAL, _ADVANCED = 1, 3
_GET_ASNOID = 10
_DIGESTS = {"sha1": 2, "rmd160": 3, "sha256": 8, "sha384": 9, "sha512": 10, "sha224": 11}


class _Sexp:
    """An S-expression of libgcrypt, released at the end."""

    def __init__(self, pointer: ctypes.c_void_p) -> None:
        self.pointer = pointer

    def __enter__(self) -> ctypes.c_void_p:
        return self.pointer

    def __exit__(self, *_: object) -> None:
        _lib.gcry_sexp_release(self.pointer)


def _read(text: bytes) -> _Sexp:
    pointer = _pointer()
    error = _lib.gcry_sexp_sscan(ctypes.byref(pointer), None, text, len(text))
    if error:
        raise ValueError(f"gcry_sexp_sscan: error {error}")
    return _Sexp(pointer)


def _printed(sexp: ctypes.c_void_p, form: int) -> bytes:
    size = _lib.gcry_sexp_sprint(sexp, form, None, 0)
    buffer = ctypes.create_string_buffer(size)
    length = _lib.gcry_sexp_sprint(sexp, form, buffer, size)
    return buffer.raw[:length]


def accepts(text: bytes) -> bool:
    """Whether libgcrypt can read it."""
    try:
        with _read(text):
            return True
    except ValueError:
        return False


def advanced(text: bytes) -> bytes:
    """The expression as gcry_sexp_sprint prints it for people."""
    with _read(text) as sexp:
        return _printed(sexp, _ADVANCED)


def generate(parameters: bytes) -> bytes:
    """The key-data of a new key, canonical: a public-key and a private-key."""
    pointer = _pointer()
    with _read(parameters) as wanted:
        assert not _lib.gcry_pk_genkey(ctypes.byref(pointer), wanted)
    with _Sexp(pointer) as made:
        return _printed(made, _CANONICAL)


def keygrip(text: bytes) -> str:
    """The keygrip of the public key in that expression."""
    with _read(text) as sexp:
        grip = ctypes.create_string_buffer(20)
        assert _lib.gcry_pk_get_keygrip(sexp, grip)
        return grip.raw.hex().upper()


def digest_prefix(name: str) -> bytes:
    """What goes before a hash of that name in a DigestInfo."""
    size = ctypes.c_size_t(100)
    buffer = ctypes.create_string_buffer(size.value)
    algorithm = _DIGESTS[name]
    assert not _lib.gcry_md_algo_info(algorithm, _GET_ASNOID, buffer, ctypes.byref(size))
    return buffer.raw[: size.value]
