"""An invoice against our receipts: each kind of difference is told for what it is, and the parts sum up."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.billing.invoices import Billed, Invoice
from orchvynt.decisions.billing.reconciling import ModelDiffers, Ours, plain_name, reconcile, report
from orchvynt.model.money import NANOS_PER_USD, Price, cost_nanos

PRICE = Price(1_000_000_000, 4_000_000_000, 500_000_000, "policy")  # 1,000 nano-dollars a token in, 4,000 out
DAY = "2026-11-03"


def ours(tokens_in: int, tokens_out: int, estimated: bool = False, day: str = DAY, cached: int = 0, model: str = "gpt-4o") -> Ours:
    nanos = cost_nanos(PRICE, tokens_in, tokens_out, cached)
    why = "the caller went away" if estimated else ""
    return Ours(day, model, why, 1, nanos, int(estimated), nanos if estimated else 0, tokens_in, cached, tokens_out)


def usage(tokens_in: int, tokens_out: int, cached: int | None = None, day: str = DAY) -> Billed:
    return Billed(2, day, "gpt-4o-2024-08-06", tokens_in, tokens_out, cached)


def costs(usd: str, tokens_in: int | None = None, tokens_out: int | None = None, day: str = DAY) -> Billed:
    return Billed(2, day, "gpt-4o-2024-08-06", tokens_in, tokens_out, usd=Decimal(usd), places=9)


def found(mine: list[Ours], theirs: list[Billed], price: Price | None = PRICE) -> ModelDiffers:
    (one,) = reconcile(mine, theirs, {"gpt-4o": price} if price else {})
    assert sum(part.nanos for part in one.parts) == one.difference_nanos
    return one


def kinds(one: ModelDiffers) -> dict[str, int]:
    return {part.kind: part.nanos for part in one.parts}


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"), ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"), ("Claude Sonnet 4.5", "claude-sonnet-4-5"),
        ("gpt-4o-latest", "gpt-4o"), ("gpt-4.1-mini", "gpt-4-1-mini"), ("", ""), ("=x", "x"), ("o3-2025", "o3-2025"),
    ],
)  # fmt: skip
def test_names_of_one_model_meet(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_what_agrees_has_no_difference() -> None:
    assert found([ours(1000, 100)], [costs("0.0014", 1000, 100)]).parts == ()
    assert found([ours(1000, 100, cached=400)], [usage(1000, 100, 400)]).parts == ()
    assert found([ours(1000, 100, cached=400)], [usage(1000, 100)]).parts == (), "the share of the cache is ours where they do not tell"


def test_receipts_at_their_bound_explain_what_is_billed_less() -> None:
    one = found([ours(1000, 100), ours(1000, 500, estimated=True)], [usage(2000, 200)])
    assert kinds(one) == {"estimates": -1_600_000}
    assert "1 the caller went away" in one.parts[0].because
    assert (one.valued, one.estimated) == (True, 1)


def test_more_tokens_than_passed_here_came_from_outside() -> None:
    assert kinds(found([ours(1000, 100), ours(100, 100, estimated=True)], [usage(5000, 200)])) == {"outside": 3_900_000}
    (alone,) = reconcile([], [costs("2")], {})
    assert kinds(alone) == {"outside": 2 * NANOS_PER_USD}
    assert "a model that nothing here has used" in alone.parts[0].because


def test_the_same_tokens_at_another_price() -> None:
    one = found([ours(1000, 100)], [costs("0.0028", 1000, 100)])
    assert kinds(one) == {"prices": 1_400_000}
    assert kinds(found([ours(1000, 100)], [costs("0.0028", 1000, 100)], price=None)) == {"prices": 1_400_000}


def test_a_price_that_changed_within_the_month_is_the_one_that_was_settled_at() -> None:
    before = Ours(DAY, "gpt-4o", "", 1, 2 * cost_nanos(PRICE, 1000, 100), 0, 0, 1000, 0, 100)
    assert found([before], [usage(1000, 100)]).parts == ()


def test_what_was_reported_and_is_not_billed_is_unexplained() -> None:
    assert kinds(found([ours(1000, 100), ours(1000, 100)], [usage(1000, 100)])) == {"unexplained": -1_400_000}
    assert kinds(found([ours(1000, 100)], [])) == {"unexplained": -1_400_000}
    assert kinds(found([ours(1000, 100, estimated=True)], [])) == {"estimates": -1_400_000}


def test_a_cost_alone_tells_no_reason_but_estimates_and_rounding() -> None:
    assert kinds(found([ours(1000, 100)], [costs("1")])) == {"unexplained": NANOS_PER_USD - 1_400_000}
    assert kinds(found([ours(1000, 100), ours(1000, 100, estimated=True)], [costs("0.002")])) == {"estimates": -800_000}
    rounded = Billed(2, DAY, "gpt-4o", usd=Decimal("0.00"), places=2)
    assert kinds(found([ours(1000, 100)], [rounded])) == {"rounding": -1_400_000}
    assert kinds(found([ours(1000, 100)], [costs("0.0014000005", 1000, 100)])) == {}


def test_tokens_without_any_known_price_are_told() -> None:
    invoice = Invoice("plain", "", (usage(5, 5),))
    told = report(invoice, "2026-11", "openai", [], {}, 0)
    assert (told.unpriced, told.within) == (("gpt-4o",), False)


def test_the_report_leaves_out_other_months_and_holds_the_tolerance() -> None:
    lines = (costs("0.0014", 1000, 100), costs("7", day="2026-12-01"), costs("0.01", day=""))
    invoice = Invoice("plain", "", lines)
    told = report(invoice, "2026-11", "openai", [ours(1000, 100)], {"gpt-4o": PRICE}, 0)
    assert (told.lines, told.left_out) == (2, 1)
    assert told.difference_nanos == 10_000_000
    gone = report(Invoice("plain", "", lines[:1]), "2026-11", "openai", [ours(1000, 100), ours(10, 0)], {"gpt-4o": PRICE}, 9_999)
    assert (gone.unexplained_nanos, gone.within) == (10_000, False)
    assert report(Invoice("plain", "", lines[:1]), "2026-11", "openai", [ours(1000, 100), ours(10, 0)], {"gpt-4o": PRICE}, 10_000).within


def test_days_that_differ_are_named() -> None:
    mine = [ours(1000, 100), ours(500, 0, day="2026-11-04")]
    one = found(mine, [costs("0.0014", 1000, 100), costs("0.0005", 500, 0, day="2026-11-05")])
    assert [(day.day, day.ours_nanos, day.theirs_nanos) for day in one.days] == [("2026-11-04", 500_000, 0), ("2026-11-05", 0, 500_000)]
    assert one.parts == (), "they cancel out: settled on the other side of midnight"


amounts = st.integers(0, 10**7)
receipts = st.builds(ours, amounts, amounts, st.booleans(), st.sampled_from([DAY, "2026-11-04"]))
lines = st.one_of(
    st.builds(usage, amounts, amounts, st.none()),
    st.builds(costs, st.decimals(-100, 1000, places=6).map(str), st.none() | amounts, st.none() | amounts),
)


@given(st.lists(receipts, max_size=5), st.lists(lines, max_size=5), st.booleans())
def test_the_parts_always_sum_up_to_the_difference(mine: list[Ours], theirs: list[Billed], priced: bool) -> None:
    for one in reconcile(mine, theirs, {"gpt-4o": PRICE} if priced else {}):
        assert sum(part.nanos for part in one.parts) == one.difference_nanos == one.theirs_nanos - one.ours_nanos
        assert all(part.because for part in one.parts)
        assert kinds(one).get("estimates", 0) <= 0
