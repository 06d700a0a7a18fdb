"""Closures for the shapes that policies are full of: a variable, or a key of the context, against a literal.

One call instead of three to five: 0.1 µs each instead of up to 2 (bench/expressions.py). They mean what the general closures mean; the
property tests run through both.
"""

from collections.abc import Sequence
from typing import Final

from orchvynt.language.expressions import values
from orchvynt.language.expressions.closures import Run
from orchvynt.language.expressions.values import Values
from orchvynt.language.snapshot import EvaluationError

STRINGS_MAX: Final = 10_000
"""The most items of a list of strings in which `"x" in flags` searches."""


def variable_is(name: str, value: object) -> Run:
    """`workload == "x"`, the commonest condition of all."""
    return lambda v: v[name] == value


def variable_is_not(name: str, value: object) -> Run:
    return lambda v: v[name] != value


def variable_among(name: str, items: frozenset[object]) -> Run:
    """`workload in ["a", "b"]` and `now.weekday in [6, 7]`."""
    return lambda v: v[name] in items


def key_is(variable_name: str, key: str, text: str) -> Run:
    """`context.user_tier == "premium"`."""
    return lambda v: v[variable_name].get(key) == text  # type: ignore[attr-defined]  # a map by the table of variables


def key_among(variable_name: str, key: str, texts: frozenset[object]) -> Run:
    """`context.user_tier in ["a", "b"]`; a value that is no string is not among strings."""

    def run(v: Values) -> object:
        value = v[variable_name].get(key)  # type: ignore[attr-defined]  # a map by the table of variables
        return isinstance(value, str) and value in texts

    return run


def variable_ordered(kind: str, name: str, bound: float) -> Run:
    """`input.tokens_bound > 1000`, of a variable that is always a number."""
    compare = values.ORDERS[kind]
    return lambda v: compare(v[name], bound)


def optional_ordered(kind: str, name: str, bound: float) -> Run:
    """`min_quality >= 0.8`; false where the variable is null."""
    compare = values.ORDERS[kind]

    def run(v: Values) -> object:
        value = v[name]
        return value is not None and compare(value, bound)

    return run


def key_ordered(kind: str, variable_name: str, key: str, bound: float) -> Run:
    """`context.amount > 1000`; false where the value is null."""
    compare = values.ORDERS[kind]

    def run(v: Values) -> object:
        value = v[variable_name].get(key)  # type: ignore[attr-defined]  # a map by the table of variables
        if values.kind(value) == "number":
            return compare(values.number(value), bound)
        return values.ordered(kind, value, bound)

    return run


def string_in(item: str, name: str) -> Run:
    """`"x" in flags`, of a variable that is a list of strings."""

    def run(v: Values) -> object:
        container: Sequence[str] = v[name]  # type: ignore[assignment]  # a list of strings by the table of variables
        if len(container) > STRINGS_MAX:
            raise EvaluationError(f"`in` searches at most {STRINGS_MAX} items, and {name} has {len(container)}")
        return item in container

    return run
