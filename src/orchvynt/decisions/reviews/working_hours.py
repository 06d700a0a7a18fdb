"""Time that counts only while people work: when a duration of working time is over, by the clocks of the calendar's timezone.

A day on which the clocks change has as much working time as there really is between its two instants.
"""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from orchvynt.language.compiled_gates import WorkingHours

_SECOND_NS: Final = 1_000_000_000
_HOUR_MINUTES: Final = 60
_DAY_MINUTES: Final = 24 * 60
_DAYS_MAX: Final = 366 * 6
"""The policy's checks let nothing through that takes longer."""


def due(hours: WorkingHours | None, start: int, duration_ns: int) -> int:
    """When `duration_ns` of working time have passed since `start` (ns UTC). Without a calendar all time counts."""
    if hours is None:
        return start + duration_ns
    zone = ZoneInfo(hours.timezone)
    day = datetime.fromtimestamp(start // _SECOND_NS, zone).date() - timedelta(days=1)
    left = duration_ns
    for _ in range(_DAYS_MAX):
        if day.weekday() in hours.days:
            begins, ends = _instant(day, hours.begins, zone), _instant(day, hours.ends, zone)
            works = max(0, ends - max(begins, start))
            if 0 < left <= works:
                return max(begins, start) + left
            left -= works
        day += timedelta(days=1)
    return start + _DAYS_MAX * _DAY_MINUTES * 60 * _SECOND_NS


def _instant(day: date, minute: int, zone: ZoneInfo) -> int:
    """The instant (ns UTC) at which the clocks of that day say this; one that they leave out is as much later as they are put forward."""
    if minute == _DAY_MINUTES:
        day, minute = day + timedelta(days=1), 0
    at = datetime(day.year, day.month, day.day, minute // _HOUR_MINUTES, minute % _HOUR_MINUTES, tzinfo=zone)
    return int(at.timestamp()) * _SECOND_NS
