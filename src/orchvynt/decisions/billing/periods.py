"""Which time a question about money means: a month of a time zone, or so long until now. Knows no clock."""

import re
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from orchvynt.model.faults import Fault

SECOND_NS: Final = 1_000_000_000
UNITS_NS: Final = {"m": 60 * SECOND_NS, "h": 3_600 * SECOND_NS, "d": 86_400 * SECOND_NS}
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2199
_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])")


class Period(msgspec.Struct, frozen=True):
    """From `begin` to before `end`, in ns UTC."""

    begin: int
    end: int


def month(text: str, timezone: str) -> Period | Fault:
    """`2026-11` → from its first instant in `timezone` to that of the month after."""
    matched = _MONTH.fullmatch(text)
    if matched is None or not FIRST_YEAR <= int(matched[1]) <= LAST_YEAR:
        return Fault("invalid_request", f"{text[:40]!r} is no month.", "A month is written as 2026-11.", param="month")
    year, number = int(matched[1]), int(matched[2])
    following = date(year + number // 12, number % 12 + 1, 1)
    return Period(_midnight(date(year, number, 1), timezone), _midnight(following, timezone))


def since(text: str, now: int, timezone: str) -> Period | Fault:
    """`24h`, `90m`, `30d` until now; or from a day, `2026-11-03`, which begins in `timezone`; or from an instant with its offset."""
    if (matched := _DURATION.fullmatch(text)) is not None:
        return Period(max(0, now - int(matched[1]) * UNITS_NS[matched[2]]), now)
    begin = _instant(text, timezone)
    if begin is None:
        how = "A duration such as 24h or 30d, a day such as 2026-11-03, or an instant such as 2026-11-03T09:00:00Z."
        return Fault("invalid_request", f"{text[:40]!r} is no time.", how, param="since")
    if begin >= now:
        return Fault("invalid_request", f"{text[:40]} has not begun yet.", "Name a time that is past.", param="since")
    return Period(begin, now)


def _instant(text: str, timezone: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(timezone))
    return int(moment.astimezone(UTC).timestamp()) * SECOND_NS


def _midnight(day: date, timezone: str) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).timestamp()) * SECOND_NS
