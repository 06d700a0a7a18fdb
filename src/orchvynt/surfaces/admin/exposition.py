"""Writes metrics as Prometheus text, in slices, so that no invocation waits for a page. It knows no metric by its name."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from orchvynt.runtime.metrics import Sampled

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
# So many lines take about two milliseconds.
SLICE_LINES: Final = 150

Item = TypeVar("Item")


async def page(sampled: Sequence[Sampled]) -> bytes:
    """The whole page: what was sampled, then the process itself."""
    parts: list[bytes] = []
    for one in sampled:
        first = True
        for family in _slices(one):
            text = generate_latest(_Given([family]))
            # What a metric means stands once before all its series.
            parts.append(text if first else text.split(b"\n", 2)[2])
            first = False
            await asyncio.sleep(0)
    # It lists /proc/self/fd, which is long with many connections.
    parts.append(await asyncio.to_thread(_process))
    return b"".join(parts)


class _Given(Collector):
    """Gives the families that it was given."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _process() -> bytes:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _slices(one: Sampled) -> Iterator[Metric]:
    """The families of one metric, each of a bounded number of lines; at least one, so that its meaning is always told."""
    metric = one.metric
    labels = [label.name for label in metric.labels]
    if metric.kind == "histogram":
        bounds = [repr(bound / metric.scale) for bound in metric.bounds] + ["+Inf"]
        cells = list(one.buckets.items())
        for some in _cut(cells, SLICE_LINES // (len(bounds) + 2)):
            histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=labels)
            for values, cell in some:
                counts = zip(bounds, accumulate(cell[:-1]), strict=True)
                histogram.add_metric(values, [(bound, count) for bound, count in counts], cell[-1] / metric.scale)
            yield histogram
        return
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    for few in _cut(list(one.numbers.items()), SLICE_LINES):
        family = kind(metric.name, metric.meaning, labels=labels)
        for values, number in few:
            family.add_metric(values, number if metric.scale == 1 else number / metric.scale)
        yield family


def _cut(items: list[Item], most: int) -> list[list[Item]]:
    return [items[start : start + most] for start in range(0, max(1, len(items)), most)]
