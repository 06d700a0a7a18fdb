"""Makes one view of what several processes counted. Counts are added up, and so are gauges, but those where a sum means nothing: of them
the highest stands."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from orchvynt.runtime.metrics import METRICS, Metric, Sampled, Values

_BY_NAME: Final = {metric.name: metric for metric in METRICS}


class Figures(msgspec.Struct, frozen=True):
    """What one process counted, by the names of the metrics."""

    pid: int
    numbers: list[tuple[str, list[tuple[Values, int]]]]
    buckets: list[tuple[str, list[tuple[Values, tuple[int, ...]]]]]


class Merged(msgspec.Struct, frozen=True):
    """What all processes counted together, and which of this machine they are."""

    sampled: list[Sampled]
    pids: tuple[int, ...]


def packed(sampled: Sequence[Sampled], pid: int) -> bytes:
    """As another process is told."""
    numbers = [(one.metric.name, list(one.numbers.items())) for one in sampled if one.numbers]
    buckets = [(one.metric.name, list(one.buckets.items())) for one in sampled if one.buckets]
    return msgspec.msgpack.encode(Figures(pid, numbers, buckets))


def merged(own: Sequence[Sampled], pid: int, others: Iterable[bytes]) -> Merged:
    """A process of another build may count what this one does not know: that is left out."""
    numbers: dict[Metric, dict[Values, int]] = {one.metric: dict(one.numbers) for one in own}
    buckets: dict[Metric, dict[Values, tuple[int, ...]]] = {one.metric: dict(one.buckets) for one in own}
    pids = [pid]
    for data in others:
        told = msgspec.msgpack.decode(data, type=Figures)
        pids.append(told.pid)
        for name, cells in told.numbers:
            if (metric := _BY_NAME.get(name)) is not None:
                _add(metric, numbers.setdefault(metric, {}), cells)
        for name, counts in told.buckets:
            if (metric := _BY_NAME.get(name)) is not None:
                into = buckets.setdefault(metric, {})
                for values, cell in counts:
                    before = into.get(values)
                    into[values] = cell if before is None else tuple(map(sum, zip(before, cell, strict=True)))
    found = [
        Sampled(metric, numbers.get(metric, {}), buckets.get(metric, {})) for metric in METRICS if metric in numbers or metric in buckets
    ]
    return Merged(found, tuple(pids))


def _add(metric: Metric, into: dict[Values, int], cells: Iterable[tuple[Values, int]]) -> None:
    for values, number in cells:
        before = into.get(values)
        if before is None:
            into[values] = number
        else:
            into[values] = max(before, number) if metric.highest or metric.level else before + number
