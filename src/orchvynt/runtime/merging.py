"""Makes one view of what several processes counted, and of how they fare. Counts are added up, and so are gauges, but those where a sum
means nothing: of them the highest stands."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from orchvynt.runtime.metrics import METRICS, Metric, Sampled, Values
from orchvynt.runtime.shedding import Shed

_BY_NAME: Final = {metric.name: metric for metric in METRICS}


class Condition(msgspec.Struct, frozen=True):
    """What a process refuses now because of overload, how many it has refused since its start, and how it stands with a store that is
    away (empty: it is there)."""

    shed: Shed = Shed()
    shed_total: int = 0
    outage: str = ""


WELL: Final = Condition()


class Figures(msgspec.Struct, frozen=True):
    """What one process counted, by the names of the metrics, and how it fares."""

    pid: int
    numbers: list[tuple[str, list[tuple[Values, int]]]]
    buckets: list[tuple[str, list[tuple[Values, tuple[int, ...]]]]]
    condition: Condition = WELL


class Merged(msgspec.Struct, frozen=True):
    """What all processes counted together, which of this machine they are, and how they fare together."""

    sampled: list[Sampled]
    pids: tuple[int, ...]
    condition: Condition = WELL


def packed(sampled: Sequence[Sampled], pid: int, condition: Condition = WELL) -> bytes:
    """As another process is told."""
    numbers = [(one.metric.name, list(one.numbers.items())) for one in sampled if one.numbers]
    buckets = [(one.metric.name, list(one.buckets.items())) for one in sampled if one.buckets]
    return msgspec.msgpack.encode(Figures(pid, numbers, buckets, condition))


def merged(own: Sequence[Sampled], pid: int, others: Iterable[bytes], condition: Condition = WELL) -> Merged:
    """A process of another build may count what this one does not know: that is left out."""
    numbers: dict[Metric, dict[Values, int]] = {one.metric: dict(one.numbers) for one in own}
    buckets: dict[Metric, dict[Values, tuple[int, ...]]] = {one.metric: dict(one.buckets) for one in own}
    pids, conditions = [pid], [condition]
    for data in others:
        told = msgspec.msgpack.decode(data, type=Figures)
        pids.append(told.pid)
        conditions.append(told.condition)
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
    return Merged(found, tuple(pids), _together(conditions))


def _together(conditions: Sequence[Condition]) -> Condition:
    """Refusing since the first of them began, for the reason of who refuses most. An outage is one of the store that they share; the own
    words come first."""
    shedding = [one.shed for one in conditions if one.shed.since]
    shed = Shed()
    if shedding:
        most = max(shedding, key=lambda one: one.refused)
        shed = Shed(min(one.since for one in shedding), most.why, sum(one.refused for one in shedding))
    return Condition(shed, sum(one.shed_total for one in conditions), next((one.outage for one in conditions if one.outage), ""))


def _add(metric: Metric, into: dict[Values, int], cells: Iterable[tuple[Values, int]]) -> None:
    for values, number in cells:
        before = into.get(values)
        if before is None:
            into[values] = number
        else:
            into[values] = max(before, number) if metric.highest or metric.level else before + number
