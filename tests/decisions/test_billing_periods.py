"""Months of a time zone, and times until now."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.billing.periods import Period, month, since
from orchvynt.model.faults import Fault

NOW = 1_767_229_200_000_000_000  # 2026-01-01T01:00:00Z
HOUR = 3_600_000_000_000


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def test_a_month_is_that_of_its_time_zone() -> None:
    assert month("2026-11", "UTC") == Period(instant("2026-11-01T00:00:00Z"), instant("2026-12-01T00:00:00Z"))
    assert month("2026-12", "Europe/Berlin") == Period(instant("2026-12-01T00:00:00+01:00"), instant("2027-01-01T00:00:00+01:00"))
    march = month("2026-03", "Europe/Berlin")
    assert isinstance(march, Period)
    assert march.end - march.begin == (31 * 24 - 1) * HOUR, "clocks go forward"


@pytest.mark.parametrize("text", ["", "2026-13", "2026-0", "2026-1", "26-11", "2026-11-01", "1999-12", "9999-01", "2026/11", "٢٠٢٦-١١"])
def test_what_is_no_month_is_refused(text: str) -> None:
    refused = month(text, "UTC")
    assert isinstance(refused, Fault)
    assert refused.param == "month"


@given(st.integers(2000, 2199), st.integers(1, 12), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
def test_months_follow_one_another_without_a_gap(year: int, number: int, zone: str) -> None:
    first = month(f"{year}-{number:02d}", zone)
    assert isinstance(first, Period)
    begin = datetime.fromtimestamp(first.begin // 1_000_000_000, UTC).astimezone(ZoneInfo(zone))
    assert (begin.year, begin.month, begin.day, begin.hour) == (year, number, 1, 0)
    if (year, number) < (2199, 12):
        following = month(f"{year + number // 12}-{number % 12 + 1:02d}", zone)
        assert isinstance(following, Period)
        assert following.begin == first.end


def test_since_takes_durations_days_and_instants() -> None:
    assert since("24h", NOW, "UTC") == Period(NOW - 24 * HOUR, NOW)
    assert since("90m", NOW, "UTC") == Period(NOW - 3 * HOUR // 2, NOW)
    assert since("30d", NOW, "UTC") == Period(NOW - 30 * 24 * HOUR, NOW)
    assert since("99999d", NOW, "UTC") == Period(0, NOW)
    assert since("2025-12-31", NOW, "Europe/Berlin") == Period(instant("2025-12-31T00:00:00+01:00"), NOW)
    assert since("2025-12-31T22:00:00Z", NOW, "Europe/Berlin") == Period(NOW - 3 * HOUR, NOW)
    assert since("2026-01-01T01:00:00+01:00", NOW, "UTC") == Period(NOW - HOUR, NOW)


@pytest.mark.parametrize("text", ["", "0h", "-1h", "1w", "h", "1.5h", "yesterday", "2026-01-02", "0001-01-01", "2026-02-30", "24 h"])
def test_what_is_no_past_time_is_refused(text: str) -> None:
    refused = since(text, NOW, "UTC")
    assert isinstance(refused, Fault)
    assert refused.param == "since"
