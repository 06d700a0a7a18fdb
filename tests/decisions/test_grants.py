"""What people granted raises the limit of one subject for as long as it lasts, and of nobody and nothing else."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.budgets.application import lines
from orchvynt.decisions.budgets.applied import Applied
from orchvynt.decisions.budgets.grants import Grants, Term, term
from orchvynt.language.snapshot import Budget, Limits
from orchvynt.model.facts import BudgetGranted

DAY = 86_400_000_000_000
PURSE = Budget("purse", "workflow", None, "day", Limits(nanos=100, tokens=1_000))
ROLLING = Budget("purse", "workflow", None, "rolling", Limits(nanos=100), rolls_ns=DAY)
LIFE = Budget("purse", "workflow", None, "lifetime", Limits(nanos=100))


def gift(
    grant: str = "g1",
    window: int = 0,
    until: int = 0,
    nanos: int = 5,
    tokens: int = 0,
    rolls_ns: int = 0,
    review: str = "",
    budget: str = "purse",
) -> BudgetGranted:
    return BudgetGranted("", 1, grant, budget, "docs", window, rolls_ns, until, nanos, tokens, "token:ana", "because", review)


def holding(*gifts: BudgetGranted) -> Grants:
    grants = Grants()
    for one in gifts:
        grants.add(one)
    return grants


def test_a_grant_lasts_as_long_as_its_window() -> None:
    assert term(PURSE, DAY + 5) == Term(DAY, 0, 2 * DAY)
    assert term(LIFE, DAY + 5) == Term(0, 0, 0)
    assert term(ROLLING, DAY + 5) == Term(0, DAY, 2 * DAY + 5)


def test_it_raises_the_limits_that_there_are_for_its_subject_in_its_window() -> None:
    grants = holding(gift(window=DAY, until=2 * DAY), gift("g2", DAY, 2 * DAY, 0, 70))
    assert grants.raised(PURSE.limits, PURSE, "docs", DAY, DAY + 9) == Limits(nanos=105, tokens=1_070)
    assert grants.raised(Limits(), PURSE, "docs", DAY, DAY + 9) == Limits()
    assert grants.raised(PURSE.limits, PURSE, "other", DAY, DAY + 9) is PURSE.limits
    assert grants.raised(PURSE.limits, PURSE, "docs", 2 * DAY, 2 * DAY) is PURSE.limits
    applied = [Applied(0, "docs")]
    assert [line.limits.nanos for line in lines([PURSE], applied, "gpt", DAY + 9, grants)] == [105]
    assert [line.limits.nanos for line in lines([PURSE], applied, "gpt", DAY + 9)] == [100]


def test_a_window_that_rolls_and_a_lifetime_keep_to_their_own() -> None:
    assert holding(gift(until=9, rolls_ns=DAY)).of(ROLLING, "docs", 123, 8) == (5, 0)
    assert holding(gift(until=9, rolls_ns=DAY)).of(ROLLING, "docs", 123, 9) == (0, 0)
    assert holding(gift(until=9, rolls_ns=DAY)).of(LIFE, "docs", 0, 8) == (0, 0), "the budget has another window now"
    assert holding(gift()).of(LIFE, "docs", 0, 10**18) == (5, 0)
    assert holding(gift()).of(PURSE, "docs", DAY, DAY) == (0, 0), "a grant for life does not begin anew every day"


def test_what_was_granted_under_a_former_name_goes_on() -> None:
    renamed = Budget("wallet", "workflow", None, "lifetime", Limits(nanos=100), was="purse")
    grants = holding(gift(), gift("g2", budget="wallet"))
    assert grants.of(renamed, "docs", 0, 1) == (10, 0)


def test_a_grant_counts_once_and_reviews_are_told_apart() -> None:
    grants = holding(gift(), gift(), gift("rev_1", review="rev_1"))
    assert grants.of(LIFE, "docs", 0, 1) == (10, 0)
    assert grants.unasked(LIFE, "docs", 0, 1) == (5, 0)
    assert grants.find("rev_1") is not None
    assert grants.find("rev_2") is None
    grants.forget_subject("purse", "docs")
    assert not grants
    assert grants.find("g1") is None


def test_what_has_ended_is_forgotten() -> None:
    grants = holding(gift(window=DAY, until=2 * DAY), gift("g2"))
    grants.forget_ended(2 * DAY)
    assert (len(grants), grants.find("g1")) == (1, None)
    grants.forget_ended(10**19)
    assert len(grants) == 1


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_sum_is_that_of_a_naive_list(seed: int) -> None:
    chance = Random(seed)
    gifts = []
    for number in range(chance.randrange(12)):
        start = chance.randrange(3) * DAY
        amounts = (chance.randrange(9), chance.randrange(9))
        gifts.append(gift(f"g{chance.randrange(8)}", start, start + DAY, *amounts, review="r" * (number % 2)))
    grants = holding(*gifts)
    first: dict[str, BudgetGranted] = {}
    for one in gifts:
        first.setdefault(one.grant, one)
    now = chance.randrange(4 * DAY)
    if chance.random() < 0.5:
        grants.forget_ended(now)
    for window in (0, DAY, 2 * DAY, 3 * DAY):
        live = [one for one in first.values() if one.window == window and one.until > now]
        assert grants.of(PURSE, "docs", window, now) == (sum(one.nanos for one in live), sum(one.tokens for one in live))
        assert grants.unasked(PURSE, "docs", window, now)[0] == sum(one.nanos for one in live if not one.review)
