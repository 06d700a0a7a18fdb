"""What follows a failed attempt: the same model again, the next tier, or the end. And what rests after it.

Pure: what the process knows besides (an open breaker, a spent retry budget) is told with the failure.
"""

from typing import Final

import msgspec

from orchvynt.decisions.fallback.outcomes import BUSY, CREDENTIAL, FINAL, PASSING, SILENT
from orchvynt.language.snapshot import Chain, Retry

CREDENTIAL_REST_NS: Final = 60_000_000_000
SILENT_REST_NS: Final = 15_000_000_000


class Retrying(msgspec.Struct, frozen=True):
    """The same model again after `wait_ns`. `free`: it does not count as a retry, because the provider has most likely seen nothing."""

    wait_ns: int
    why: str
    free: bool = False


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
    `barred`: a breaker lets nobody ask this model again for now. `may_retry`: one more retry fits into the retry budget.
    """

    outcome: str
    status: int
    retry_after_ns: int
    retries: int
    has_next: bool
    connected: bool
    stale: bool = False
    barred: bool = False
    may_retry: bool = True


def move(failed: Failed, retry: Retry, chain: Chain | None, chance: float) -> Move:
    """What to do now. `chance` in [0, 1) draws the full jitter
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""
    if failed.stale:
        return Retrying(0, "the kept-alive connection was closed", free=True)
    if failed.outcome in FINAL and not triggers(failed, chain):
        return GiveUp(failed.outcome)
    if failed.outcome == "policy" and failed.has_next:
        return NextTier("policy")
    may_move = failed.has_next and triggers(failed, chain)
    if failed.retries < retry.max_retries and failed.may_retry and not failed.barred:
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
        doubled = min(retry.backoff_max_ns, retry.backoff_base_ns << min(failed.retries, 16))
        return Rest(failed.retry_after_ns or doubled, False, failed.outcome)
    if failed.outcome in SILENT:
        return Rest(SILENT_REST_NS, False, failed.outcome)
    if failed.outcome in PASSING and failed.retry_after_ns:
        return Rest(failed.retry_after_ns, False, failed.outcome)
    return None


def _backoff(retries: int, retry: Retry, chance: float) -> int:
    return int(min(retry.backoff_max_ns, retry.backoff_base_ns << min(retries, 16)) * chance)


def triggers(failed: Failed, chain: Chain | None) -> bool:
    """Whether the chain goes on to its next tier after this outcome."""
    return chain is not None and (failed.outcome in chain.triggers or f"status_{failed.status}" in chain.triggers)


def _trigger(failed: Failed, chain: Chain | None) -> str:
    assert chain is not None
    return failed.outcome if failed.outcome in chain.triggers else f"status_{failed.status}"
