"""From an expression's text to the compiled value that a snapshot holds."""

import msgspec

from orchvynt.language.expressions import closures
from orchvynt.language.expressions.checking import Checker
from orchvynt.language.expressions.deciding import always, equalities, shadows
from orchvynt.language.expressions.parser import parse
from orchvynt.language.expressions.syntax import ExpressionError
from orchvynt.language.snapshot import Expression, Wanted
from orchvynt.language.variables import Stage


class Compiled(msgspec.Struct, frozen=True):
    """`keys` are the context's keys it reads, as `context.x`. `constant` is set where a condition gives the same for all values.

    `equalities` are (variable or `context.KEY`, text) pairs: where one of them does not hold, the condition is false."""

    expression: Expression
    keys: frozenset[str]
    constant: bool | None
    equalities: tuple[tuple[str, str], ...] = ()


def compile_expression(text: str, stage: Stage, wants: Wanted = "boolean") -> Compiled | list[ExpressionError]:
    """The compiled expression, or everything that is wrong with it. A number may come out as null where a variable may be null."""
    try:
        tree = parse(text)
    except ExpressionError as error:
        return [error]
    checker = Checker(stage)
    run, found = checker.wanted(tree, wants), checker.found
    if found.problems:
        return found.problems
    expression = Expression(text, closures.metered(run) if found.needs_meter else run, frozenset(found.names), stage, wants)
    keys = frozenset(key for key in found.keys if key.startswith("context."))
    if wants != "boolean":
        return Compiled(expression, keys, None)
    return Compiled(expression, keys, always(tree, stage), equalities(tree, stage))


def compile_checked(text: str, stage: Stage, wants: Wanted) -> Expression:
    """An expression that was compiled elsewhere before: only its closure is made, without finding out anything about it."""
    checker = Checker(stage)
    run, found = checker.wanted(parse(text), wants), checker.found
    assert not found.problems, "it was checked before"
    return Expression(text, closures.metered(run) if found.needs_meter else run, frozenset(found.names), stage, wants)


def is_shadowed(later: Compiled, earlier: Compiled, stage: Stage) -> bool:
    """Whether the earlier condition is true wherever the later one is. False also where that is too much to be tried."""
    return shadows(parse(earlier.expression.text), parse(later.expression.text), stage)
