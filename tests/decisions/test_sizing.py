"""How large a hold is: what the caller asked for, or what every budget can pay and the others leave. The ledger: test_ledger.py."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.budgets import line as line_of

from orchvynt.decisions.budgets.ledger import Ledger, Line
from orchvynt.decisions.budgets.needs import Fits, Need, Short
from orchvynt.decisions.budgets.sizing import OUTPUT_TOKENS_MOST, binds, size
from orchvynt.language.snapshot import Limits
from orchvynt.model.money import FREE, Price, cost_nanos

PRICE = Price(input=2_000_000_000, output=8_000_000_000, cached_input=0, source="test")


def line(name: str = "b", tokens: int | None = None, nanos: int | None = None, least: int = 16) -> Line:
    return line_of(name, tokens, nanos, min_output_tokens=least)


def need(tokens_in: int = 100, asked: int | None = None, most: int = 4_096, choices: int = 1, price: Price = PRICE) -> Need:
    return Need(tokens_in, asked, most, 4_096, price, choices)


def test_without_a_budget_nothing_is_lowered_and_the_cost_is_only_a_figure() -> None:
    assert size(need(), [], Ledger()) == Fits(None, cost_nanos(PRICE, 100, 0), 100)
    assert size(need(asked=50), [], Ledger()) == Fits(50, cost_nanos(PRICE, 100, 50), 150)


def test_what_the_caller_asked_for_is_held_whole_or_not_at_all() -> None:
    assert size(need(asked=50), [line(tokens=150)], Ledger()) == Fits(50, cost_nanos(PRICE, 100, 50), 150)
    short = size(need(asked=51), [line(tokens=150)], Ledger())
    assert isinstance(short, Short)
    assert (short.unit, short.limit, short.needed, short.waits) == ("tokens", 150, 151, False)


def test_the_smallest_hold_is_the_least_output_of_every_choice() -> None:
    assert isinstance(size(need(choices=3), [line(tokens=100 + 3 * 16)], Ledger()), Fits)
    short = size(need(choices=3), [line(tokens=100 + 3 * 16 - 1)], Ledger())
    assert isinstance(short, Short)
    assert short.needed == 100 + 3 * 16


def test_of_several_budgets_the_largest_least_output_counts() -> None:
    lines = [line("a", tokens=10_000, least=16), line("b", tokens=10_000, least=500)]
    assert isinstance(size(need(), lines, Ledger()), Fits)
    short = size(need(), [lines[0], line("b", tokens=599, least=500)], Ledger())
    assert isinstance(short, Short)
    assert short.line.budget == "b"


def test_a_model_that_can_say_little_needs_little() -> None:
    found = size(need(most=8), [line(tokens=108)], Ledger())
    assert found == Fits(8, cost_nanos(PRICE, 100, 8), 108)


def test_money_and_tokens_of_one_budget_both_bound() -> None:
    by_money = size(need(), [line(tokens=10**6, nanos=cost_nanos(PRICE, 100, 70))], Ledger())
    by_tokens = size(need(), [line(tokens=170, nanos=10**12)], Ledger())
    assert isinstance(by_money, Fits)
    assert isinstance(by_tokens, Fits)
    assert (by_money.output_tokens, by_money.limited_by) == (70, "b")
    assert by_tokens.output_tokens == 70


def test_whoever_lowers_the_output_is_named_and_nobody_where_none_does() -> None:
    lines = [line("wide", tokens=10**6), line("tight", tokens=300)]
    found = size(need(most=1_000), lines, Ledger())
    assert isinstance(found, Fits)
    assert (found.output_tokens, found.limited_by) == (200, "tight")
    unbounded = size(need(most=1_000), [line("wide", tokens=10**6)], Ledger())
    assert isinstance(unbounded, Fits)
    assert (unbounded.output_tokens, unbounded.limited_by) == (1_000, "")


def test_a_budget_that_is_overdrawn_refuses_even_nothing() -> None:
    ledger = Ledger()
    budget = line(tokens=100)
    ledger.open(budget.key).settled_tokens = 150
    short = size(need(tokens_in=1, asked=1), [budget], ledger)
    assert isinstance(short, Short)
    assert (short.settled, short.waits) == (150, False)


@pytest.mark.parametrize("limit", [0, 1])
def test_a_budget_of_nothing_lets_nothing_that_costs_pass(limit: int) -> None:
    assert isinstance(size(need(), [line(nanos=limit)], Ledger()), Short)
    assert isinstance(size(need(price=FREE), [line(nanos=limit)], Ledger()), Fits)


@settings(max_examples=300)
@given(
    limits=st.lists(st.tuples(st.integers(0, 30_000), st.integers(0, 10**9), st.integers(0, 20_000)), min_size=1, max_size=3),
    tokens_in=st.integers(0, 3_000),
    asked=st.one_of(st.none(), st.integers(1, 20_000)),
    choices=st.integers(1, 4),
    waiting=st.integers(0, 30),
)
def test_a_hold_fits_on_every_budget_and_covers_what_it_allows(
    limits: list[tuple[int, int, int]], tokens_in: int, asked: int | None, choices: int, waiting: int
) -> None:
    ledger = Ledger()
    lines = [line(f"b{number}", tokens, nanos) for number, (tokens, nanos, _) in enumerate(limits)]
    for one, (_, _, used) in zip(lines, limits, strict=True):
        ledger.open(one.key).settled_tokens = used
        ledger.open(one.key).waiting = waiting
    found = size(need(tokens_in, asked, OUTPUT_TOKENS_MOST * choices, choices), lines, ledger)
    smallest = asked if asked is not None else 16 * choices
    possible = all(
        used + tokens_in + smallest <= tokens and cost_nanos(PRICE, tokens_in, smallest) <= nanos for tokens, nanos, used in limits
    )
    assert isinstance(found, Fits) == possible
    if isinstance(found, Fits):
        assert found.output_tokens is not None
        assert found.output_tokens >= smallest
        assert asked is None or found.output_tokens == asked
        assert found.tokens == tokens_in + found.output_tokens
        assert found.nanos == cost_nanos(PRICE, tokens_in, found.output_tokens)
        ledger.place("a", lines, found.nanos, found.tokens)


def test_what_the_input_may_cost_beyond_its_price_is_money_and_no_tokens() -> None:
    dear = Need(100, 50, 4_096, 4_096, PRICE, 1, 25)
    assert size(dear, [line(tokens=150)], Ledger()) == Fits(50, cost_nanos(PRICE, 125, 50), 150)
    nanos = cost_nanos(PRICE, 125, 50)
    assert isinstance(size(dear, [line(nanos=nanos)], Ledger()), Fits)
    assert isinstance(size(dear, [line(nanos=nanos - 1)], Ledger()), Short)


def test_invocations_are_counted_once_and_bound_only_who_is_not_counted_yet() -> None:
    counted, ledger = line_of("b", limits=Limits(invocations=2)), Ledger()
    first = msgspec.structs.replace(need(asked=50), calls=1)
    for number in range(2):
        assert isinstance(size(first, [counted], ledger), Fits)
        assert isinstance(ledger.place(f"att_{number}", [counted], 0, 0, 0, 1), tuple)
    short = size(first, [counted], ledger)
    assert isinstance(short, Short)
    assert (short.unit, short.waits, short.settled, short.held, short.needed) == ("invocations", True, 0, 2, 1)
    for attempt in ("att_1", "att_0"):
        ledger.release(attempt, ledger.holds[attempt].parts)
    refused = size(first, [counted], ledger)
    assert isinstance(refused, Short)
    assert not refused.waits
    assert isinstance(size(need(asked=50), [counted], ledger), Fits), "a further attempt of one that is counted"
    assert (binds(counted, PRICE, 1), binds(counted, PRICE, 0)) == (True, False)
