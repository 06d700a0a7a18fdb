"""When a budget's window begins and ends: by the calendar of the policy's timezone, or by slices where it rolls.

A day begins with its first instant, where a change of the clocks leaves midnight out or repeats it; it then has 23 or 25 hours.
A window that rolls is counted in slices of a hundredth of its length. What was held in a slice counts until the whole slice is older than
the window: never more than the limit within any window of that length, and at most a hundredth of it longer than need be.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from orchvynt.language.snapshot import Budget, WindowKind

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_S: Final = 3_600
# Clocks are changed at quarters of an hour, if not at whole ones: within a quarter all instants are in the same windows.
QUARTER_S: Final = 900
_QUARTER_NS: Final = QUARTER_S * SECOND_NS
SLICES: Final = 100


def placed_in(budget: Budget, now: int) -> tuple[int, int]:
    """The window that a hold made at `now` is placed in, and when that is over, in ns UTC: 0 and 0 for a lifetime. Of a window that
    rolls, the slice, and when all of it has rolled out."""
    kind = budget.window
    if kind == "lifetime":
        return 0, 0
    if kind == "rolling":
        length = slice_length(budget.rolls_ns)
        start = now - now % length
        return start, start + length + budget.rolls_ns
    if kind == "minute":
        start = now - now % MINUTE_NS
        return start, start + MINUTE_NS
    return _window(kind, budget.timezone, now // _QUARTER_NS)


def account_window(budget: Budget, now: int) -> tuple[int, int]:
    """The window of the account that stands at `now`, as `AccountKey` names it."""
    return (0, budget.rolls_ns) if budget.rolls_ns else placed_in(budget, now)


def slice_length(rolls_ns: int) -> int:
    """How long a slice of a window that rolls is: a hundredth of it, rounded up."""
    return -(-rolls_ns // SLICES)


@lru_cache(256)  # the same for every invocation of a quarter of an hour; saves 6 µs on each
def _window(kind: WindowKind, timezone: str, quarter: int) -> tuple[int, int]:
    start = _start(kind, timezone, quarter)
    return start, _end(kind, timezone, start)


def _start(kind: WindowKind, timezone: str, quarter: int) -> int:
    at = quarter * QUARTER_S
    local = datetime.fromtimestamp(at, ZoneInfo(timezone))
    if kind == "hour":
        return (at - (at + _past_the_hour(local)) % HOUR_S) * SECOND_NS
    day = local.date()
    if kind == "week":
        day -= timedelta(days=day.weekday())
    elif kind == "month":
        day = day.replace(day=1)
    return _midnight(day, timezone)


def _end(kind: WindowKind, timezone: str, start: int) -> int:
    if kind == "hour":
        return start + HOUR_S * SECOND_NS
    day = datetime.fromtimestamp(start // SECOND_NS, ZoneInfo(timezone)).date()
    if kind == "month":
        return _midnight(day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1), timezone)
    return _midnight(day + timedelta(days=7 if kind == "week" else 1), timezone)


def _midnight(day: date, timezone: str) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).timestamp()) * SECOND_NS


def _past_the_hour(local: datetime) -> int:
    """By how many seconds the zone's own hours are shifted against UTC's: 1,800 in India. Summer time does not count, for hours join
    seamlessly where it is half an hour."""
    offset, summer = local.utcoffset(), local.dst()
    assert offset is not None
    return int((offset - (summer or timedelta())).total_seconds()) % HOUR_S
