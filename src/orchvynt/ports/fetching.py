"""Asks a server that the operator named, once: no redirect is followed, and nothing is larger or later than said."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class FetchError(Exception):
    """No answer that can be used. The message says why, in words, without anything of the answer."""


class Fetched(msgspec.Struct, frozen=True):
    status: int
    body: bytes


class Fetching(Protocol):
    async def fetch(self, url: str, headers: Sequence[tuple[str, str]] = (), form: str | None = None) -> Fetched:
        """GET, or POST with a form (`application/x-www-form-urlencoded`). Raises FetchError."""
        ...
