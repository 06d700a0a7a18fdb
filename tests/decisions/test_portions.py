"""Portions: amounts in five units side by side."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.budgets.portions import NOTHING, at_least, at_most, bounds, left_of, lower, minus, plus, portion
from orchvynt.language.compiled_budgets import Limits

AMOUNTS = st.tuples(*[st.integers(-(10**20), 10**20)] * 5)


@given(AMOUNTS, AMOUNTS)
def test_sums_differences_and_bounds_are_unit_by_unit(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    assert minus(plus(one, other), other) == one  # type: ignore[arg-type]  # five of each
    assert plus(at_least(one, other), at_most(one, other)) == plus(one, other)  # type: ignore[arg-type]
    assert min(left_of(one, other)) >= 0  # type: ignore[arg-type]


def test_input_is_what_is_no_output() -> None:
    assert portion(1, 10, 4, 2) == (1, 10, 6, 4, 2)


def test_a_limit_is_lower_if_it_is_new_or_smaller() -> None:
    limits = Limits(nanos=5, tokens=7)
    assert bounds(limits) == (5, 7, None, None, None)
    assert not lower(limits, limits)
    assert not lower(Limits(nanos=5), limits)
    assert not lower(Limits(nanos=6, tokens=7), limits)
    assert lower(Limits(nanos=4, tokens=7), limits)
    assert lower(Limits(nanos=5, tokens=7, invocations=1), limits)
    assert NOTHING == (0, 0, 0, 0, 0)
