"""The retry budget: a share of the calls, and a floor for quiet times."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import SECOND

from orchvynt.decisions.fallback.retries import FLOOR, SLOTS, RetryBudget, Throttle

TENTH = 1_000


def test_few_calls_may_be_retried_all_the_same() -> None:
    budget = RetryBudget()
    budget.called(0)
    for _ in range(FLOOR):
        assert budget.allows(TENTH, 0)
        budget.retried(0)
    assert not budget.allows(TENTH, 0)
    assert budget.allows(TENTH, SLOTS * SECOND), "ten seconds later they are forgotten"


def test_many_calls_allow_their_share() -> None:
    budget = RetryBudget()
    for _ in range(500):
        budget.called(0)
    granted = 0
    while budget.allows(TENTH, 0):
        budget.retried(0)
        granted += 1
    assert granted == 50


def test_a_share_of_nothing_is_nothing() -> None:
    assert not RetryBudget().allows(0, 0)


@given(st.integers(0, 1 << 32), st.sampled_from([1, 500, TENTH, 5_000, 10_000]))
@settings(max_examples=60, deadline=None)
def test_in_no_window_are_there_more_than_the_share(seed: int, share: int) -> None:
    chance = Random(seed)
    budget = RetryBudget()
    calls: list[int] = []
    retries: list[int] = []
    now = 0
    for _ in range(400):
        now += chance.choice([0, 0, SECOND // 50, SECOND // 3, 4 * SECOND if chance.random() < 0.05 else 0])
        if chance.random() < 0.6:
            budget.called(now)
            calls.append(now)
        elif budget.allows(share, now):
            budget.retried(now)
            retries.append(now)
            begins = now - now % SECOND - (SLOTS - 1) * SECOND
            recent = sum(one >= begins for one in retries)
            assert recent <= max(FLOOR, share * sum(one >= begins for one in calls) / 10_000)


def test_a_model_that_only_fails_is_soon_retried_no_more() -> None:
    throttle = Throttle()
    allowed = 0
    for _ in range(500):
        throttle.failed(0)
        allowed += throttle.allows
    assert allowed == 4
    for second in range(1, 12):
        throttle.failed(second * SECOND)
    assert not throttle.allows, "what a second brings, its failure takes"
    throttle.failed(30 * SECOND)
    assert throttle.allows, "in quiet times there is always one"


def test_a_model_that_fails_seldom_is_always_retried_and_one_that_fails_often_is_not() -> None:
    for every, expected in ((20, True), (5, False)):
        throttle = Throttle()
        for number in range(1_000):
            if number % every:
                throttle.answered(TENTH)
            else:
                throttle.failed(0)
        assert throttle.allows is expected
        assert throttle.full is False or expected
