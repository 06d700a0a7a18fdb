"""Portions: amounts in each of the five units that a budget may limit, side by side. Whole numbers only."""

from typing import Final

from orchvynt.language.compiled_budgets import Limits

Portion = tuple[int, int, int, int, int]
"""Nano-dollars, tokens, input tokens, output tokens, invocations."""

Bounds = tuple[int | None, int | None, int | None, int | None, int | None]
"""The same of limits; None does not bound."""

NOTHING: Final[Portion] = (0, 0, 0, 0, 0)


def portion(nanos: int, tokens: int, output: int, calls: int) -> Portion:
    """Of `tokens`, `output` are output."""
    return nanos, tokens, tokens - output, output, calls


def bounds(limits: Limits) -> Bounds:
    return limits.nanos, limits.tokens, limits.input_tokens, limits.output_tokens, limits.invocations


def plus(one: Portion, other: Portion) -> Portion:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3], one[4] + other[4]


def minus(one: Portion, other: Portion) -> Portion:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3], one[4] - other[4]


def at_least(one: Portion, other: Portion) -> Portion:
    """The larger of the two in each unit."""
    return max(one[0], other[0]), max(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]), max(one[4], other[4])


def at_most(one: Portion, other: Portion) -> Portion:
    """The smaller of the two in each unit."""
    return min(one[0], other[0]), min(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3]), min(one[4], other[4])


def left_of(granted: Portion, spent: Portion) -> Portion:
    """What is left of it: nothing in units that are overspent."""
    return at_least(minus(granted, spent), NOTHING)


def lower(limits: Limits, than: Limits) -> bool:
    """Whether a limit is lower than before, or new."""
    if limits is than:
        return False
    return any(now is not None and (was is None or now < was) for now, was in zip(bounds(limits), bounds(than), strict=True))
