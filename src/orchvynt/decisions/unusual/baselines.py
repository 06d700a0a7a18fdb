"""What is usual of each model, from its last answers, and what of an answer is not. Bounded: models, and answers of each.

A length or repetition is unusual beyond Tukey's outer fences, three interquartile ranges from the quartiles; a language where less than
one in fifty of the model's answers has it. Until there are enough answers nothing is unusual.
"""

from bisect import bisect_left, insort
from collections import deque
from typing import Final, Literal

import msgspec

from orchvynt.decisions.unusual.measures import Measures, measure

SAMPLES_LEAST: Final = 50
SAMPLES_MOST: Final = 256
MODELS_MOST: Final = 256
# An answer must at least be this many times as long as usual (natural logarithm of 3), whatever little the usual ones differ.
LENGTH_SPREAD_LEAST: Final = 1.0986 / 3
# And this much of it must be repeated, at least, however little of the usual ones is.
REPETITION_LEAST: Final = 0.3
RARE_ONE_IN: Final = 50

Measure = Literal["length", "language", "repetition"]


class Finding(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What of an answer is unusual. `samples` answers were there to compare with; fewer than needed: nothing was `measured`. `figures` are
    the answer's own measures, and the bounds of the usual."""

    unusual: tuple[Measure, ...] = ()
    samples: int = 0
    measured: bool = False
    figures: dict[str, str | float] = {}


class _Ordered:
    """The last values, and the same in order: a new one costs two searches and a short move of memory."""

    __slots__ = ("_last", "_sorted")

    def __init__(self) -> None:
        self._last: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, value: float) -> None:
        if len(self._last) == SAMPLES_MOST:
            del self._sorted[bisect_left(self._sorted, self._last.popleft())]
        self._last.append(value)
        insort(self._sorted, value)

    def fences(self, spread_least: float) -> tuple[float, float] | None:
        """The outer fences; None while there are too few values."""
        count = len(self._sorted)
        if count < SAMPLES_LEAST:
            return None
        low, high = self._sorted[count // 4], self._sorted[count * 3 // 4]
        spread = 3 * max(high - low, spread_least)
        return low - spread, high + spread


class _Model:
    __slots__ = ("count", "languages", "lengths", "recent", "repetitions")

    def __init__(self) -> None:
        self.lengths = _Ordered()
        self.repetitions = _Ordered()
        self.recent: deque[str] = deque()
        self.languages: dict[str, int] = {}
        self.count = 0

    def add(self, found: Measures) -> None:
        self.count = min(self.count + 1, SAMPLES_MOST)
        self.lengths.add(found.length)
        if found.repetition is not None:
            self.repetitions.add(found.repetition)
        if found.language:
            if len(self.recent) == SAMPLES_MOST:
                gone = self.recent.popleft()
                self.languages[gone] -= 1
                if not self.languages[gone]:
                    del self.languages[gone]
            self.recent.append(found.language)
            self.languages[found.language] = self.languages.get(found.language, 0) + 1


class Baselines:
    """Of one process. It begins with nothing at each start."""

    __slots__ = ("_models",)

    def __init__(self) -> None:
        self._models: dict[str, _Model] = {}

    def look(self, model: str, text: str) -> Finding:
        """Compares an answer of a model with those before it, and remembers it. An answer without text is not compared."""
        known = self._models.pop(model, None) or _Model()
        self._models[model] = known
        if len(self._models) > MODELS_MOST:
            del self._models[next(iter(self._models))]
        if not text:
            return Finding(samples=known.count)
        measures = measure(text)
        found = _compare(known, measures)
        known.add(measures)
        return found


def _compare(known: _Model, found: Measures) -> Finding:
    if known.count < SAMPLES_LEAST:
        return Finding(samples=known.count)
    unusual: list[Measure] = []
    figures: dict[str, str | float] = {"chars": found.chars}
    lengths = known.lengths.fences(LENGTH_SPREAD_LEAST)
    if lengths is not None and not lengths[0] <= found.length <= lengths[1]:
        unusual.append("length")
    if found.language:
        figures["language"] = found.language
        told = len(known.recent)
        if told >= SAMPLES_LEAST and known.languages.get(found.language, 0) * RARE_ONE_IN < told:
            unusual.append("language")
    if found.repetition is not None:
        figures["repetition"] = round(found.repetition, 3)
        fences = known.repetitions.fences(0.0)
        if fences is not None and found.repetition > max(fences[1], REPETITION_LEAST):
            unusual.append("repetition")
    return Finding(tuple(unusual), known.count, True, figures)
