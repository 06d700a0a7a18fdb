"""The JSON of `/api/v1/keys`, which the command line prints as it is. Instants are RFC 3339 UTC texts, empty for none."""

from typing import Annotated, Literal

import msgspec

DAY_SECONDS = 86_400
OVERLAP_SECONDS_MAX = 30 * DAY_SECONDS


class KeyView(msgspec.Struct, frozen=True):
    """One secret of a key, by the `id` that stands in records as `key_id`. Without `in_policy` it opens nothing: the policy in force
    names no such key. `last_used_at` is written about once a minute."""

    key: str
    id: str
    state: Literal["valid", "expired"]
    in_policy: bool
    created_at: str
    created_by: str
    last_used_at: str
    expires_at: str


class KeyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is that of a key in the policy."""

    name: str


class KeyIssued(KeyView, frozen=True):
    """`secret` is shown this once; only its SHA-256 is stored."""

    secret: str


class RotateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how long the secrets that there are stay valid beside the new one; 0: not at all."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=OVERLAP_SECONDS_MAX)] = DAY_SECONDS


class KeyRotated(KeyIssued, frozen=True):
    """`before` are the other secrets of the key, with the instants at which they end."""

    before: tuple[KeyView, ...] = ()


class KeyRevoked(msgspec.Struct, frozen=True):
    """The ids of the secrets that open nothing any more."""

    key: str
    ids: tuple[str, ...]
    revoked: bool
