"""The JSON about rate limits, as in operator_shapes. What a limit does not bound is null."""

import msgspec


class RateLimitView(msgspec.Struct, frozen=True):
    """One rate limit for one subject. `scope` is whose calls are counted together, or the expression of `by`. `full_at` is when all of it
    may come again, if nobody comes until then; empty where it may now. `running` are its invocations under way, those in review not
    counted; `refused` counts since its subject was first met."""

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
    full_at: str
