"""A bucket of a rate limit that several processes share, as the store keeps it between their turns. Instants are the store's, in ns UTC."""

from orchvynt.decisions.limits.buckets import Bucket
from orchvynt.language.compiled_budgets import RateLimit


class SharedBucket(Bucket):
    """A bucket that counts for all processes. It leaks by `form`, the limit as it was last asked for. Of `running`, `mine` run in that
    process whose turn it is."""

    __slots__ = ("form", "mine")

    def __init__(self, form: RateLimit | None, at: int, elsewhere: int = 0) -> None:
        super().__init__(at)
        self.form = form
        self.mine = 0
        self.running = elsewhere

    def copied(self) -> Bucket:
        """As it stands now."""
        copy = Bucket(self.at)
        copy.calls, copy.tokens, copy.running, copy.refused = self.calls, self.tokens, self.running, self.refused
        return copy

    def leak_now(self, now: int) -> None:
        if self.form is not None:
            self.leak(self.form, now)
        self.at = max(self.at, now)

    def take_form(self, limit: RateLimit, now: int) -> None:
        """Whoever asks says what the limit is. With another window the levels begin anew."""
        self.leak_now(now)
        if self.form is not None and self.form.window_ns != limit.window_ns:
            self.calls = self.tokens = 0
        self.form = limit
        self.leak(limit, now)
