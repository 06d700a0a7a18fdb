"""From an expression's text to the compiled value that a snapshot holds."""

from typing import Final

import msgspec

from orchvynt.language.expressions import closures
from orchvynt.language.expressions.checking import Checker
from orchvynt.language.expressions.parser import parse
from orchvynt.language.expressions.syntax import ExpressionError
from orchvynt.language.snapshot import EvaluationError, Expression
from orchvynt.language.variables import TABLES, Stage

_NO_VALUES: Final[dict[str, object]] = {}


class Compiled(msgspec.Struct, frozen=True):
    """`keys` are the context's keys it reads, as `context.x`. `constant` is set where the value never changes."""

    expression: Expression
    keys: frozenset[str]
    constant: bool | None


def compile_expression(text: str, stage: Stage) -> Compiled | list[ExpressionError]:
    """The compiled condition, or everything that is wrong with it."""
    try:
        tree = parse(text)
    except ExpressionError as error:
        return [error]
    checker = Checker(TABLES[stage])
    run = checker.boolean(tree, "the condition")
    if checker.problems:
        return checker.problems
    if checker.needs_meter:
        run = closures.metered(run)
    names = frozenset(checker.names)
    return Compiled(Expression(text, run, names), frozenset(checker.keys), None if names else _constant(run))


def _constant(run: closures.Run) -> bool | None:
    try:
        return run(_NO_VALUES) is True
    except EvaluationError:
        return None
