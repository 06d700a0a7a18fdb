"""How long a model's answers are: the last output sizes of each model, for the floor of a fair share."""

from typing import Final

from orchvynt.decisions.budgets.sizing import OUTPUT_TOKENS_UNKNOWN

ANSWERS_NEEDED: Final = 20
ANSWERS_KEPT: Final = 200
# Callers may invent names behind a pattern.
MODELS_KEPT: Final = 4_096


class _Ring:
    """The last output sizes of one model; `typical` is what was last measured."""

    __slots__ = ("seen", "sizes", "typical")

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.seen = 0
        self.typical = OUTPUT_TOKENS_UNKNOWN


class OutputSizes:
    """A ring of the last 200 output sizes per model; unmeasured below 20, and measured anew with every 20th answer."""

    __slots__ = ("_rings",)

    def __init__(self) -> None:
        self._rings: dict[str, _Ring] = {}

    def add(self, model: str, output_tokens: int) -> None:
        ring = self._rings.get(model)
        if ring is None:
            if len(self._rings) >= MODELS_KEPT:
                del self._rings[next(iter(self._rings))]
            ring = self._rings[model] = _Ring()
        seen = ring.seen = ring.seen + 1
        if seen <= ANSWERS_KEPT:
            ring.sizes.append(output_tokens)
        else:
            ring.sizes[seen % ANSWERS_KEPT] = output_tokens
        if seen % ANSWERS_NEEDED == 0:
            sizes = sorted(ring.sizes)
            ring.typical = max(1, sizes[-(-len(sizes) * 99 // 100) - 1])

    def typical(self, model: str) -> int:
        """The p99 of the kept sizes, at least 1; 4,096 while fewer than 20 answers were seen."""
        ring = self._rings.get(model)
        return ring.typical if ring is not None else OUTPUT_TOKENS_UNKNOWN
