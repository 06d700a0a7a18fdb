"""Working time: over the night, the weekend and changes of the clocks, nothing passes that is not worked."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.reviews.escalating import next_step, reminders
from orchvynt.decisions.reviews.working_hours import due
from orchvynt.language.snapshot import Escalation, Gate, WorkingHours

SECOND, HOUR = 10**9, 3_600 * 10**9
BERLIN = "Europe/Berlin"
OFFICE = WorkingHours((0, 1, 2, 3, 4), 9 * 60, 17 * 60 + 30, BERLIN)


def at(text: str, zone: str = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def test_without_a_calendar_all_time_counts() -> None:
    assert due(None, 100, 50) == 150


def test_a_night_and_a_weekend_do_not_count() -> None:
    assert due(OFFICE, at("2026-11-27T16:30"), 2 * HOUR) == at("2026-11-30T10:00"), "Friday to Monday"
    assert due(OFFICE, at("2026-11-28T12:00"), HOUR) == at("2026-11-30T10:00"), "opened on a Saturday"
    assert due(OFFICE, at("2026-11-30T05:00"), HOUR) == at("2026-11-30T10:00"), "opened before work"
    assert due(OFFICE, at("2026-11-30T09:00"), 17 * HOUR) == at("2026-12-01T17:30"), "two whole days end when work does"
    assert due(OFFICE, at("2026-11-30T17:30"), 1) == at("2026-12-01T09:00") + 1, "the end of the day is no working time"


def test_a_day_on_which_the_clocks_change_has_the_time_it_has() -> None:
    always = WorkingHours(tuple(range(7)), 0, 24 * 60, BERLIN)
    assert due(always, at("2026-03-29T00:00"), 23 * HOUR) == at("2026-03-30T00:00")
    assert due(always, at("2026-10-25T00:00"), 25 * HOUR) == at("2026-10-26T00:00")
    nights = WorkingHours((6,), 2 * 60 + 30, 6 * 60, BERLIN)
    assert due(nights, at("2026-03-28T00:00"), HOUR) == at("2026-03-29T04:30"), "02:30 is left out and comes at 03:30"


def test_reminders_and_escalations_count_by_the_calendar_of_their_gate() -> None:
    gate = Gate("g", "output", None, "p", False, None, (Escalation(2 * HOUR, "heads"),), remind_ns=(HOUR, 9 * HOUR), hours=OFFICE)
    opened = at("2026-11-27T17:00")
    assert reminders(gate, opened) == (at("2026-11-30T09:30"), at("2026-11-30T17:30"))
    assert next_step(gate, opened) == (at("2026-11-30T10:30"), "to heads")


def worked(hours: WorkingHours, start: int, end: int) -> int:
    """Minute by minute, as a clock on the wall shows it; sampled in the middle of each minute."""
    zone, minutes = ZoneInfo(hours.timezone), 0
    for minute in range(start, end, 60 * SECOND):
        local = datetime.fromtimestamp(minute // SECOND + 30, zone)
        minutes += local.weekday() in hours.days and hours.begins <= local.hour * 60 + local.minute < hours.ends
    return minutes


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.integers(4 * 60, 20 * 60),
    st.integers(1, 4 * 60),
    st.sampled_from([BERLIN, "America/New_York", "Asia/Kathmandu", "UTC", "Australia/Lord_Howe"]),
    st.sampled_from(["2026-03-07T00:00", "2026-03-28T00:00", "2026-10-24T00:00", "2026-10-31T00:00", "2026-04-04T00:00"]),
    st.integers(0, 3 * 24 * 60),
    st.integers(1, 300),
)
def test_exactly_the_duration_is_worked_until_it_is_due(
    days: tuple[int, ...], begins: int, length: int, zone: str, day: str, into: int, minutes: int
) -> None:
    """Against a naive clock, across changes of the clocks, which are at night in all of these zones."""
    hours = WorkingHours(days, begins, min(begins + length, 24 * 60), zone)
    start = at(day, zone) + into * 60 * SECOND
    end = due(hours, start, minutes * 60 * SECOND)
    assert worked(hours, start, end) == minutes
    last = datetime.fromtimestamp(end // SECOND, ZoneInfo(zone)) - timedelta(minutes=1)
    assert last.weekday() in days, "it falls due while people work"
