"""One view of what several processes counted: sums, and of what cannot be added up the highest."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.runtime import metrics as m
from orchvynt.runtime.merging import Condition, merged, packed
from orchvynt.runtime.metrics import Metric, Sampled, Values
from orchvynt.runtime.shedding import Shed

NAMES = st.sampled_from(["a", "b", "c"])
COUNTS = st.dictionaries(st.tuples(NAMES), st.integers(0, 1 << 60), max_size=3)
CELLS = st.dictionaries(st.tuples(NAMES), st.lists(st.integers(0, 1 << 40), min_size=12, max_size=12).map(tuple), max_size=3)


def sampled(counts: dict[Values, int], level: dict[Values, int], cells: dict[Values, tuple[int, ...]]) -> list[Sampled]:
    return [Sampled(m.REFUSED, counts), Sampled(m.ADDRESS_BREAKER, level), Sampled(m.REVIEW_DURATION, buckets=cells)]


@given(st.lists(st.tuples(COUNTS, COUNTS, CELLS), min_size=1, max_size=4))
def test_all_together_is_the_sum_or_the_highest_of_each(
    told: list[tuple[dict[Values, int], dict[Values, int], dict[Values, tuple[int, ...]]]],
) -> None:
    own, *others = (sampled(*one) for one in told)
    found = merged(own, 7, [packed(one, 8 + number) for number, one in enumerate(others)])
    assert found.pids == tuple(range(7, 7 + len(told)))
    by_metric: dict[Metric, Sampled] = {one.metric: one for one in found.sampled}
    counts, levels, cells = by_metric[m.REFUSED].numbers, by_metric[m.ADDRESS_BREAKER].numbers, by_metric[m.REVIEW_DURATION].buckets
    for name in "abc":
        values = (name,)
        of_counts = [one[values] for one, _, _ in told if values in one]
        of_levels = [one[values] for _, one, _ in told if values in one]
        of_cells = [one[values] for _, _, one in told if values in one]
        assert counts.get(values) == (sum(of_counts) if of_counts else None)
        assert levels.get(values) == max(of_levels, default=None)
        assert cells.get(values) == (tuple(map(sum, zip(*of_cells, strict=True))) if of_cells else None)


def test_what_this_build_does_not_know_is_left_out() -> None:
    unknown = Metric("orchvynt_of_tomorrow", "counter", "")
    found = merged([Sampled(m.REQUESTS, {(): 1})], 1, [packed([Sampled(unknown, {(): 5}), Sampled(m.REQUESTS, {(): 2})], 2)])
    assert found.sampled == [Sampled(m.REQUESTS, {(): 3})]


def test_what_only_another_process_has_is_shown() -> None:
    found = merged([], 1, [packed([Sampled(m.REQUESTS, {(): 2})], 2)])
    assert found.sampled == [Sampled(m.REQUESTS, {(): 2})]


def test_what_one_of_them_suffers_is_seen_in_the_view_of_all() -> None:
    others = [Condition(Shed(200, "open", 3), 5), Condition(Shed(100, "queue", 40), 41, "it is away")]
    found = merged([], 1, [packed([], 2 + number, one) for number, one in enumerate(others)], Condition(shed_total=7))
    assert found.condition == Condition(Shed(100, "queue", 43), 53, "it is away")
    assert merged([], 1, [packed([], 2)]).condition == Condition()
