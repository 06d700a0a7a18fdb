"""The buckets of one rate limit, one for each subject. Bounded: what is full again is forgotten, and so is, of too many, the one that
was longest not heard of. Instants are monotonic ns of this process."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from orchvynt.decisions.limits.gcra import empty_in_ns, leaked
from orchvynt.language.compiled_budgets import RateLimit

SUBJECTS_MAX: Final = 100_000
"""Subjects of one limit. A caller that invents more than so many, all of them under way to be full again, is limited by no subject."""
_LOOKED_AT: Final = 2
"""So many old buckets are looked at for each new one: more go than come, and nobody waits for it."""


class Bucket:
    """What stands for one subject: levels in the units of `gcra` as of `at`, how many invocations run, how many were refused."""

    __slots__ = ("at", "calls", "refused", "running", "tokens")

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = self.tokens = 0
        self.running = self.refused = 0

    def leak(self, limit: RateLimit, now: int) -> None:
        """Brings the levels up to now. An instant before the last one changes nothing: time never runs backwards here."""
        elapsed = now - self.at
        if elapsed <= 0:
            return
        self.at = now
        if self.calls:
            self.calls = leaked(self.calls, limit.invocations, elapsed) if limit.invocations else 0
        if self.tokens:
            self.tokens = leaked(self.tokens, limit.tokens, elapsed) if limit.tokens else 0

    def is_idle(self, limit: RateLimit, now: int) -> bool:
        """Whether a new bucket would say the same."""
        return not self.running and self.empty_at(limit) <= now

    def empty_at(self, limit: RateLimit) -> int:
        """When nothing is left of what came."""
        waits = [empty_in_ns(level, most) for level, most in ((self.calls, limit.invocations), (self.tokens, limit.tokens)) if most]
        return self.at + max(waits, default=0)


class Buckets:
    """Those of one limit, as its newest form was met. `entries` are in the order in which they were last asked for; `begun` is how often
    they began anew."""

    __slots__ = ("_most", "begun", "entries", "limit")

    def __init__(self, limit: RateLimit, most: int = SUBJECTS_MAX) -> None:
        self.limit = limit
        self.entries: OrderedDict[str, Bucket] = OrderedDict()
        self.begun = 0
        self._most = most

    def change(self, limit: RateLimit) -> None:
        """The policy says something else under this name. With another window the levels begin anew; what runs goes on to be counted."""
        if limit.window_ns != self.limit.window_ns:
            self.begun += 1
            for bucket in self.entries.values():
                bucket.calls = bucket.tokens = 0
        self.limit = limit

    def get(self, subject: str, now: int) -> Bucket:
        """The bucket of a subject, up to now; a new one is not kept before something is put into it."""
        bucket = self.entries.get(subject)
        if bucket is None:
            return Bucket(now)
        bucket.leak(self.limit, now)
        return bucket

    def keep(self, subject: str, bucket: Bucket, now: int) -> None:
        """Something was put into it."""
        entries = self.entries
        if subject in entries:
            entries.move_to_end(subject)
            return
        for _ in range(_LOOKED_AT):
            self._forget_oldest(now, whatever=len(entries) >= self._most)
        entries[subject] = bucket

    def _forget_oldest(self, now: int, whatever: bool) -> None:
        subject = next(iter(self.entries), None)
        if subject is None:
            return
        bucket = self.entries[subject]
        if bucket.running:
            # Its invocations count themselves out again: it must be there then.
            self.entries.move_to_end(subject)
        elif whatever or bucket.is_idle(self.limit, now):
            del self.entries[subject]

    def in_use(self, now: int) -> Iterator[tuple[str, Bucket]]:
        """Those that say something, up to now."""
        for subject, bucket in self.entries.items():
            if not bucket.is_idle(self.limit, now):
                bucket.leak(self.limit, now)
                yield subject, bucket
