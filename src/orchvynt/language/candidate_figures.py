"""What expressions of stage candidate read of one candidate: what was declared of it, and what was measured."""

import msgspec


class CandidateFigures(msgspec.Struct, frozen=True, gc=False):
    """What is known of one candidate. None: neither measured nor declared. `cost` is in USD, latencies are in milliseconds."""

    model: str
    provider: str
    region: str = ""
    quality: float | None = None
    cost: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    error_rate: float | None = None
    context_window: float | None = None
    healthy: bool = True
    samples: float = 0
