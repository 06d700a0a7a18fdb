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


@given(kind=st.sampled_from(KINDS), now=st.integers(0, 4_000_000_000 * SECOND_NS))
def test_windows_hold_their_instants_and_join_seamlessly(kind: WindowKind, now: int) -> None:
    start = window_start(kind, now)
    end = window_end(kind, start)
    assert start <= now < end
    assert window_start(kind, end) == end
    assert window_start(kind, end - 1) == start
