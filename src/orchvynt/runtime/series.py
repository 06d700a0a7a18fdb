"""Counts by label values, bounded: plain whole numbers, and a further name counts under `other` once a metric is full."""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import islice

from orchvynt.runtime.metrics import OTHER, Metric, Sampled, Values


class Series:
    """The counts of one metric. It never holds more than `series_max` label sets, and one for each set of closed words besides."""

    __slots__ = ("metric", "numbers")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.numbers: dict[Values, int] = {}

    def add(self, values: Values, by: int = 1) -> None:
        try:
            self.numbers[values] += by
        except KeyError:
            if len(self.numbers) >= self.metric.series_max:
                values = folded(self.metric, values)
            self.numbers[values] = self.numbers.get(values, 0) + by

    def sampled(self) -> Sampled:
        return Sampled(self.metric, dict(self.numbers))


class Histogram:
    """The buckets of one metric, bounded as a Series is. Each count stands in one bucket only."""

    __slots__ = ("_bounds", "cells", "metric")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._bounds = metric.bounds
        self.cells: dict[Values, list[int]] = {}

    def observe(self, values: Values, amount: int) -> None:
        cell = self.cells.get(values)
        if cell is None:
            cell = self._first(values)
        cell[bisect_left(self._bounds, amount)] += 1
        cell[-1] += amount

    def _first(self, values: Values) -> list[int]:
        if len(self.cells) >= self.metric.series_max:
            values = folded(self.metric, values)
        return self.cells.setdefault(values, [0] * (len(self._bounds) + 2))

    def sampled(self) -> Sampled:
        return Sampled(self.metric, buckets={values: tuple(cell) for values, cell in self.cells.items()})


def folded(metric: Metric, values: Values) -> Values:
    """The same label set with `other` for each name of the policy; an empty one stays."""
    return tuple([OTHER if label.named and value else value for label, value in zip(metric.labels, values, strict=True)])


def bounded(metric: Metric, numbers: Mapping[Values, int]) -> Sampled:
    """Numbers that are read now, bounded as a Series is."""
    kept = dict(islice(numbers.items(), metric.series_max))
    for values, number in islice(numbers.items(), metric.series_max, None):
        under = folded(metric, values)
        before = kept.get(under, 0)
        kept[under] = max(before, number) if metric.highest else before + number
    return Sampled(metric, kept)
