"""What one invocation does to the buckets of the limits that apply to it: what refuses it, what it is charged, what it gives back. Pure.

The buckets may be those of one process (`limiter`) or those that several share (`turns`).
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from orchvynt.decisions.limits.buckets import Bucket
from orchvynt.decisions.limits.gcra import empty_in_ns, room, wait_ns
from orchvynt.language.compiled_budgets import RateLimit
from orchvynt.model.rates import Gauge, Gauges

CONCURRENT_WAIT_NS: Final = 1_000_000_000
"""Nobody knows when one of those that run will end: whoever comes back in a second finds out."""

Unit = Literal["invocations", "tokens", "concurrent"]


class Need(msgspec.Struct, frozen=True, gc=False):
    """The estimate of an invocation: `tokens` are its input and the output that its caller allows. `guess` is the output that is usual
    where the caller gives no limit, else 0: it is charged as far as there is room, and never the reason for a refusal."""

    tokens: int
    guess: int = 0

    @property
    def least(self) -> int:
        return self.tokens + 1 if self.guess else self.tokens


class Over(msgspec.Struct, frozen=True, gc=False):
    """The first limit in the policy's order that has no room. `remaining` is what it still has. `wait_ns` is when all that apply will
    have room, if nobody else comes and nothing that runs uses more than was estimated."""

    limit: RateLimit
    subject: str
    unit: Unit
    most: int
    remaining: int
    needed: int
    wait_ns: int
    gauges: Gauges


Found = Sequence[tuple[RateLimit, str, Bucket]]
"""The limits that apply, in the policy's order, each with its subject and that one's bucket, up to now."""


def charge(limit: RateLimit, bucket: Bucket, need: Need) -> int:
    """Takes one invocation into a bucket that has room for it. Gives the tokens that it is charged."""
    charged = 0
    if limit.invocations:
        bucket.calls += limit.window_ns
    if limit.tokens:
        charged = max(need.least, min(need.tokens + need.guess, room(bucket.tokens, limit.tokens, limit.window_ns)))
        bucket.tokens += charged * limit.window_ns
    bucket.running += 1
    return charged


def give_back(limit: RateLimit, bucket: Bucket, tokens: int, level: int, elapsed_ns: int) -> None:
    """Of tokens that were charged so long ago, up to `level`, and not used: what has not leaked away since. That made room already."""
    still_there = level - limit.tokens * elapsed_ns if limit.tokens else 0
    credit = min(tokens * limit.window_ns, still_there)
    bucket.tokens = max(0, bucket.tokens - max(0, credit))


def beyond(found: Found, need: Need) -> Over | None:
    """In the policy's order; of one limit its invocations come first, then its tokens, then what runs."""
    refusals: list[tuple[RateLimit, str, Bucket, Unit, int, int, int, int]] = []
    for limit, subject, bucket in found:
        window = limit.window_ns
        if limit.invocations and (wait := wait_ns(bucket.calls, 1, limit.invocations, window)):
            left = room(bucket.calls, limit.invocations, window)
            refusals.append((limit, subject, bucket, "invocations", limit.invocations, left, 1, wait))
        if limit.tokens and (wait := wait_ns(bucket.tokens, need.least, limit.tokens, window)):
            left = room(bucket.tokens, limit.tokens, window)
            refusals.append((limit, subject, bucket, "tokens", limit.tokens, left, need.least, wait))
        if limit.concurrent and bucket.running >= limit.concurrent:
            refusals.append((limit, subject, bucket, "concurrent", limit.concurrent, 0, 1, CONCURRENT_WAIT_NS))
    if not refusals:
        return None
    limit, subject, bucket, unit, most, left, needed, _ = refusals[0]
    bucket.refused += 1
    gauges = gauges_of((one, other) for one, _, other in found)
    return Over(limit, subject, unit, most, left, needed, max(refusal[-1] for refusal in refusals), gauges)


def gauges_of(found: Iterable[tuple[RateLimit, Bucket]]) -> Gauges:
    """The tightest of these limits, as their buckets stand."""
    requests: Gauge | None = None
    tokens: Gauge | None = None
    for limit, bucket in found:
        if limit.invocations:
            requests = _tighter(requests, bucket.calls, limit.invocations, limit.window_ns)
        if limit.tokens:
            tokens = _tighter(tokens, bucket.tokens, limit.tokens, limit.window_ns)
    return Gauges(requests, tokens)


def _tighter(known: Gauge | None, level: int, most: int, window_ns: int) -> Gauge:
    """The limit that less may come under; of equals the one that takes longer."""
    this = Gauge(most, room(level, most, window_ns), empty_in_ns(level, most))
    if known is None or (this.remaining, -this.full_ns) < (known.remaining, -known.full_ns):
        return this
    return known
