"""What is measured of one model over its window."""

import msgspec


class Measured(msgspec.Struct, frozen=True, gc=False):
    """One model's window. `samples` are its attempts; None is unmeasured. Token means are per answer whose usage is known."""

    samples: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    error_rate: float | None = None
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
