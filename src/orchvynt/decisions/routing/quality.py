"""How good a model's answers are, from callers' feedback: scores from 0 to 1, against the quality that the policy declares.

Praise counts at the lower end of its confidence interval (Wilson 1927, one-sided 95 %; for scores between 0 and 1 it is on the safe side,
because no such variable varies more than a yes-or-no one of the same mean, Bhatia and Davis 2000). Blame is blended with the declared
value, which weighs as much as PRIOR_SCORES scores. With n scores of mean m, declared value d and lower bound L:

    quality = max(L, min(d, (10·d + n·m) / (10 + n)))        without a declared value: L, from 5 scores on
"""

from collections import deque
from math import sqrt
from typing import Final

from orchvynt.language.snapshot import Model

PRIOR_SCORES: Final = 10
SCORES_NEEDED: Final = 5
"""Without a declared value, fewer scores say nothing."""
SCORES_KEPT: Final = 500
"""The newest of each model: what it was long ago counts no more."""
MODELS_MAX: Final = 512
"""Callers may invent names behind a pattern."""
_Z: Final = 1.6448536269514722


class _Kept:
    """One model's newest scores with their workloads, and for each workload how many there are and their sum."""

    __slots__ = ("by_workload", "newest", "total")

    def __init__(self) -> None:
        self.newest: deque[tuple[str, float]] = deque()
        self.by_workload: dict[str, tuple[int, float]] = {}
        self.total = 0.0

    def add(self, workload: str, score: float) -> None:
        self.newest.append((workload, score))
        self._count(workload, 1, score)
        if len(self.newest) > SCORES_KEPT:
            old_workload, old = self.newest.popleft()
            self._count(old_workload, -1, -old)

    def _count(self, workload: str, more: int, score: float) -> None:
        count, total = self.by_workload.get(workload, (0, 0.0))
        self.total += score
        if count + more:
            self.by_workload[workload] = (count + more, total + score)
        else:
            del self.by_workload[workload]


class Scores:
    """Scores by provider and model. A workload counts apart where the policy declares a quality of its own for it."""

    __slots__ = ("_models",)

    def __init__(self) -> None:
        self._models: dict[tuple[str, str], _Kept] = {}

    def add(self, provider: str, model: str, workload: str, score: float) -> None:
        key = (provider, model)
        kept = self._models.pop(key, None)
        if kept is None:
            if len(self._models) >= MODELS_MAX:
                del self._models[next(iter(self._models))]
            kept = _Kept()
        self._models[key] = kept
        kept.add(workload, score)

    def of(self, model: Model, workload: str) -> tuple[int, float]:
        """How many scores of this model count for a workload, and their sum."""
        kept = self._models.get((model.provider.name, model.name))
        if kept is None:
            return 0, 0.0
        apart = model.quality_by_workload
        if workload in apart:
            return kept.by_workload.get(workload, (0, 0.0))
        count, total = len(kept.newest), kept.total
        for other in apart:
            one = kept.by_workload.get(other, (0, 0.0))
            count, total = count - one[0], total - one[1]
        return count, total

    def quality(self, model: Model, workload: str) -> float | None:
        """The quality in force; None where nothing is declared and too little is measured."""
        declared = declared_quality(model, workload)
        if not self._models:
            return declared
        count, total = self.of(model, workload)
        return blended(declared, count, total)


def declared_quality(model: Model, workload: str) -> float | None:
    return model.quality_by_workload.get(workload, model.quality) if model.quality_by_workload else model.quality


def blended(declared: float | None, count: int, total: float) -> float | None:
    """The formula above."""
    if not count:
        return declared
    least = lower_bound(count, total)
    if declared is None:
        return least if count >= SCORES_NEEDED else None
    return max(least, min(declared, (PRIOR_SCORES * declared + total) / (PRIOR_SCORES + count)))


def lower_bound(count: int, total: float) -> float:
    """The lower end of Wilson's interval; 0 without scores."""
    if not count:
        return 0.0
    mean = min(1.0, max(0.0, total / count))
    squared = _Z * _Z
    middle = mean + squared / (2 * count)
    spread = _Z * sqrt(mean * (1 - mean) / count + squared / (4 * count * count))
    return max(0.0, (middle - spread) / (1 + squared / count))
