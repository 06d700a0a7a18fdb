"""What an operator is shown of rate limits and of models' routes, a line each. Read as a part of `runtime.control`."""

import msgspec

from orchvynt.decisions.fallback.sights import BreakerState
from orchvynt.decisions.routing.measured import Measured
from orchvynt.decisions.routing.statistics import UNMEASURED


class RateLimitLine(msgspec.Struct, frozen=True):
    """One rate limit for one subject. Limits are None where it has none. `full_ns`: in so long all of it may come again, if nobody
    comes. `refused` counts since its subject was first met."""

    name: str
    scope: str
    subject: str
    window: str
    limit_invocations: int | None
    remaining_invocations: int | None
    limit_tokens: int | None
    remaining_tokens: int | None
    limit_concurrent: int | None
    running: int
    refused: int
    full_ns: int


class BreakerLine(msgspec.Struct, frozen=True):
    """`error_rate` is of its window, or of the one that opened it; None without calls. `until` is ns UTC, 0 unless it is open."""

    state: BreakerState = "closed"
    error_rate: float | None = None
    until: int = 0


class ProviderLine(msgspec.Struct, frozen=True):
    """One model's route. `resting_until` is ns UTC, 0 when it may be asked; `why` is the trigger that put it to rest, or `breaker`.

    `measured` is of the last minutes, `nanos_per_call` its mean price. `quality` is the one in force where the workload has none of its
    own; it rests on `scores` scores, whose lower confidence bound alone is `quality_measured`."""

    model: str
    provider: str
    upstream_model: str
    address: str
    resting_until: int
    why: str
    attempts: int
    failures: int
    breaker: BreakerLine = BreakerLine()
    address_breaker: BreakerLine = BreakerLine()
    measured: Measured = UNMEASURED
    nanos_per_call: int | None = None
    quality: float | None = None
    quality_measured: float | None = None
    scores: int = 0
