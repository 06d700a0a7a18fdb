"""Rate limits of several processes: what one of them asks the store in one turn, decided over the buckets that it keeps for all. Pure.

Instants are those of the store's clock. Levels are corrected by what invocations used; how many run is said by each process of itself, so
that a turn whose answer was lost can be said again.
"""

from collections.abc import Mapping

import msgspec

from orchvynt.decisions.limits.application import Applied
from orchvynt.decisions.limits.buckets import Bucket
from orchvynt.decisions.limits.charging import Need, Over, beyond, charge, give_back
from orchvynt.decisions.limits.joint_bucket import SharedBucket
from orchvynt.language.compiled_budgets import RateLimit

BucketKey = tuple[str, str]
"""A limit's name, and a subject of it."""


class Entering(msgspec.Struct, frozen=True):
    """An invocation asks to come in, under the limits that apply to it."""

    applied: tuple[Applied, ...]
    need: Need


class Correction(msgspec.Struct, frozen=True, gc=False):
    """One that came in used `debt` tokens more than it was charged, or gives back `credit` of those that it was charged at the instant
    `at`, whose end in the bucket was at `level` then."""

    limit: RateLimit
    subject: str
    debt: int = 0
    credit: int = 0
    level: int = 0
    at: int = 0


class RateTurn(msgspec.Struct, frozen=True):
    """What one process says and asks at once: first the corrections, then who enters, in order. `running` are how many of its own run, on
    every bucket that is named and wherever that changed; none where it says nothing."""

    entering: tuple[Entering, ...] = ()
    corrections: tuple[Correction, ...] = ()
    running: Mapping[BucketKey, int] = {}

    def buckets(self) -> list[BucketKey]:
        """All buckets that it is about, sorted."""
        entered = {(one.limit.name, one.subject) for entering in self.entering for one in entering.applied}
        corrected = {(one.limit.name, one.subject) for one in self.corrections}
        return sorted(entered | corrected | self.running.keys())


class Entered(msgspec.Struct, frozen=True):
    """It came in. For each limit that applied: the tokens that it was charged, and the bucket as it stands since."""

    parts: tuple[tuple[int, Bucket], ...]


Decided = Entered | Over


def decided(turn: RateTurn, buckets: Mapping[BucketKey, SharedBucket], now: int) -> tuple[Decided, ...]:
    """Changes the buckets, of which there is one for each of `turn.buckets()`. The answers are in the order of `turn.entering`."""
    for key, bucket in buckets.items():
        bucket.mine = turn.running.get(key, 0)
        bucket.running += bucket.mine
    for one in turn.corrections:
        _correct(buckets[one.limit.name, one.subject], one, now)
    return tuple([_enter(entering, buckets, now) for entering in turn.entering])


def _correct(bucket: SharedBucket, one: Correction, now: int) -> None:
    form = bucket.form
    if form is None or form.window_ns != one.limit.window_ns:
        # The levels that it was charged to are gone.
        return
    bucket.leak_now(now)
    if form.tokens:
        bucket.tokens += one.debt * form.window_ns
    if one.credit:
        give_back(form, bucket, one.credit, one.level, max(0, now - one.at))


def _enter(entering: Entering, buckets: Mapping[BucketKey, SharedBucket], now: int) -> Decided:
    found = [(one.limit, one.subject, buckets[one.limit.name, one.subject]) for one in entering.applied]
    for limit, _, bucket in found:
        bucket.take_form(limit, now)
    over = beyond(found, entering.need)
    if over is not None:
        return over
    parts = []
    for limit, _, bucket in found:
        charged = charge(limit, bucket, entering.need)
        bucket.mine += 1
        parts.append((charged, bucket.copied()))
    return Entered(tuple(parts))
