"""Whose signature a token has."""

from collections.abc import Sequence
from typing import Any, Protocol


class SignatureError(Exception):
    """The token is not signed by one of the keys. `unknown_key` if it names a key that is not among them: they may have been changed."""

    def __init__(self, message: str, unknown_key: bool = False) -> None:
        super().__init__(message)
        self.unknown_key = unknown_key


class Signatures(Protocol):
    def claims(self, token: str, jwks: bytes, algorithms: Sequence[str]) -> dict[str, Any]:
        """What a JWT in compact form says, if one of the keys of a JWK set signed it by one of the algorithms. Raises SignatureError."""
        ...
