"""What an explanation is made of. These structs are the published JSON of `explain --json` and of `/api/v1/invocations/{reference}`."""

from typing import Any, Literal

import msgspec

Outcome = Literal["answered", "refused", "failed", "cancelled", "interrupted", "parked", "running", "unknown"]


class Entry(msgspec.Struct, frozen=True):
    """One fact. `at` is RFC 3339 UTC, `offset_ms` counts from the first fact, `detail` holds the fact's own fields."""

    at: str
    offset_ms: float
    kind: str
    text: str
    detail: dict[str, Any]


class Totals(msgspec.Struct, frozen=True):
    """What the invocation took. `held_*` is what is still held, without a receipt; `estimated` marks a bound that no provider confirmed."""

    attempts: int
    tiers: int
    input_tokens: int
    output_tokens: int
    settled_nanos: int
    settled_usd: str
    held_nanos: int
    held_usd: str
    estimated: bool
    duration_ms: float


class Explanation(msgspec.Struct, frozen=True):
    """`outcome` is `parked` while a review is open and `running` while nothing has ended. `others` are further invocations that the
    same reference names, newest first. `key` is the policy's name of the caller's key, `key_id` the secret of it that was used."""

    invocation: str
    verdict: str
    outcome: Outcome
    at: str
    endpoint: str
    asked: str
    model: str
    provider: str
    tier: int
    rule: str
    chain: str
    workflow: str
    agent: str
    run: str
    key_id: str
    key: str
    policy_version: int
    policy_digest: str
    policy_commit: str
    timeline: tuple[Entry, ...]
    totals: Totals
    others: tuple[str, ...] = ()
