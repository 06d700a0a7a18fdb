"""How callers are told of the rate limits that they are under: in the headers of the API that they speak.

OpenAI's names and durations (`6m0s`, `20ms`): platform.openai.com/docs/guides/rate-limits. Anthropic's names and RFC 3339 instants:
platform.claude.com/docs/en/api/rate-limits. Other callers get OpenAI's, which most clients know.
"""

from datetime import UTC, datetime
from typing import Final

from orchvynt.model.invocation import DialectName
from orchvynt.model.rates import Gauge, Gauges

RateHeaders = tuple[tuple[str, str], ...]

_SECOND: Final = 1_000_000_000
_MS: Final = 1_000_000


def rate_headers(dialect: DialectName, gauges: Gauges, at: int) -> RateHeaders:
    """Nothing where no limit applies. `at` is now in ns UTC."""
    headers: list[tuple[str, str]] = []
    for what, gauge in (("requests", gauges.requests), ("tokens", gauges.tokens)):
        if gauge is not None:
            headers += _anthropic(what, gauge, at) if dialect == "anthropic_messages" else _openai(what, gauge)
    return tuple(headers)


def _openai(what: str, gauge: Gauge) -> list[tuple[str, str]]:
    return [
        (f"x-ratelimit-limit-{what}", str(gauge.limit)),
        (f"x-ratelimit-remaining-{what}", str(gauge.remaining)),
        (f"x-ratelimit-reset-{what}", go_duration(gauge.full_ns)),
    ]


def _anthropic(what: str, gauge: Gauge, at: int) -> list[tuple[str, str]]:
    # Whole seconds, rounded up: at that instant it is true.
    reset = datetime.fromtimestamp(-(-(at + gauge.full_ns) // _SECOND), UTC)
    return [
        (f"anthropic-ratelimit-{what}-limit", str(gauge.limit)),
        (f"anthropic-ratelimit-{what}-remaining", str(gauge.remaining)),
        (f"anthropic-ratelimit-{what}-reset", f"{reset:%Y-%m-%dT%H:%M:%SZ}"),
    ]


def go_duration(nanos: int) -> str:
    """A duration as OpenAI writes it, rounded up: `0s`, `20ms`, `59s`, `6m0s`, `1h0m5s`."""
    if 0 < nanos <= _SECOND - _MS:
        return f"{-(-nanos // _MS)}ms"
    seconds = -(-nanos // _SECOND)
    hours, minutes = seconds // 3_600, seconds // 60 % 60
    if hours:
        return f"{hours}h{minutes}m{seconds % 60}s"
    return f"{minutes}m{seconds % 60}s" if minutes else f"{seconds}s"
