"""Calendar windows begin where a calendar says, and follow one another without gap or overlap."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.budgets.windows import SECOND_NS, account_window, placed_in
from orchvynt.language.snapshot import Budget, WindowKind

KINDS: list[WindowKind] = ["minute", "hour", "day", "week", "month"]


def window(kind: WindowKind, now: int, zone: str = "UTC", rolls_ns: int = 0) -> tuple[int, int]:
    return placed_in(Budget("b", "global", None, kind, timezone=zone, rolls_ns=rolls_ns), now)


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("minute", "2026-11-23T10:20:00", "2026-11-23T10:21:00"),
        ("hour", "2026-11-23T10:00:00", "2026-11-23T11:00:00"),
        ("day", "2026-11-23T00:00:00", "2026-11-24T00:00:00"),
        ("week", "2026-11-23T00:00:00", "2026-11-30T00:00:00"),
        ("month", "2026-11-01T00:00:00", "2026-12-01T00:00:00"),
    ],
)
def test_the_window_of_an_instant(kind: WindowKind, start: str, end: str) -> None:
    assert window(kind, ns("2026-11-23T10:20:30") + 5) == (ns(start), ns(end))


def test_december_is_followed_by_january() -> None:
    assert window("month", ns("2026-12-31T23:59:59")) == (ns("2026-12-01T00:00:00"), ns("2027-01-01T00:00:00"))


def test_a_lifetime_never_ends() -> None:
    assert window("lifetime", ns("2026-01-01T00:00:00")) == (0, 0)


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Beirut",
    "Atlantic/Azores",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Chatham",
    "Africa/Casablanca",
]


@given(
    kind=st.sampled_from(KINDS),
    zone=st.sampled_from(ZONES),
    now=st.integers(1_600_000_000, 2_500_000_000),
    past=st.integers(0, SECOND_NS - 1),
)
def test_windows_hold_their_instants_and_join_seamlessly(kind: WindowKind, zone: str, now: int, past: int) -> None:
    instant = now * SECOND_NS + past
    start, end = window(kind, instant, zone)
    assert start <= instant < end
    assert window(kind, start, zone) == window(kind, end - 1, zone) == (start, end)
    assert window(kind, end, zone)[0] == end
    assert window(kind, start - 1, zone)[1] == start


@pytest.mark.parametrize(
    ("zone", "kind", "now", "start", "hours"),
    [
        ("Europe/Berlin", "day", "2026-11-23T10:20:00", "2026-11-22T23:00:00", 24),
        ("Europe/Berlin", "day", "2026-03-29T10:00:00", "2026-03-28T23:00:00", 23),
        ("Europe/Berlin", "day", "2026-10-25T10:00:00", "2026-10-24T22:00:00", 25),
        ("Europe/Berlin", "week", "2026-10-25T10:00:00", "2026-10-18T22:00:00", 7 * 24 + 1),
        ("America/New_York", "month", "2026-12-01T03:00:00", "2026-11-01T04:00:00", 30 * 24 + 1),
        ("Asia/Kolkata", "hour", "2026-11-23T10:20:00", "2026-11-23T09:30:00", 1),
        ("Australia/Lord_Howe", "hour", "2026-04-04T15:10:00", "2026-04-04T14:30:00", 1),
        ("Africa/Cairo", "day", "2026-04-24T10:00:00", "2026-04-23T22:00:00", 23),
        ("Asia/Beirut", "day", "2026-03-29T10:00:00", "2026-03-28T22:00:00", 23),
        ("Atlantic/Azores", "day", "2026-10-25T10:00:00", "2026-10-25T00:00:00", 25),
        ("Europe/Berlin", "hour", "2026-10-25T01:10:00", "2026-10-25T01:00:00", 1),
        ("Europe/Berlin", "month", "2026-12-31T22:59:59", "2026-11-30T23:00:00", 31 * 24),
        ("Europe/Berlin", "month", "2026-12-31T23:00:00", "2026-12-31T23:00:00", 31 * 24),
        ("Europe/Berlin", "month", "2028-02-10T10:00:00", "2028-01-31T23:00:00", 29 * 24),
        ("Asia/Kathmandu", "hour", "2026-11-23T10:20:00", "2026-11-23T10:15:00", 1),
        ("Pacific/Chatham", "day", "2026-11-23T10:20:00", "2026-11-23T10:15:00", 24),
    ],
)
def test_windows_follow_the_policys_clocks(zone: str, kind: WindowKind, now: str, start: str, hours: int) -> None:
    begun, ends = window(kind, ns(now), zone)
    assert begun == ns(start)
    assert ends - begun == hours * 3_600 * SECOND_NS


@given(rolls_ns=st.integers(1, 400 * 86_400 * SECOND_NS), now=st.integers(0, 2**61))
def test_slices_follow_one_another_and_are_a_hundredth_of_the_window(rolls_ns: int, now: int) -> None:
    start, out = window("rolling", now, rolls_ns=rolls_ns)
    length = out - rolls_ns - start
    assert start <= now < start + length
    assert length == -(-rolls_ns // 100)
    assert window("rolling", start, rolls_ns=rolls_ns) == window("rolling", start + length - 1, rolls_ns=rolls_ns) == (start, out)
    assert window("rolling", start + length, rolls_ns=rolls_ns) == (start + length, out + length)
    assert now + rolls_ns < out <= now + rolls_ns + length, "counted for the whole length, and at most a slice longer"


def test_the_account_of_a_window_that_rolls_is_one() -> None:
    budget = Budget("b", "global", None, "rolling", rolls_ns=100 * SECOND_NS)
    assert account_window(budget, 5) == account_window(budget, ns("2026-01-01T00:00:00")) == (0, 100 * SECOND_NS)
    daily = Budget("b", "global", None, "day")
    assert account_window(daily, ns("2026-01-01T10:00:00")) == (ns("2026-01-01T00:00:00"), ns("2026-01-02T00:00:00"))


@pytest.mark.parametrize("zone", ZONES)
def test_the_windows_of_two_years_tile_them(zone: str) -> None:
    """One after the other, without a gap and without an overlap, over every change of the clocks."""
    for kind in ("day", "week", "month"):
        _, at = window(kind, ns("2026-01-01T00:00:00"), zone)
        while at < ns("2028-01-01T00:00:00"):
            start, end = window(kind, at, zone)
            assert start == at
            assert end - start >= 23 * 3_600 * SECOND_NS
            at = end
