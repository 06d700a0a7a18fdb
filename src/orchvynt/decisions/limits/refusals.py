"""The words of a rate limit's refusal: which limit and subject, how much it allows, what remains, and when to come back."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchvynt.decisions.limits.charging import Over, Unit
from orchvynt.language.compiled_budgets import DAY_NS, RateLimit
from orchvynt.language.document.scalars import duration_text
from orchvynt.model.faults import Fault

SECOND_NS: Final = 1_000_000_000
_WINDOWS: Final[Mapping[int, str]] = MappingProxyType(
    {60 * SECOND_NS: "minute", 3_600 * SECOND_NS: "hour", DAY_NS: "day", 7 * DAY_NS: "week", 30 * DAY_NS: "month"}
)
_SAID: Final[Mapping[Unit, str]] = MappingProxyType({"invocations": "invocations", "tokens": "tokens", "concurrent": "at the same time"})


def window_text(limit: RateLimit) -> str:
    """The window in the policy's words: `minute`, or `rolling 90s`."""
    return _WINDOWS.get(limit.window_ns) or f"rolling {duration_text(limit.window_ns)}"


def rate_limited(over: Over) -> Fault:
    """429: one more would be too many now. Who comes back after `retry-after` is let in, if nobody else comes."""
    limit, wait_s = over.limit, max(1, -(-over.wait_ns // SECOND_NS))
    allowed = f"{over.most:,} {_SAID[over.unit]}" + ("" if over.unit == "concurrent" else f" a {window_text(limit)}")
    needed = f", and this call needs about {over.needed:,}" if over.unit == "tokens" else ""
    return Fault(
        "rate_limited",
        f"Rate limit {limit.name} ({limit.subject_of} {over.subject}) is reached: {allowed}, {over.remaining:,} remain{needed}.",
        f"Try again in {wait_s} s. See `orchvynt limits`; `limit` of `{limit.name}` in the policy says how many may come.",
        detail={
            "rate_limit": limit.name,
            "subject": over.subject,
            "unit": over.unit,
            "limit": over.most,
            "window": window_text(limit),
            "remaining": over.remaining,
            "needed": over.needed,
        },
        retry_after_seconds=wait_s,
    )
