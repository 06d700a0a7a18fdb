"""What stands against every limit of a budget, and what a model consumes past it."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.budgets import line as line_of

from orchvynt.decisions.budgets.ledger import Account, Ledger, Line
from orchvynt.decisions.budgets.needs import Fits
from orchvynt.decisions.budgets.overflow import overflows, own_limits, used
from orchvynt.decisions.budgets.standing import Spend, measures
from orchvynt.language.compiled_budgets import UNLIMITED, Breach, Budget, Limits

ALL = Limits(nanos=1_000, tokens=100, input_tokens=60, output_tokens=40, invocations=5)


def test_every_unit_has_its_amounts() -> None:
    account = Account(10, 30, 12, 2, 20, 40, 8, 1)
    assert [(one.unit, one.limit, one.settled, one.held) for one in used(ALL, account)] == [
        ("usd", 1_000, 10, 20), ("tokens", 100, 30, 40), ("input_tokens", 60, 18, 32), ("output_tokens", 40, 12, 8),
        ("invocations", 5, 2, 1),
    ]  # fmt: skip
    assert used(UNLIMITED, account) == ()


AMOUNTS = st.integers(0, 10**12)


@given(st.builds(Limits, *[st.none() | AMOUNTS] * 5), st.builds(Account, *[AMOUNTS] * 8))
def test_what_is_used_is_what_the_measures_say(limits: Limits, account: Account) -> None:
    settled = Spend(account.settled_nanos, account.settled_tokens, account.settled_output, account.settled_calls)
    held = Spend(account.held_nanos, account.held_tokens, account.held_output, account.held_calls)
    assert used(limits, account) == measures(limits, settled, held)


def past(limits: Limits, admitted: bool = True) -> Line:
    terms = Budget("b", "global", None, "lifetime", limits, breach=Breach("downgrade", "mini"))
    one = line_of(terms=terms)
    return Line(terms, one.book, one.subject, 0, 0, UNLIMITED if admitted else limits, past=admitted)


def test_a_hold_overflows_where_it_passes_the_limit_and_its_model_is_admitted_there() -> None:
    ledger = Ledger()
    for limits, fits in (
        (Limits(nanos=100), Fits(10, 101, 10)),
        (Limits(tokens=100), Fits(10, 0, 101)),
        (Limits(input_tokens=100), Fits(10, 0, 111)),
        (Limits(output_tokens=9), Fits(10, 0, 10)),
    ):
        line = past(limits)
        assert overflows((line,), fits, 1, ledger) == ("b",), limits
        assert overflows((line,), Fits(9, 100, 100), 1, ledger) == (), limits
        assert overflows((past(limits, admitted=False),), fits, 1, ledger) == ()


def test_people_are_told_the_budgets_own_limit() -> None:
    assert own_limits(past(ALL)) is ALL
    advises = Budget("b", "global", None, "lifetime", ALL, breach=Breach("alert"))
    assert own_limits(Line(advises, "b", "*", 0, 0, UNLIMITED)) is ALL
    raised = line_of(limits=Limits(tokens=500))
    assert own_limits(raised) == Limits(tokens=500)
