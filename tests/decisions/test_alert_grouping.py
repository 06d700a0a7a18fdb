"""The state machine of alerts: what is told when, over any course of a condition."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import SECOND

from orchvynt.decisions.alerts.grouping import Group, Notice, Pace
from orchvynt.decisions.alerts.sliding import Figures

PACE = Pace(wait_ns=5 * SECOND, interval_ns=30 * SECOND, repeat_ns=100 * SECOND)
A, B = ("default", "openai"), ("default", "anthropic")
SOME = Figures(10, 5)


def look(group: Group, second: int, *holding: tuple[str, str]) -> list[tuple[str, list[str], bool]]:
    """One look at two members: what is told, of whom, and whether it is a repetition."""
    for key in (A, B):
        group.observe(key, key in holding, SOME, "inv_1", second, second * SECOND)
    return [(one.status, [member.key[1] for member in one.members], one.repeated) for one in group.take(second * SECOND)]


def test_what_begins_within_the_wait_is_told_together_then_again_then_over_once() -> None:
    group = Group(PACE)
    told = {}
    for second in range(300):
        holding = [key for key, until in ((A, 150), (B, 200)) if (3 if key == B else 0) <= second < until]
        if said := look(group, second, *holding):
            told[second] = said
    assert told == {
        5: [("firing", ["openai", "anthropic"], False)],
        105: [("firing", ["openai", "anthropic"], True)],
        185: [("resolved", ["openai"], False)],
        235: [("resolved", ["anthropic"], False)],
    }
    assert group.members == {}


def test_what_begins_later_waits_for_the_interval_and_names_only_itself() -> None:
    group = Group(PACE)
    told = {second: said for second in range(60) if (said := look(group, second, A, *([B] if second >= 10 else [])))}
    assert told == {5: [("firing", ["openai"], False)], 35: [("firing", ["anthropic"], False)]}


def test_a_short_recovery_is_none_and_a_short_trouble_ends_without_a_word() -> None:
    group = Group(PACE)
    told = {second: said for second in range(90) if (said := look(group, second, *([A] if second < 8 or second % 20 == 0 else [])))}
    assert list(told) == [5]
    assert group.members[A].told == 5 * SECOND
    assert group.members[A].phase == "firing"
    quiet = Group(Pace(60 * SECOND, 60 * SECOND, 100 * SECOND))
    assert [second for second in range(200) if look(quiet, second, *([A] if second < 2 else []))] == []
    assert quiet.members == {}


def test_one_that_comes_back_before_its_end_was_told_goes_on() -> None:
    group = Group(PACE)
    told = {second: said for second in range(90) if (said := look(group, second, *([A] if second < 8 or second > 39 else [])))}
    assert told == {5: [("firing", ["openai"], False)]}


def test_an_alert_that_is_no_more_ends_what_was_told() -> None:
    group = Group(PACE)
    for second in range(10):
        look(group, second, A)
    group.observe(B, True, SOME, "", 10, 10 * SECOND)
    assert [(one.status, [member.key for member in one.members]) for one in group.close()] == [("resolved", [A])]
    assert group.close() == []


def test_a_notice_does_not_change_afterwards() -> None:
    group = Group(Pace(0, SECOND, SECOND))
    group.observe(A, True, SOME, "inv_1", 1, 0)
    (notice,) = group.take(0)
    group.observe(A, True, Figures(99, 99), "inv_2", 1, 1)
    assert (notice.members[0].figures, notice.members[0].last) == (SOME, "inv_1")


KEYS = [("default", f"p{number}") for number in range(4)]
courses = st.lists(st.tuples(st.integers(1, 40), st.lists(st.booleans(), min_size=len(KEYS), max_size=len(KEYS))), min_size=1, max_size=120)
paces = st.builds(
    Pace, st.integers(0, 20).map(SECOND.__mul__), st.integers(1, 60).map(SECOND.__mul__), st.integers(60, 300).map(SECOND.__mul__)
)


@settings(max_examples=150, deadline=None)
@given(courses, paces)
def test_nobody_is_told_twice_without_a_repeat_or_an_end_between(course: list[tuple[int, list[bool]]], pace: Pace) -> None:
    group, mono = Group(pace), 0
    firing: dict[tuple[str, str], int] = {}
    held_at: dict[tuple[str, str], int] = {}
    news: list[int] = []
    for wait, holding in course:
        mono += wait * SECOND
        for key, holds in zip(KEYS, holding, strict=True):
            if holds:
                held_at[key] = mono
            group.observe(key, holds, SOME, "", mono, mono)
        for notice in group.take(mono):
            _follow(notice, firing, held_at, pace, mono)
            if notice.status == "firing" and not notice.repeated:
                assert not news or mono - news[-1] >= pace.interval_ns, "first messages of a group are an interval apart"
                news.append(mono)
        assert set(group.members) <= set(KEYS)
        assert {key for key, one in group.members.items() if one.told is not None} == set(firing)
    for _ in range(3):
        mono += 10_000 * SECOND
        for key in KEYS:
            group.observe(key, False, SOME, "", mono, mono)
        for notice in group.take(mono):
            assert notice.status == "resolved"
            _follow(notice, firing, held_at, pace, mono)
    assert not firing, "whatever was told is told to be over"
    assert not group.members


def _follow(notice: Notice, firing: dict[tuple[str, str], int], held_at: dict[tuple[str, str], int], pace: Pace, mono: int) -> None:
    assert notice.members
    for member in notice.members:
        if notice.status == "firing":
            assert member.key not in firing or mono - firing[member.key] >= pace.repeat_ns
            firing[member.key] = mono
        else:
            assert mono - held_at[member.key] >= pace.interval_ns, "over only after it did not hold for a while"
            del firing[member.key]  # KeyError: it was never told
