"""Counts are exact, bounded in number whatever names come, and a histogram says what its observations say."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.runtime.metrics import ATTEMPT_DURATION, ATTEMPTS, BUDGET_FULLEST, GROUPS, METRICS, OTHER, RESTING, SERIES_MAX, Metric
from orchvynt.runtime.series import Histogram, Series, bounded, folded

WORDS = ("answered", "timeout", "cut")


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(WORDS), st.integers(0, 1 << 70)), max_size=200))
@settings(max_examples=50, deadline=None)
def test_a_series_adds_up_and_stays_bounded(added: list[tuple[int, str, int]]) -> None:
    class Few(Metric, frozen=True):
        @property
        def series_max(self) -> int:
            return 5

    series = Series(Few(ATTEMPTS.name, "counter", "", ATTEMPTS.labels))
    for name, word, by in added:
        series.add((f"model-{name}", "openai", word), by)
    assert sum(series.numbers.values()) == sum(by for _, _, by in added)
    assert len(series.numbers) <= 5 + len(WORDS)
    for word in WORDS:
        assert sum(n for values, n in series.numbers.items() if values[2] == word) == sum(by for _, said, by in added if said == word)


@given(st.lists(st.integers(0, 400 * 1_000_000_000), max_size=100))
@settings(max_examples=50, deadline=None)
def test_a_histogram_is_what_was_observed(observed: list[int]) -> None:
    histogram = Histogram(ATTEMPT_DURATION)
    for amount in observed:
        histogram.observe(("m", "p"), amount)
    cell = histogram.sampled().buckets.get(("m", "p"), (0,) * (len(ATTEMPT_DURATION.bounds) + 2))
    for place, bound in enumerate(ATTEMPT_DURATION.bounds):
        assert sum(cell[: place + 1]) == sum(amount <= bound for amount in observed)
    assert (sum(cell[:-1]), cell[-1]) == (len(observed), sum(observed))


def test_names_beyond_the_bound_are_one_and_what_was_there_goes_on() -> None:
    series, histogram = Series(ATTEMPTS), Histogram(ATTEMPT_DURATION)
    for number in range(10_000):
        series.add((f"model-{number}", "openai", "answered"))
        histogram.observe((f"model-{number}", "openai"), 1)
    series.add(("model-0", "openai", "answered"))
    assert len(series.numbers) == SERIES_MAX + 1
    assert series.numbers[("model-0", "openai", "answered")] == 2
    assert series.numbers[(OTHER, OTHER, "answered")] == 10_000 - SERIES_MAX
    assert len(histogram.cells) == ATTEMPT_DURATION.series_max + 1


def test_what_is_read_now_is_bounded_too() -> None:
    rests = bounded(RESTING, {(f"model-{number}", "openai"): 1 for number in range(5_000)})
    assert (len(rests.numbers), rests.numbers[(OTHER, OTHER)]) == (SERIES_MAX + 1, 4_000)
    shares = bounded(BUDGET_FULLEST, {(f"budget-{number}",): number for number in range(5_000)})
    assert shares.numbers[(OTHER,)] == 4_999, "shares are not added up"


def test_an_empty_name_stays_empty() -> None:
    assert folded(ATTEMPTS, ("", "openai", "answered")) == ("", OTHER, "answered")


def test_the_declarations_follow_the_conventions() -> None:
    """https://prometheus.io/docs/practices/naming/"""
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names) == sum(len(group) for _, group in GROUPS)
    for metric in METRICS:
        assert metric.name.startswith("orchvynt_")
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert bool(metric.bounds) == (metric.kind == "histogram")
        assert list(metric.bounds) == sorted(set(metric.bounds))
        assert not {"milliseconds", "ms", "kilobytes", "percent"} & set(metric.name.split("_")), metric.name
        labels = [label.name for label in metric.labels]
        assert len(set(labels)) == len(labels)
        assert not set(labels) & {"le", "quantile", "job", "instance"}
