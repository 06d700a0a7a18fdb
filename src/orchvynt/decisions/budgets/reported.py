"""What providers reported beyond what was bounded: it takes the trust from an exact count, and raises the bound by bytes.

A model whose report exceeded its exact count is bounded by bytes until a policy is applied or the process begins anew. What a model is
billed beyond the bound of its bytes is its template's (a system prompt that its server adds, say), which every further call pays as well.
No share of a text is learned here: one that holds for prose does not for other texts.
"""

from typing import Final

# Callers may invent names behind a pattern.
MODELS_KEPT: Final = 4_096
EXCESS_TOKENS_MOST: Final = 32_768
"""More than this is no template; it stays the provider's overrun, on record."""


class InputReports:
    """Per model name. Policies are named by their version."""

    __slots__ = ("_distrusted", "_excess")

    def __init__(self) -> None:
        self._distrusted: dict[str, int] = {}
        self._excess: dict[str, int] = {}

    def exceeded(self, model: str, version: int, counted_by: str, bound: int, reported: int) -> None:
        """The provider counted more input than the hold of the attempt did. `bound` is that of the hold."""
        if counted_by:
            _keep(self._distrusted, model, version)
        elif reported - bound <= EXCESS_TOKENS_MOST:
            # The bound of the hold holds what was learned before.
            _keep(self._excess, model, self._excess.get(model, 0) + reported - bound)

    def trusts(self, model: str, version: int) -> bool:
        return self._distrusted.get(model) != version if self._distrusted else True

    def excess(self, model: str) -> int:
        """Input tokens that every call of this model may cost beyond the bound of its bytes."""
        return self._excess.get(model, 0) if self._excess else 0


def _keep(kept: dict[str, int], model: str, value: int) -> None:
    if model not in kept and len(kept) >= MODELS_KEPT:
        del kept[next(iter(kept))]
    kept[model] = value
