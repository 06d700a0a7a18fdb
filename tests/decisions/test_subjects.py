"""How many subjects a key may name: the known ones go on, a new one too many is refused until the hour is over."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.identity.subjects import WINDOW_NS, Subjects


def test_a_new_subject_too_many_is_told_by_its_scope_and_known_ones_go_on() -> None:
    subjects = Subjects(most=2)
    assert subjects.beyond("k", [("run", "a"), ("session", "s")], 1) == ""
    assert subjects.beyond("k", [("run", "b"), ("session", "s")], 2) == ""
    assert subjects.beyond("k", [("session", "s"), ("run", "c")], 3) == "run"
    assert subjects.beyond("k", [("run", "a")], 4) == ""
    assert subjects.beyond("k", [("run", "")], 4) == "", "nothing said is no subject of its own"


def test_keys_and_scopes_do_not_use_up_one_anothers_room() -> None:
    subjects = Subjects(most=1)
    assert subjects.beyond("k", [("run", "a")], 1) == ""
    assert subjects.beyond("other", [("run", "b")], 1) == ""
    assert subjects.beyond("k", [("session", "b")], 1) == ""


def test_a_new_hour_begins_anew_and_the_refusal_says_when() -> None:
    subjects = Subjects(most=1)
    assert subjects.beyond("k", [("run", "a")], 5) == ""
    fault = subjects.refusal("k", "run", WINDOW_NS - 1_500_000_000)
    assert (fault.code, fault.status, fault.retry_after_seconds) == ("rate_limited", 429, 2)
    assert subjects.beyond("k", [("run", "b")], WINDOW_NS - 1) == "run"
    assert subjects.beyond("k", [("run", "b")], WINDOW_NS) == ""


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["k1", "k2"]), st.integers(0, 30)), max_size=80), st.integers(1, 10))
def test_never_more_than_the_limit_are_let_in(calls: list[tuple[str, int]], most: int) -> None:
    subjects = Subjects(most=most)
    passed: dict[str, set[int]] = {"k1": set(), "k2": set()}
    for key, run in calls:
        if not subjects.beyond(key, [("run", f"r{run}")], 7):
            passed[key].add(run)
        else:
            assert run not in passed[key]
            assert len(passed[key]) == most
    assert all(len(runs) <= most for runs in passed.values())
