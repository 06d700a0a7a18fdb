"""What follows a failed attempt: the same model again, the next tier, or the end. And what rests after it.

The words of outcomes are those of the policy reference, "Outcomes and triggers".
"""

from typing import Final

import msgspec

from orchvynt.language.snapshot import Chain, Retry

# A retry on the same model may help: the fault is likely to be gone in a moment.
PASSING: Final = frozenset({"server_error", "malformed", "connection", "cut"})
# The model said when, or that it is too busy: another tier first, the same model only if there is no other.
BUSY: Final = frozenset({"rate_limit", "overloaded"})
# The request itself is at fault, or was judged: no other attempt may change that.
FINAL: Final = frozenset({"bad_request", "content_filter"})
# It said nothing for too long: asked last, until it has answered.
SILENT: Final = frozenset({"timeout", "stall"})
# These rest every model behind the same credential.
CREDENTIAL: Final = frozenset({"auth", "quota"})
CREDENTIAL_REST_NS: Final = 60_000_000_000
SILENT_REST_NS: Final = 15_000_000_000


class Retrying(msgspec.Struct, frozen=True):
    """The same model again after `wait_ns`."""

    wait_ns: int
    why: str


class NextTier(msgspec.Struct, frozen=True):
    trigger: str


class GiveUp(msgspec.Struct, frozen=True):
    why: str


class Rest(msgspec.Struct, frozen=True):
    """For how long not to ask first again: one model, or (`credential`) everything behind its provider's key."""

    for_ns: int
    credential: bool
    why: str


Move = Retrying | NextTier | GiveUp


class Failed(msgspec.Struct, frozen=True):
    """`status` is the provider's, 0 without one. `retries` is how often this model was asked again already.

    `stale`: it was sent on a connection that had most likely been closed, and not yet repeated for that reason.
    """

    outcome: str
    status: int
    retry_after_ns: int
    retries: int
    has_next: bool
    connected: bool
    stale: bool = False


def move(failed: Failed, retry: Retry, chain: Chain | None, chance: float) -> Move:
    """What to do now. `chance` in [0, 1) draws the full jitter
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""
    if failed.stale:
        return Retrying(0, "the kept-alive connection was closed")
    if failed.outcome in FINAL and not triggers(failed, chain):
        return GiveUp(failed.outcome)
    if failed.outcome == "policy" and failed.has_next:
        return NextTier("policy")
    may_move = failed.has_next and triggers(failed, chain)
    if failed.retries < retry.max_retries:
        if failed.outcome in PASSING and failed.connected and failed.retry_after_ns <= retry.respect_retry_after_ns:
            return Retrying(max(_backoff(failed.retries, retry, chance), failed.retry_after_ns), failed.outcome)
        if failed.outcome in BUSY and not may_move and failed.retry_after_ns <= retry.respect_retry_after_ns:
            return Retrying(failed.retry_after_ns or _backoff(failed.retries, retry, chance), failed.outcome)
    if may_move:
        return NextTier(_trigger(failed, chain))
    return GiveUp(failed.outcome)


def rest(failed: Failed, retry: Retry) -> Rest | None:
    """What must not be asked first for a while, if anything."""
    if failed.outcome in CREDENTIAL:
        return Rest(failed.retry_after_ns or CREDENTIAL_REST_NS, True, failed.outcome)
    if failed.outcome in BUSY and failed.connected:
        return Rest(failed.retry_after_ns or retry.backoff_base_ns, False, failed.outcome)
    if failed.outcome in SILENT:
        return Rest(SILENT_REST_NS, False, failed.outcome)
    return None


def _backoff(retries: int, retry: Retry, chance: float) -> int:
    return int(min(retry.backoff_max_ns, retry.backoff_base_ns << min(retries, 16)) * chance)


def triggers(failed: Failed, chain: Chain | None) -> bool:
    """Whether the chain goes on to its next tier after this outcome."""
    return chain is not None and (failed.outcome in chain.triggers or f"status_{failed.status}" in chain.triggers)


def _trigger(failed: Failed, chain: Chain | None) -> str:
    assert chain is not None
    return failed.outcome if failed.outcome in chain.triggers else f"status_{failed.status}"
