"""How long a model's answers are: the last output sizes of each model, for the floor of a fair share."""

from typing import Final

from orchvynt.decisions.budgets.sizing import OUTPUT_TOKENS_UNKNOWN

ANSWERS_NEEDED: Final = 20
ANSWERS_KEPT: Final = 200
# Callers may invent names behind a pattern.
MODELS_KEPT: Final = 4_096


class OutputSizes:
    """A ring of the last 200 output sizes per model; unmeasured below 20, and measured anew with every 20th answer."""

    __slots__ = ("_seen", "_sizes", "_typical")

    def __init__(self) -> None:
        self._sizes: dict[str, list[int]] = {}
        self._seen: dict[str, int] = {}
        self._typical: dict[str, int] = {}

    def add(self, model: str, output_tokens: int) -> None:
        if model not in self._sizes and len(self._sizes) >= MODELS_KEPT:
            oldest = next(iter(self._sizes))
            for kept in (self._sizes, self._seen, self._typical):
                kept.pop(oldest, None)
        sizes = self._sizes.setdefault(model, [])
        seen = self._seen[model] = self._seen.get(model, 0) + 1
        if len(sizes) < ANSWERS_KEPT:
            sizes.append(output_tokens)
        else:
            sizes[seen % ANSWERS_KEPT] = output_tokens
        if seen % ANSWERS_NEEDED == 0:
            self._typical[model] = max(1, sorted(sizes)[-(-len(sizes) * 99 // 100) - 1])

    def typical(self, model: str) -> int:
        """The p99 of the kept sizes, at least 1; 4,096 while fewer than 20 answers were seen."""
        return self._typical.get(model, OUTPUT_TOKENS_UNKNOWN)
