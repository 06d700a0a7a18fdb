"""The store is away by what it says and by what it does not take; budgets close in time, and never too few invocations are counted."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.outage.standing import JOURNAL_DOUBT_NS, SECOND, SILENT, SILENT_NS, TOLD_NS, Seen, Standing
from orchvynt.language.snapshot import Outage

TERMS = Outage(closed_after_ns=30 * SECOND, buffer=3)
START = 1_000 * SECOND


def seen(seconds: float, filed: int = 10, written: int = 10, problem: str = "", begun: int = 0) -> Seen:
    return Seen(START + round(seconds * SECOND), (1, written), (1, filed), problem, begun)


def looked(*looks: Seen, terms: Outage = TERMS) -> Standing:
    standing = Standing()
    for look in looks:
        standing.look(look, terms)
    return standing


def test_what_is_filed_as_it_comes_is_there() -> None:
    standing = looked(seen(0), seen(1, 10, 20), seen(20, 20, 400), seen(40, 400, 401))
    assert (standing.away, standing.why, standing.budgets_closed, standing.full, standing.serves_all) == (False, "", False, False, True)


def test_what_says_why_it_takes_nothing_is_away_since_all_was_well() -> None:
    standing = looked(seen(0), seen(3, 10, 20), seen(4, 10, 20, "the disk is full."))
    assert (standing.away, standing.why, standing.lasts_ns) == (True, "the disk is full.", 4 * SECOND)
    assert not standing.budgets_closed


def test_budgets_close_when_their_time_is_over_and_open_when_it_is_back() -> None:
    standing = looked(seen(0), seen(29.9, problem="cut."))
    assert not standing.budgets_closed
    standing.look(seen(30, problem="cut."), TERMS)
    assert standing.budgets_closed
    assert not standing.serves_all
    standing.look(seen(31, 11, 11), TERMS)
    assert not standing.budgets_closed
    assert standing.lasts_ns == 0


def test_a_journal_that_took_nothing_a_moment_ago_is_believed_to_take_nothing() -> None:
    """Whether it does again, only the next write can tell: some are let come after a while."""
    refused = JOURNAL_DOUBT_NS // SECOND
    standing = looked(seen(0), seen(1))
    assert not standing.journal_fails
    for at, failures, fails in ((2, 1, True), (1 + refused, 1, True), (2 + refused, 1, False), (3 + refused, 2, True)):
        standing.look(msgspec.structs.replace(seen(at), failures=failures), TERMS)
        assert standing.journal_fails == fails, at
    assert not standing.away


def test_with_no_time_they_close_at_once() -> None:
    assert looked(seen(0), seen(0.1, problem="cut."), terms=Outage(0, 3)).budgets_closed


def test_a_store_that_says_nothing_and_takes_nothing_is_away_after_a_while() -> None:
    silence = SILENT_NS // SECOND
    standing = looked(seen(0), seen(1, 10, 20), seen(silence - 0.1, 10, 30))
    assert not standing.away
    standing.look(seen(silence, 10, 30), TERMS)
    assert (standing.away, standing.why) == (True, SILENT)
    standing.look(seen(31, 10, 30), TERMS)
    assert standing.budgets_closed


def test_a_store_that_is_asked_for_nothing_is_not_silent() -> None:
    assert not looked(seen(0), seen(1_000)).away


def test_a_full_buffer_lets_no_further_one_begin_and_only_while_the_store_is_away() -> None:
    standing = looked(seen(0, begun=7), seen(1, 10, 20, begun=9))
    standing.begun = 10
    assert (standing.unheard, standing.full) == (3, False), "the store is there, and takes them in a moment"
    standing.look(seen(2, 10, 20, "cut.", begun=9), TERMS)
    assert standing.full
    standing.look(seen(3, 15, 30, begun=10), TERMS)
    assert not standing.full


def test_what_is_filed_up_to_a_look_was_heard_of() -> None:
    standing = looked(seen(0, begun=0), seen(1, 10, 20, begun=4), seen(2, 19, 40, begun=8))
    standing.begun = 8
    assert standing.unheard == 8, "nobody knows of which invocations the last byte is"
    standing.look(seen(3, 20, 40, begun=8), TERMS)
    assert standing.unheard == 4


def test_people_are_told_of_what_lasts_or_closes_something_once_and_of_its_end() -> None:
    standing = looked(seen(0), seen(1, problem="cut."))
    assert standing.news() == ""
    standing.look(seen(TOLD_NS // SECOND, problem="cut."), TERMS)
    assert [standing.news(), standing.news()] == ["firing", ""]
    standing.look(seen(8, 11, 11), TERMS)
    assert [standing.news(), standing.news()] == ["resolved", ""]
    standing.look(seen(9, problem="cut."), Outage(0, 3))
    assert standing.news() == "firing", "it has closed something"


def test_of_a_blink_nobody_is_told() -> None:
    standing = looked(seen(0), seen(1, problem="cut."), seen(2, 11, 11))
    assert standing.news() == ""


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=40))
def test_never_too_few_are_counted(steps: list[tuple[int, int, bool]]) -> None:
    """Each invocation is one place of the journal here: the store has not heard of those behind `filed`."""
    standing, begun, filed = Standing(), 0, 0
    for number, (more, taken, works) in enumerate(steps):
        begun += more
        standing.begun = begun
        filed = min(begun, filed + taken) if works else filed
        standing.look(Seen(START + number, (1, begun), (1, filed), "" if works else "cut.", begun), TERMS)
        assert standing.unheard >= begun - filed
        assert standing.unheard <= begun
