"""How an attempt failed, and how a breaker and a route look: values that go in and out of what decides on them."""

from typing import Literal

import msgspec

BreakerState = Literal["closed", "open", "half-open"]


class Sight(msgspec.Struct, frozen=True):
    """A breaker as people see it. `error_rate` is of the window, or of the one that opened it; None without calls. `until` is 0 unless it
    is open. `opened` counts since the start."""

    state: BreakerState
    error_rate: float | None
    until: int
    opened: int = 0


class How(msgspec.Struct, frozen=True, gc=False):
    """How an attempt failed: the outcome's word, whether a connection stood, and the wait that the provider asked for (0: none).

    `stale`: it was sent on a connection that had most likely been closed before, which is nobody's fault."""

    outcome: str
    connected: bool
    retry_after_ns: int
    stale: bool = False


class Standing(msgspec.Struct, frozen=True):
    """A route as people see it. `until` is the end of its rest or of its breaker's, 0 where it may be asked."""

    until: int
    why: str
    breaker: Sight
    address: Sight
    attempts: int
    failures: int
