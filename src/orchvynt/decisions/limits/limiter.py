"""Whether one more invocation may come in under the rate limits: on all that apply, or on none. Pure; the caller brings the instant.

An invocation is counted when it comes, its tokens are estimated then and corrected by what it really used; it runs until it leaves.
"""

from collections.abc import Sequence

from orchvynt.decisions.limits.application import Applied
from orchvynt.decisions.limits.buckets import SUBJECTS_MAX, Bucket, Buckets
from orchvynt.decisions.limits.charging import Need, Over, beyond, charge, gauges_of, give_back
from orchvynt.language.compiled_budgets import RateLimit
from orchvynt.model.rates import Gauges


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
        over = beyond([(one.limit, one.subject, bucket) for one, _, bucket in found], need)
        if over is not None:
            return over
        parts = []
        for one, buckets, bucket in found:
            charged = charge(one.limit, bucket, need)
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
            if part.charged > ticket.used and part.begun == part.buckets.begun:
                give_back(limit, bucket, part.charged - ticket.used, part.level, now - part.at)

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
