"""Who holds which credential: digests only, so that nothing below the wire ever sees one. Knows no store and no clock."""

import hashlib
from functools import lru_cache
from typing import Final

import msgspec

from orchvynt.language.snapshot import Key
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import caller_of

NO_CREDENTIAL: Final = "(none)"
ID_CHARS: Final = 16
CACHED_CHARS_MAX: Final = 512


class Identity(msgspec.Struct, frozen=True):
    """Who calls. `key` is what the policy says of it, None where it has no `keys`; `key_id` names the credential that was used."""

    key: Key | None
    key_id: str

    @property
    def caller(self) -> str:
        return caller_of(self.key.name if self.key is not None else "", self.key_id)


def credential_digest(authorization: str, api_key: str) -> str:
    """The SHA-256 in hex of the credential (`Authorization: Bearer` before `x-api-key`); empty for none."""
    if len(authorization) + len(api_key) > CACHED_CHARS_MAX:
        return _digest(authorization, api_key)
    return _remembered(authorization, api_key)


def key_id(digest: str) -> str:
    """The name of a credential in records, and of an issued secret in lists: the start of its digest, or `(none)`."""
    return digest[:ID_CHARS] or NO_CREDENTIAL


def not_identified(has_credential: bool) -> Fault:
    """401. The same words for a key that never was, one that was revoked or has expired, and one that the policy no longer names."""
    said = "The key is not known here." if has_credential else "This server wants a key, and the request has none."
    help_text = (
        "Send `Authorization: Bearer KEY` or `x-api-key: KEY` (an SDK's `api_key`). "
        "An admin issues one with `orchvynt keys issue NAME`, for a key that the policy names."
    )
    return Fault("unauthorized", said, help_text)


def _digest(authorization: str, api_key: str) -> str:
    credential = authorization[7:].strip() if authorization[:7].lower() == "bearer " else api_key.strip()
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).hexdigest() if credential else ""


# A caller's credential is the same from call to call; saves 3 µs on each. Bounded in count and in size.
_remembered = lru_cache(1024)(_digest)
