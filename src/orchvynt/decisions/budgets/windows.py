"""When a budget's window begins and ends. Calendar windows, in UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from orchvynt.language.snapshot import WindowKind

SECOND_NS: Final = 1_000_000_000
_FIXED: Final = {"minute": 60 * SECOND_NS, "hour": 3_600 * SECOND_NS, "day": 86_400 * SECOND_NS}


def window_start(kind: WindowKind, now: int) -> int:
    """The start in ns UTC of the window that holds `now`; 0 for a lifetime. Weeks begin on Monday."""
    if kind == "lifetime":
        return 0
    if fixed := _FIXED.get(kind):
        return now - now % fixed
    return _calendar_start(kind, now // _FIXED["day"])


@lru_cache(64)  # a day's answer is the same for every invocation of that day; saves 6 µs on each
def _calendar_start(kind: WindowKind, day: int) -> int:
    date = datetime.fromtimestamp(day * 86_400, UTC)
    first = date - timedelta(days=date.weekday()) if kind == "week" else date.replace(day=1)
    return int(first.timestamp()) * SECOND_NS


def window_end(kind: WindowKind, start: int) -> int:
    """When the window that began at `start` ends, in ns UTC; 0 for a lifetime, which never does."""
    if kind == "lifetime":
        return 0
    if fixed := _FIXED.get(kind):
        return start + fixed
    if kind == "week":
        return start + 7 * _FIXED["day"]
    return _next_month(start)


@lru_cache(64)  # as above
def _next_month(start: int) -> int:
    first = datetime.fromtimestamp(start // SECOND_NS, UTC)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(following.timestamp()) * SECOND_NS
