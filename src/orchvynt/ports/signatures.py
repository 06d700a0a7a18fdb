"""Whose signature a token has."""

from collections.abc import Sequence
from typing import Any, Protocol


class SignatureError(Exception):
    """The token is not taken. `unknown_key` if only its signature is by none of the keys: they may have been changed."""

    def __init__(self, message: str, unknown_key: bool = False) -> None:
        super().__init__(message)
        self.unknown_key = unknown_key


class Signatures(Protocol):
    def claims(self, token: str, jwks: bytes, algorithms: Sequence[str]) -> dict[str, Any]:
        """What a JWT in compact form says, if one of the keys of a JWK set signed it by one of the algorithms. Raises SignatureError."""
        ...
