"""The retry budget: which share of the calls of this process may be retries on the same model. Moves to a further tier are none.

`RetryBudget` bounds the share over all models, after Finagle's and Linkerd's retry budgets, which also look back ten seconds and leave a
floor for quiet times (https://twitter.github.io/finagle/guide/Clients.html#retries, https://linkerd.io/2/tasks/configuring-retries/).
Their floor is ten retries a second; a model is asked a hundredth as often as a service, so here it is one.

That alone would spend, in the first moments of an outage, what the good calls before it had earned. So a model that fails more often than
the share is not retried at all, by gRPC's throttle (https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
"""

from typing import Final

SLOT_NS: Final = 1_000_000_000
SLOTS: Final = 10
FLOOR: Final = 10
"""So many retries within the window are allowed however few the calls were."""
WHOLE: Final = 10_000
TOKENS_MAX: Final = 10 * WHOLE


class RetryBudget:
    """Calls and retries of the last ten seconds, in slots of one. Instants are monotonic nanoseconds."""

    __slots__ = ("_at", "_calls", "_retries", "_slot_ends", "calls", "retries")

    def __init__(self) -> None:
        self._calls, self._retries = [0] * SLOTS, [0] * SLOTS
        self.calls = self.retries = self._at = self._slot_ends = 0

    def called(self, now: int) -> None:
        """An attempt is sent that is no retry."""
        if now >= self._slot_ends:
            self._turn(now)
        self._calls[self._at] += 1
        self.calls += 1

    def allows(self, share: int, now: int) -> bool:
        """Whether one more retry stays within the share, in parts of 10,000. A share of 0 allows none at all."""
        if now >= self._slot_ends:
            self._turn(now)
        return share > 0 and (self.retries < FLOOR or (self.retries + 1) * WHOLE <= share * self.calls)

    def retried(self, now: int) -> None:
        if now >= self._slot_ends:
            self._turn(now)
        self._retries[self._at] += 1
        self.retries += 1

    def _turn(self, now: int) -> None:
        for _ in range(min(SLOTS, (now - self._slot_ends) // SLOT_NS + 1)):
            self._at = (self._at + 1) % SLOTS
            self.calls -= self._calls[self._at]
            self.retries -= self._retries[self._at]
            self._calls[self._at] = self._retries[self._at] = 0
        self._slot_ends = now - now % SLOT_NS + SLOT_NS


class Throttle:
    """One model's tokens, in parts of 10,000: a failure takes one, an answer brings the share of one, a second without a failure a whole
    one. It may be retried while more than half of the most are left."""

    __slots__ = ("_failed", "tokens")

    def __init__(self) -> None:
        self.tokens = TOKENS_MAX
        self._failed = 0

    @property
    def full(self) -> bool:
        return self.tokens >= TOKENS_MAX

    @property
    def allows(self) -> bool:
        return self.tokens * 2 > TOKENS_MAX

    def answered(self, share: int) -> None:
        self.tokens = min(TOKENS_MAX, self.tokens + share)

    def failed(self, now: int) -> None:
        earned = (now - self._failed) * WHOLE // SLOT_NS
        self.tokens = max(0, min(TOKENS_MAX, self.tokens + earned) - WHOLE)
        self._failed = now
