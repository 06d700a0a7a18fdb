"""What the headers of an answer say of the provider's own rate limits: that nothing is left, and for how long. Hostile input: read
strictly, bounded, and what makes no sense says nothing.

OpenAI and those like it: `x-ratelimit-remaining-…` with a duration in `x-ratelimit-reset-…` (platform.openai.com/docs/guides/rate-limits).
Anthropic: `anthropic-ratelimit-…-remaining` with an RFC 3339 instant (platform.claude.com/docs/en/api/rate-limits).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from orchvynt.dialects.outcomes import retry_after_ns, retry_after_of

REMAINING: Final[Mapping[bytes, bytes]] = MappingProxyType(
    {
        **{f"x-ratelimit-remaining-{what}".encode(): f"x-ratelimit-reset-{what}".encode() for what in ("requests", "tokens")},
        **{
            f"anthropic-ratelimit-{what}-remaining".encode(): f"anthropic-ratelimit-{what}-reset".encode()
            for what in ("requests", "tokens", "input-tokens", "output-tokens")
        },
    }
)
"""The headers that say how much is left, each with the one that says when all of it is there again."""

QUOTA_REST_NS_MAX: Final = 600_000_000_000
"""A hint is believed for ten minutes at a time; the next answer says it again."""
_ABSURD_NS: Final = 7 * 86_400_000_000_000
_VALUE_BYTES_MAX: Final = 64
_SECOND: Final = 1_000_000_000

_ZERO: Final = re.compile(rb"\s*0{1,20}\s*")
_DURATION: Final = re.compile(
    r"(?:(\d{1,3})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})(?:\.(\d{1,9}))?s)?(?:(\d{1,10})(?:\.\d{1,9})?ms)?", re.ASCII
)
_SECONDS: Final = re.compile(r"(\d{1,10})(?:\.(\d{1,9}))?", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,6})?\d{0,3}(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def quota_rest_ns(headers: Sequence[tuple[bytes, bytes]], now: int) -> int:
    """For how long nothing is left, as far as the headers say: until the last of the limits that are used up is whole again, else as
    `retry-after` says; at most ten minutes, 0 if it cannot be told. `now` is in ns UTC."""
    known: dict[bytes, bytes] = {}
    for name, value in headers:
        known.setdefault(name, value)
    resets = [known.get(reset, b"") for name, reset in REMAINING.items() if _ZERO.fullmatch(known.get(name, b""))]
    if not resets:
        return 0
    waits = [reset_ns(value.decode("latin-1"), now) for value in resets if len(value) <= _VALUE_BYTES_MAX]
    wait = max(waits, default=0) or retry_after_ns(retry_after_of(headers), now)
    return min(wait, QUOTA_REST_NS_MAX)


def reset_ns(value: str, now: int) -> int:
    """A duration (`6m0s`, `20ms`), a number of seconds or an instant, as ns from now; 0 for what is past, absurd, or none of these."""
    value = value.strip()
    if not value:
        return 0
    found = _duration_ns(value) or _instant_ns(value, now)
    return found if 0 < found <= _ABSURD_NS else 0


def _duration_ns(value: str) -> int:
    if number := _SECONDS.fullmatch(value):
        return _nanos(number[1], number[2])
    parts = _DURATION.fullmatch(value)
    if parts is None:
        return 0
    days, hours, minutes, seconds, fraction, millis = parts.groups()
    whole = int(days or 0) * 86_400 + int(hours or 0) * 3_600 + int(minutes or 0) * 60
    return whole * _SECOND + _nanos(seconds or "0", fraction) + int(millis or 0) * 1_000_000


def _nanos(whole: str, fraction: str | None) -> int:
    return int(whole) * _SECOND + int((fraction or "0").ljust(9, "0"))


def _instant_ns(value: str, now: int) -> int:
    if not _INSTANT.fullmatch(value):
        return 0
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError:
        return 0
    return int(moment.timestamp()) * _SECOND - now
