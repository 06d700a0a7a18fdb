"""How a budget stands against each of its limits, and where its rate leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.budgets.standing import HOUR_NS, MILLION, UNKNOWN, Burn, Forecast, Measure, Spend, forecast, measures, tightest
from orchvynt.language.compiled_budgets import Limits

NOW = 1_000 * HOUR_NS


def test_every_limit_is_measured_in_its_own_unit() -> None:
    limits = Limits(100, 90, 80, 70, 60)
    found = measures(limits, Spend(nanos=10, tokens=9, output=4, invocations=2), Spend(nanos=5, tokens=3, output=1, invocations=1))
    assert [(one.unit, one.limit, one.settled, one.held) for one in found] == [
        ("usd", 100, 10, 5), ("tokens", 90, 9, 3), ("input_tokens", 80, 5, 2), ("output_tokens", 70, 4, 1), ("invocations", 60, 2, 1),
    ]  # fmt: skip
    assert [one.remaining for one in found] == [85, 78, 73, 65, 57]
    assert measures(Limits(), Spend(1), Spend()) == ()


def test_the_tightest_is_the_one_nearest_to_its_limit() -> None:
    half, more = Measure("usd", 100, 50, 0), Measure("tokens", 10, 4, 3)
    assert tightest([half, more]) == more
    assert tightest([]) is None
    assert Measure("usd", 0, 0, 0).used_ppm == MILLION
    assert Measure("tokens", 100, 130, 2).used_ppm == 1_320_000
    assert Measure("tokens", 100, 130, 2).remaining == -32


@pytest.mark.parametrize(
    ("measure", "resets_in", "rolls", "wanted"),
    [
        (Measure("usd", 100, 50, 10), 0, 0, Forecast("usd", NOW + 4 * HOUR_NS, 600_000)),  # a lifetime: full in four hours
        (Measure("usd", 100, 50, 10), 5 * HOUR_NS, 0, Forecast("usd", NOW + 4 * HOUR_NS, 1_100_000)),
        (Measure("usd", 100, 50, 10), 3 * HOUR_NS, 0, Forecast("usd", 0, 900_000)),
        (Measure("usd", 100, 50, 10), 0, 5 * HOUR_NS, Forecast("usd", 0, 500_000)),  # rolls: 50 in every five hours
        (Measure("usd", 100, 50, 10), 0, 20 * HOUR_NS, Forecast("usd", NOW + 4 * HOUR_NS, 2_000_000)),
        (Measure("usd", 100, 95, 5), 5 * HOUR_NS, 0, UNKNOWN),
        (Measure("usd", 0, 0, 0), 5 * HOUR_NS, 0, UNKNOWN),
        (Measure("tokens", 100, 0, 0), 0, 0, UNKNOWN),  # nothing of it is spent, and it never ends
        (Measure("tokens", 100, 7, 0), 5 * HOUR_NS, 0, Forecast("tokens", 0, 70_000)),
    ],
)
def test_a_rate_leads_to_the_limit_or_to_the_end_of_the_window(measure: Measure, resets_in: int, rolls: int, wanted: Forecast) -> None:
    burn = Burn(Spend(nanos=10), HOUR_NS, "recent")
    assert forecast([measure], burn, NOW, NOW + resets_in if resets_in else 0, rolls) == wanted


def test_of_several_limits_the_first_to_be_reached_counts() -> None:
    burn = Burn(Spend(nanos=10, tokens=10, output=2), HOUR_NS, "recent")
    found = [Measure("usd", 100, 0, 0), Measure("tokens", 50, 0, 0), Measure("output_tokens", 100, 0, 0)]
    assert forecast(found, burn, NOW, 0).full_at == NOW + 5 * HOUR_NS
    assert forecast(found, burn, NOW, NOW + HOUR_NS) == Forecast("tokens", 0, 200_000)
    assert forecast(found, Burn(), NOW, NOW + HOUR_NS) == UNKNOWN


@given(st.integers(1, 10**15), st.integers(0, 10**15), st.integers(0, 10**15), st.integers(1, 10 * HOUR_NS), st.integers(1, 100 * HOUR_NS))
def test_a_forecast_never_says_full_before_it_is_or_after_the_reset(limit: int, used: int, spent: int, over: int, resets_in: int) -> None:
    measure, burn = Measure("usd", limit, used, 0), Burn(Spend(spent), over, "recent")
    found = forecast([measure], burn, NOW, NOW + resets_in)
    if measure.remaining <= 0:
        assert found == UNKNOWN
    elif found.full_at:
        assert NOW < found.full_at <= NOW + resets_in
        assert used + spent * (found.full_at - NOW) // over >= limit
    else:
        assert used + spent * resets_in // over < limit
