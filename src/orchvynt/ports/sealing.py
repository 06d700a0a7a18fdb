"""Sealing content with a key that is kept elsewhere."""

from typing import NamedTuple, Protocol


class SealingError(Exception):
    """The key is none, or what is sealed was changed, or is of another key. The message holds no secret."""


class Sealed(NamedTuple):
    """`key_id` names the key without telling it."""

    key_id: str
    nonce: bytes
    sealed: bytes


class Sealing(Protocol):
    def key_id(self, key: str) -> str:
        """Raises SealingError if the text is no key."""
        ...

    def seal(self, key: str, plain: bytes, bound_to: bytes) -> Sealed:
        """Opens only together with `bound_to`, which is not in it. Raises SealingError."""
        ...

    def unseal(self, key: str, sealed: Sealed, bound_to: bytes) -> bytes:
        """Raises SealingError."""
        ...
