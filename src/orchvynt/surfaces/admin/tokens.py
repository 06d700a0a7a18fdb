"""Admin tokens: how a secret is made and recognised, also while the store is away. A secret is never stored, only its SHA-256."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from typing import Final

from orchvynt.model.faults import Fault
from orchvynt.ports.store import Store, StoreUnavailableError, TokenRow

PREFIX: Final = "ovt-"
SECRET_BYTES: Final = 32
NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")


class KnownTokens:
    """Those that the store had when it was last asked. While it is away they open what only looks: nobody can revoke one then."""

    def __init__(self) -> None:
        self._last: list[TokenRow] | None = None

    async def read(self, store: Store, looks: bool) -> list[TokenRow]:
        """Raises StoreUnavailableError for what changes something, and where the store never was asked before."""
        try:
            found = self._last = await store.tokens()
        except StoreUnavailableError:
            if self._last is None or not looks:
                raise
            found = self._last
        return found


def new_secret() -> str:
    """A fresh token secret: `ovt-` and 256 random bits."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> str:
    """What is stored of a secret: its SHA-256 in hex. The secrets are random, so no salt or slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def recognise(authorization: str, tokens: Iterable[TokenRow]) -> TokenRow | Fault:
    """The token that `Authorization: Bearer …` names. Compares with every token, so that the time tells nothing."""
    scheme, _, secret = authorization.partition(" ")
    if not authorization:
        return _unauthorized("This path needs an admin token, and the request has none.")
    if scheme.lower() != "bearer" or not secret.strip():
        return _unauthorized("The Authorization header is not of the form `Bearer TOKEN`.")
    asked = digest(secret.strip())
    found: TokenRow | None = None
    for token in tokens:
        if hmac.compare_digest(token.sha256, asked):
            found = token
    return found if found is not None else _unauthorized("The admin token is not known here; it may have been revoked.")


def _unauthorized(message: str) -> Fault:
    return Fault("unauthorized", message, "Send Authorization: Bearer TOKEN, or set ORCHVYNT_TOKEN for the command line.")
