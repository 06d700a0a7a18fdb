"""Calendar windows begin where a calendar says, and follow one another without gap or overlap."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.budgets.windows import SECOND_NS, window_end, window_start
from orchvynt.language.snapshot import WindowKind

KINDS: list[WindowKind] = ["minute", "hour", "day", "week", "month"]


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
    begun = window_start(kind, ns("2026-11-23T10:20:30") + 5)
    assert begun == ns(start)
    assert window_end(kind, begun) == ns(end)


def test_december_is_followed_by_january() -> None:
    assert window_end("month", ns("2026-12-01T00:00:00")) == ns("2027-01-01T00:00:00")


def test_a_lifetime_never_ends() -> None:
    assert window_start("lifetime", ns("2026-01-01T00:00:00")) == 0
    assert window_end("lifetime", 0) == 0


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Beirut",
    "Atlantic/Azores",
]


@given(
    kind=st.sampled_from(KINDS),
    zone=st.sampled_from(ZONES),
    now=st.integers(1_600_000_000, 2_500_000_000),
    past=st.integers(0, SECOND_NS - 1),
)
def test_windows_hold_their_instants_and_join_seamlessly(kind: WindowKind, zone: str, now: int, past: int) -> None:
    instant = now * SECOND_NS + past
    start = window_start(kind, instant, zone)
    end = window_end(kind, start, zone)
    assert start <= instant < end
    assert window_start(kind, start, zone) == start
    assert window_start(kind, end, zone) == end
    assert window_start(kind, end - 1, zone) == start


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
    ],
)
def test_windows_follow_the_policys_clocks(zone: str, kind: WindowKind, now: str, start: str, hours: int) -> None:
    begun = window_start(kind, ns(now), zone)
    assert begun == ns(start)
    assert window_end(kind, begun, zone) - begun == hours * 3_600 * SECOND_NS
