"""What is counted in a cell that was found once is what the series says, also where it counts under `other`."""

from orchvynt.runtime import metrics as m
from orchvynt.runtime.metrics import OTHER, SERIES_MAX
from orchvynt.runtime.route_counts import Routes
from orchvynt.runtime.series import Histogram, Series


def test_cells_are_those_of_the_series() -> None:
    attempts, tokens, cost, receipts = Series(m.ATTEMPTS), Series(m.TOKENS), Series(m.COST), Series(m.RECEIPTS)
    routes = Routes(attempts, Histogram(m.ATTEMPT_DURATION), tokens, cost, receipts)
    for number in range(SERIES_MAX + 10):
        route = routes.of((f"model-{number}", "openai"))
        route.answered[0] += 1
        route.cost[0] += 5
    routes.of(("model-0", "openai")).answered[0] += 1
    assert attempts.numbers[("model-0", "openai", "answered")] == 2
    assert attempts.numbers[(OTHER, OTHER, "answered")] == 10
    assert cost.numbers[(OTHER, OTHER)] == 50
    assert sum(attempts.numbers.values()) == SERIES_MAX + 11
    assert len(attempts.numbers) == SERIES_MAX + 1
