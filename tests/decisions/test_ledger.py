"""The ledger against a naive model: never over a limit, each hold ends once, all lines or none."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.budgets import line as line_of

from orchvynt.decisions.budgets.ledger import Ledger, Line
from orchvynt.decisions.budgets.needs import Fits, Need, Short
from orchvynt.decisions.budgets.sizing import size
from orchvynt.model.facts import Reserved
from orchvynt.model.money import FREE, Price

PRICE = Price(input=2_000_000, output=8_000_000, cached_input=0, source="test")


def line(name: str, tokens: int | None = None, nanos: int | None = None, subject: str = "*") -> Line:
    return line_of(name, tokens, nanos, subject)


def need(tokens_in: int, out: int | None, typical: int = 4096, most: int = 16_384, price: Price = FREE) -> Need:
    return Need(tokens_in, out, most, typical, price)


@settings(max_examples=200)
@given(
    limits=st.lists(st.integers(0, 400), min_size=1, max_size=3),
    moves=st.lists(st.tuples(st.sampled_from(["ask", "settle", "void"]), st.integers(0, 60), st.integers(0, 60)), max_size=60),
)
def test_never_over_budget_and_equal_to_a_naive_model(limits: list[int], moves: list[tuple[str, int, int]]) -> None:
    ledger = Ledger()
    lines = [line(f"b{index}", tokens=limit) for index, limit in enumerate(limits)]
    settled = 0
    held: dict[str, int] = {}
    for number, (move, first, second) in enumerate(moves):
        if move == "ask":
            result = size(need(first, second), lines, ledger)
            fits = all(settled + sum(held.values()) + first + second <= limit for limit in limits)
            assert isinstance(result, Fits) == fits
            if isinstance(result, Fits):
                ledger.place(f"a{number}", lines, result.nanos, result.tokens)
                held[f"a{number}"] = result.tokens
        elif held:
            attempt = sorted(held)[first % len(held)]
            amount = held.pop(attempt)
            used = min(second, amount) if move == "settle" else 0
            settled += used
            parts = tuple(Reserved(one.budget, one.subject, one.window, 0, used) for one in lines)
            ledger.release(attempt, parts if move == "settle" else ())
            ledger.release(attempt, parts)
        for one in lines:
            account = ledger.account(one)
            assert account.settled_tokens == settled
            assert account.held_tokens == sum(held.values())
            assert account.settled_tokens + account.held_tokens <= (one.limits.tokens or 0)
            assert account.holds == len(held)


def test_a_hold_stands_on_all_lines_or_on_none() -> None:
    ledger = Ledger()
    wide, narrow = line("wide", tokens=1000), line("narrow", tokens=10)
    result = size(need(5, 50), [wide, narrow], ledger)
    assert isinstance(result, Short)
    assert result.line is narrow
    assert not result.waits
    assert dict(ledger.entries()) == {}


def test_the_first_breached_budget_in_their_order_is_named() -> None:
    result = size(need(50, 50), [line("first", tokens=10), line("second", tokens=5)], Ledger())
    assert isinstance(result, Short)
    assert (result.line.budget, result.limit, result.needed) == ("first", 10, 100)


def test_only_holds_in_flight_stand_in_the_way() -> None:
    ledger = Ledger()
    budget = line("b", tokens=100)
    ledger.place("a", [budget], 0, 80)
    result = size(need(10, 20), [budget], ledger)
    assert isinstance(result, Short)
    assert result.waits
    ledger.release("a", (Reserved("b", "*", 0, 0, 75),))
    result = size(need(10, 20), [budget], ledger)
    assert isinstance(result, Short)
    assert not result.waits


def test_without_a_limit_of_the_caller_the_output_is_lowered_to_what_is_left() -> None:
    result = size(need(100, None), [line("b", tokens=3000)], Ledger())
    assert result == Fits(2900, 0, 3000, "b")


def test_a_fair_share_leaves_room_for_those_who_wait() -> None:
    ledger = Ledger()
    budget = line("b", tokens=3000)
    ledger.open(budget.key).waiting = 9
    result = size(need(100, None), [budget], ledger)
    assert isinstance(result, Fits)
    assert result.output_tokens == 3000 // 10 - 100


def test_a_fair_share_is_not_below_what_the_model_typically_needs_while_that_is_there() -> None:
    ledger = Ledger()
    budget = line("b", tokens=3000)
    ledger.open(budget.key).waiting = 9
    result = size(need(100, None, typical=500), [budget], ledger)
    assert isinstance(result, Fits)
    assert result.output_tokens == 500


def test_the_share_is_never_below_the_least_output() -> None:
    ledger = Ledger()
    budget = line("b", tokens=3000)
    ledger.open(budget.key).waiting = 999
    result = size(need(100, None), [budget], ledger)
    assert isinstance(result, Fits)
    assert result.output_tokens == 16


def test_money_does_not_bound_a_free_model() -> None:
    assert size(need(10, None), [line("b", nanos=0)], Ledger()) == Fits(None, 0, 10)


def test_money_lowers_the_output_to_what_it_pays_for() -> None:
    budget = line("b", nanos=1_000)
    result = size(need(100, None, price=PRICE), [budget], Ledger())
    assert isinstance(result, Fits)
    assert result.output_tokens == 100
    assert result.nanos == 1_000


@settings(max_examples=300)
@given(
    limit=st.integers(0, 50_000),
    used=st.integers(0, 20_000),
    tokens_in=st.integers(1, 2_000),
    waiting=st.integers(0, 50),
    typical=st.integers(1, 5_000),
)
def test_a_lowered_hold_always_fits_and_is_refused_only_below_the_smallest(
    limit: int, used: int, tokens_in: int, waiting: int, typical: int
) -> None:
    ledger = Ledger()
    money, tokens = line("money", nanos=limit * 8), line("tokens", tokens=limit)
    account = ledger.open(tokens.key)
    account.settled_tokens, account.waiting = used, waiting
    result = size(need(tokens_in, None, typical, price=PRICE), [money, tokens], ledger)
    least_tokens = used + tokens_in + 16 <= limit
    least_money = -(-(tokens_in * PRICE.input + 16 * PRICE.output) // 1_000_000) <= limit * 8
    assert isinstance(result, Fits) == (least_tokens and least_money)
    if isinstance(result, Fits):
        ledger.place("a", [money, tokens], result.nanos, result.tokens)
