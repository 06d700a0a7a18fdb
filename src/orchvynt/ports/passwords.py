"""Hashes of passwords: slow on purpose, so away from whoever answers requests."""

from typing import Protocol


class TooBusyError(Exception):
    """So many hashes are being computed that this one would have to wait for long."""


class Passwords(Protocol):
    async def hash(self, password: str) -> str:
        """A salted hash with its own parameters in it. Raises TooBusyError."""
        ...

    async def matches(self, password: str, hashed: str) -> bool:
        """With an empty `hashed` the work is the same, and the answer no. Raises TooBusyError."""
        ...

    def outdated(self, hashed: str) -> bool:
        """Whether it was made with other parameters than new ones are."""
        ...
