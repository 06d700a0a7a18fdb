"""What a checked expression, and a reference to a secret, are in a compiled policy."""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from orchvynt.language.variables import Stage

Wanted = Literal["boolean", "number", "scalar"]


class EvaluationError(Exception):
    """An expression failed while it ran. The caller decides what that means: a rule does not match, gates and budgets close."""


class Expression(msgspec.Struct, frozen=True):
    """A checked, compiled expression. `evaluate(values)` looks each variable up as `values[NAME]`.

    Raises EvaluationError. `names` are the variables that it may read, as dotted names (`context.x` counts as `context`).
    `text`, `stage` and `wants` are what it was compiled from: another process makes the same of them.
    """

    text: str
    evaluate: Callable[[Mapping[str, object]], object]
    names: frozenset[str]
    stage: Stage = "request"
    wants: Wanted = "boolean"


class SecretRef(msgspec.Struct, frozen=True):
    """`${env:NAME}` or `${file:PATH}`; resolved on the server only."""

    source: Literal["env", "file"]
    name: str


class Outage(msgspec.Struct, frozen=True):
    """While the store is away budgets are spent for so long, and so many invocations may begin that it has not heard of."""

    closed_after_ns: int = 30_000_000_000
    buffer: int = 10_000


class Evidence(msgspec.Struct, frozen=True):
    """What was reviewed is kept for so long after its decision, sealed with the first of `keys`; the others only open."""

    for_ns: int
    keys: tuple[SecretRef, ...]
