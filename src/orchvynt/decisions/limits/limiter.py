"""Whether one more invocation may come in under the rate limits: on all that apply, or on none. Pure; the caller brings the instant.

An invocation is counted when it comes, its tokens are estimated then and corrected by what it really used; it runs until it leaves.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from orchvynt.decisions.limits.application import Applied
from orchvynt.decisions.limits.buckets import SUBJECTS_MAX, Bucket, Buckets
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


class Part:
    """What one invocation took on one limit: `charged` tokens; their end in the bucket was at `level` when they were charged `at`. The
    limit may change while it runs: `buckets` know its newest form, and `begun` which beginning of them this was charged to."""

    __slots__ = ("at", "begun", "bucket", "buckets", "charged", "level")

    def __init__(self, buckets: Buckets, bucket: Bucket, charged: int, at: int) -> None:
        self.buckets = buckets
        self.begun = buckets.begun
        self.bucket = bucket
        self.charged = charged
        self.level = bucket.tokens
        self.at = at


class Ticket:
    """What an invocation holds while it runs. `used` are the tokens of its attempts that were settled."""

    __slots__ = ("left", "parts", "used")

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.parts = parts
        self.used = 0
        self.left = False


class Limiter:
    """All rate limits of one process. A restart begins with full limits: nothing of this is stored."""

    __slots__ = ("_buckets", "_subjects_max")

    def __init__(self, subjects_max: int = SUBJECTS_MAX) -> None:
        # By name: what was used is kept when only the limit changes, and what runs whatever changes.
        self._buckets: dict[str, Buckets] = {}
        self._subjects_max = subjects_max

    def enter(self, applied: Sequence[Applied], need: Need, now: int) -> Ticket | Over:
        """Takes the invocation in, on all limits; or says which one refuses it, and takes nothing anywhere."""
        found = []
        for one in applied:
            buckets = self._of(one.limit)
            found.append((one, buckets, buckets.get(one.subject, now)))
        over = _over(found, need)
        if over is not None:
            return over
        parts = []
        for one, buckets, bucket in found:
            limit, charged = one.limit, 0
            if limit.invocations:
                bucket.calls += limit.window_ns
            if limit.tokens:
                charged = max(need.least, min(need.tokens + need.guess, room(bucket.tokens, limit.tokens, limit.window_ns)))
                bucket.tokens += charged * limit.window_ns
            bucket.running += 1
            buckets.keep(one.subject, bucket, now)
            parts.append(Part(buckets, bucket, charged, now))
        return Ticket(tuple(parts))

    def _of(self, limit: RateLimit) -> Buckets:
        buckets = self._buckets.get(limit.name)
        if buckets is None:
            buckets = self._buckets[limit.name] = Buckets(limit, self._subjects_max)
        elif buckets.limit is not limit:
            buckets.change(limit)
        return buckets

    def use(self, ticket: Ticket, tokens: int, now: int) -> None:
        """An attempt was settled. What goes beyond the estimate is a debt from now on."""
        ticket.used += tokens
        for part in ticket.parts:
            limit = part.buckets.limit
            if limit.tokens and ticket.used > part.charged:
                part.bucket.leak(limit, now)
                part.bucket.tokens += (ticket.used - part.charged) * limit.window_ns
                part.charged = ticket.used

    def leave(self, ticket: Ticket, now: int) -> None:
        """The invocation runs no longer, whatever became of it: once, and again is nothing. What was estimated and not used is given
        back, but for what has leaked away of it: that made room already."""
        if ticket.left:
            return
        ticket.left = True
        for part in ticket.parts:
            limit, bucket = part.buckets.limit, part.bucket
            bucket.leak(limit, now)
            bucket.running -= 1
            assert bucket.running >= 0
            if limit.tokens and part.charged > ticket.used and part.begun == part.buckets.begun:
                still_there = part.level - limit.tokens * (now - part.at)
                credit = min((part.charged - ticket.used) * limit.window_ns, still_there)
                bucket.tokens = max(0, bucket.tokens - max(0, credit))

    def gauges(self, ticket: Ticket) -> Gauges:
        """The tightest limits that an invocation is under, as of the last time it was counted."""
        return gauges_of((part.buckets.limit, part.bucket) for part in ticket.parts)

    def forget_all_but(self, limits: Sequence[RateLimit]) -> None:
        """Drops what stands for limits that the policy no longer has, unless something still runs under them."""
        kept = {limit.name for limit in limits}
        for name in [name for name in self._buckets if name not in kept]:
            if not any(bucket.running for bucket in self._buckets[name].entries.values()):
                del self._buckets[name]

    def standing(self, limits: Sequence[RateLimit], now: int) -> list[tuple[RateLimit, str, Bucket]]:
        """Every subject of these limits that says something, for whoever looks."""
        found = []
        for limit in limits:
            if limit.name in self._buckets:
                buckets = self._of(limit)
                found += [(limit, subject, bucket) for subject, bucket in buckets.in_use(now)]
        return found


def _over(found: Sequence[tuple[Applied, Buckets, Bucket]], need: Need) -> Over | None:
    """In the policy's order; of one limit its invocations come first, then its tokens, then what runs."""
    refusals: list[tuple[RateLimit, str, Bucket, Unit, int, int, int, int]] = []
    for one, _, bucket in found:
        limit, window = one.limit, one.limit.window_ns
        if limit.invocations and (wait := wait_ns(bucket.calls, 1, limit.invocations, window)):
            left = room(bucket.calls, limit.invocations, window)
            refusals.append((limit, one.subject, bucket, "invocations", limit.invocations, left, 1, wait))
        if limit.tokens and (wait := wait_ns(bucket.tokens, need.least, limit.tokens, window)):
            left = room(bucket.tokens, limit.tokens, window)
            refusals.append((limit, one.subject, bucket, "tokens", limit.tokens, left, need.least, wait))
        if limit.concurrent and bucket.running >= limit.concurrent:
            refusals.append((limit, one.subject, bucket, "concurrent", limit.concurrent, 0, 1, CONCURRENT_WAIT_NS))
    if not refusals:
        return None
    limit, subject, bucket, unit, most, left, needed, _ = refusals[0]
    bucket.refused += 1
    gauges = gauges_of((one.limit, other) for one, _, other in found)
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
