"""How a caller stands with the rate limits that apply to it, as answers tell it."""

import msgspec


class Gauge(msgspec.Struct, frozen=True, gc=False):
    """Of one limit: how much it allows, how much of that may still come now, and in how many ns all of it may come again."""

    limit: int
    remaining: int
    full_ns: int


class Gauges(msgspec.Struct, frozen=True, gc=False):
    """The tightest limit on invocations and the tightest on tokens; None where none applies."""

    requests: Gauge | None = None
    tokens: Gauge | None = None


NO_GAUGES = Gauges()
