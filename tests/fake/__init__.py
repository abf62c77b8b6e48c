"""Tokens in memory, for what no real part can be made to do: waiting, failing and vanishing on
command.  They obey the contract tests like the real ones."""

from tests.fake.card import ADMIN_PIN, USER_PIN, FakeCard
from tests.fake.providers import FakeProvider, FakeReaders
from tests.fake.token import PIN, SO_PIN, FakeToken
from tests.fake.writable_token import WritableToken

__all__ = [
    "ADMIN_PIN",
    "PIN",
    "SO_PIN",
    "USER_PIN",
    "FakeCard",
    "FakeProvider",
    "FakeReaders",
    "FakeToken",
    "WritableToken",
]
