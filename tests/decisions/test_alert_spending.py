"""Thresholds on their way to people: one message for many subjects, at a pace, each once, over restarts."""

from orchvynt.decisions.alerts import spending as sp
from orchvynt.decisions.alerts.memory import Memory, decode, encode
from orchvynt.decisions.alerts.spending import SECOND, Spending
from orchvynt.model.facts import BudgetThresholdPassed


def passed(subject: str, share: int = 8_000, budget: str = "b", resets_at: int = 0, window: int = 0) -> BudgetThresholdPassed:
    return BudgetThresholdPassed("inv_1", 5, budget, subject, share, "tokens", 100, 80, "settled", window, resets_at, "run")


def test_the_first_wait_a_moment_for_others_of_their_kind_and_later_ones_longer() -> None:
    spending = Spending()
    spending.passed(passed("a"))
    assert spending.take(1, 0) == []
    spending.passed(passed("b"))
    spending.passed(passed("a", 10_000))
    assert spending.take(1, SECOND // 2) == []
    (reached,) = spending.take(1, SECOND)
    assert (reached.budget, reached.share, [one.subject for one in reached.members], reached.more) == ("b", 8_000, ["a", "b"], 0)
    (other,) = spending.take(1, 2 * SECOND)
    assert other.share == 10_000
    spending.passed(passed("c"))
    assert spending.take(1, 30 * SECOND) == []
    assert [one.members[0].subject for one in spending.take(1, 61 * SECOND + 1)] == ["c"]
    assert spending.take(1, 200 * SECOND) == []


def test_many_are_counted_and_some_are_named() -> None:
    spending = Spending()
    for number in range(10_500):
        spending.passed(passed(str(number)))
    assert spending.take(1, 0) == []
    (reached,) = spending.take(1, SECOND)
    assert (len(reached.members), reached.more) == (sp.PENDING_MAX, 10_500 - sp.PENDING_MAX)
    assert len(spending.standing()) == sp.STANDING_MAX


def test_the_highest_stands_until_its_window_ends() -> None:
    spending = Spending()
    for share in (5_000, 10_000, 8_000):
        spending.passed(passed("a", share, resets_at=100))
    spending.passed(passed("forever"))
    spending.take(1, 0)
    assert {(one.subject, one.share) for one in spending.standing()} == {("a", 10_000), ("forever", 8_000)}
    before = spending.changes
    spending.take(100, 0)
    assert [one.subject for one in spending.standing()] == ["forever"]
    assert spending.changes > before


def test_what_is_not_told_yet_is_told_by_the_next_process() -> None:
    spending = Spending()
    spending.passed(passed("told"))
    spending.take(1, 0)
    spending.take(1, SECOND)
    spending.passed(passed("waits"))
    spending.take(1, 2 * SECOND)
    spending.passed(passed("new"))
    memory = decode(encode(Memory(thresholds=tuple(spending.standing()), passed=tuple(spending.pending()))))
    later = Spending()
    later.recall(memory.thresholds, memory.passed, 0)
    (reached,) = later.take(1, SECOND)
    assert [one.subject for one in reached.members] == ["waits", "new"]
    assert {one.subject for one in later.standing()} == {"told", "waits", "new"}
