"""When a budget's window begins and ends. Calendar windows, in UTC."""

from datetime import UTC, datetime, timedelta
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
    day = datetime.fromtimestamp(now // SECOND_NS, UTC).replace(hour=0, minute=0, second=0)
    first = day - timedelta(days=day.weekday()) if kind == "week" else day.replace(day=1)
    return int(first.timestamp()) * SECOND_NS


def window_end(kind: WindowKind, start: int) -> int:
    """When the window that began at `start` ends, in ns UTC; 0 for a lifetime, which never does."""
    if kind == "lifetime":
        return 0
    if fixed := _FIXED.get(kind):
        return start + fixed
    first = datetime.fromtimestamp(start // SECOND_NS, UTC)
    if kind == "week":
        return start + 7 * _FIXED["day"]
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(following.timestamp()) * SECOND_NS
