"""Finds out at load what an expression will always give, and which equalities it cannot be true without.

An expression asks questions of its terms: `workload`, `context.tier`, `size(flags)`, `cost * 2`. The literals that a term is compared with
cut its values into classes, and one point of each class is tried, in every combination. A term of which less is known may also fail or be
anything, so what is found here holds for every value. Limits of cost and size stand aside.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from math import prod
from typing import Final

from orchvynt.language.compiled import EvaluationError
from orchvynt.language.expressions import syntax as ast
from orchvynt.language.expressions import values
from orchvynt.language.expressions.syntax import Expr
from orchvynt.language.expressions.terms import FAILED, Term, literal, shape, term
from orchvynt.language.variables import TABLES, Stage, Variable

Outcome = bool | None
"""None: the evaluation fails."""

_ANYTHING: Final = frozenset({True, False, None})
_NEVER: Final = frozenset({False, None})
_QUESTIONS_MAX: Final = 8192
"""How many answers are tried: combinations of points times the questions that each is asked."""

_Point = Sequence[object]
_Formula = Callable[[_Point], Outcome]


def always(tree: Expr, stage: Stage) -> bool | None:
    """True or False where the condition gives that for all values; None where it varies or is too large to be tried. False also where it
    may fail and is never true, True only where it never fails."""
    if _each_its_own(tree, stage):
        return None
    found = _outcomes(tree, TABLES[stage])
    return next(iter(found)) if len(found) == 1 else False if found == _NEVER else None


def shadows(earlier: Expr, later: Expr, stage: Stage) -> bool:
    """Whether `earlier` is true wherever `later` is, so that a rule with `later` behind one with `earlier` is never reached."""
    space = _Space(TABLES[stage])
    first, second = space.formula(earlier), space.formula(later)
    if space.work() > _QUESTIONS_MAX:
        return False
    return all(first(point) is True for point in space.points() if second(point) is True)


def equalities(tree: Expr, stage: Stage) -> tuple[tuple[str, str], ...]:
    """(variable or `context.KEY`, text) pairs: the condition is false, and never fails, where one of them does not hold."""
    if isinstance(tree, ast.Logical) and tree.operator == "&&":
        return tuple(dict.fromkeys(pair for operand in tree.operands for pair in equalities(operand, stage)))
    if not isinstance(tree, ast.Binary) or tree.operator not in ("==", "in"):
        return ()
    left, right = tree.left, tree.right
    if tree.operator == "in":
        if not isinstance(right, ast.ListOf) or len(right.items) != 1:
            return ()
        right = right.items[0]
    elif literal(left) is not None:
        left, right = right, left
    text = literal(right)
    asked = term(left, TABLES[stage])
    if text is None or not isinstance(text[0], str) or not asked.name:
        return ()
    return ((asked.name, text[0]),)


def _each_its_own(tree: Expr, stage: Stage) -> bool:
    """Equalities of different terms, which vary: most conditions are that, and need no closer look."""
    operands = tree.operands if isinstance(tree, ast.Logical) and tree.operator == "&&" else (tree,)
    pairs = [pair for operand in operands if isinstance(operand, ast.Binary) for pair in equalities(operand, stage)]
    return len(operands) == len(pairs) == len({name for name, _ in pairs})


def _outcomes(tree: Expr, table: Mapping[str, Variable]) -> frozenset[Outcome]:
    space = _Space(table)
    formula = space.formula(tree)
    if space.varies():
        return _ANYTHING
    if space.work() > _QUESTIONS_MAX:
        return _combined(tree, table) if isinstance(tree, ast.Logical) else _ANYTHING
    found: set[Outcome] = set()
    for point in space.points():
        found.add(formula(point))
        if True in found and len(found) > 1:
            return _ANYTHING
    return frozenset(found)


def _combined(tree: ast.Logical, table: Mapping[str, Variable]) -> frozenset[Outcome]:
    """Each operand by itself, where all together are too many."""
    decides = tree.operator == "||"
    operands = [_outcomes(operand, table) for operand in tree.operands]
    if any(found == {decides} for found in operands):
        return frozenset({decides})
    return frozenset({not decides}) if all(found == {not decides} for found in operands) else _ANYTHING


class _Space:
    """The terms that formulas ask about, each with its place in a point."""

    def __init__(self, table: Mapping[str, Variable]) -> None:
        self._table = table
        self._terms: dict[object, Term] = {}
        self._places: dict[object, int] = {}
        self._questions: list[tuple[Term, Callable[[object], Outcome]]] = []
        self._fixed = False

    def varies(self) -> bool:
        """Each term is asked once, and each question can come out either way: then so can the whole. True of most conditions."""
        if self._fixed or len(self._questions) != len(self._terms):
            return False
        return all({question(one) for one in about.points() if one is not FAILED} >= {True, False} for about, question in self._questions)

    def work(self) -> int:
        return (1 + len(self._questions)) * prod(len(one.points()) for one in self._terms.values())

    def points(self) -> Iterator[_Point]:
        """Every combination. The first and the last come early: together they settle most expressions."""
        axes = [one.points() for one in self._terms.values()]
        yield [axis[0] for axis in axes]
        yield [axis[-1] for axis in axes]
        yield from product(*axes)

    def formula(self, node: Expr) -> _Formula:
        match node:
            case ast.Literal(value=bool() as value):
                return self._settled(value)
            case ast.Logical():
                return _logical(node.operator == "||", [self.formula(operand) for operand in node.operands])
            case ast.Unary(operator="!"):
                return _negated(self.formula(node.operand))
            case ast.Conditional():
                return _conditional(*(self.formula(part) for part in (node.condition, node.then, node.otherwise)))
            case ast.Has():
                return self._asked(term(node.member, self._table), lambda value: value is not None, None)
            case ast.Binary(operator="==" | "!=" | "<" | "<=" | ">" | ">="):
                return self._comparison(node)
            case ast.Binary(operator="in", right=ast.ListOf(items=items)):
                return self._among(node, items)
        return self._whole(node)

    def _asked(self, about: Term, question: Callable[[object], Outcome], *literals: object, ordered: bool = False) -> _Formula:
        known = self._terms.setdefault(about.key, about)
        known.compare(literals, ordered)
        self._questions.append((known, question))
        place = self._places.setdefault(about.key, len(self._places))

        def formula(point: _Point) -> Outcome:
            value = point[place]
            return None if value is FAILED else question(value)

        return formula

    def _settled(self, value: Outcome) -> _Formula:
        self._fixed = True
        return lambda _: value

    def _whole(self, node: Expr) -> _Formula:
        """A condition of which only this is known: where it stands twice, it gives the same twice."""
        return self._asked(term(node, self._table, boolean=True), lambda value: value is True, True, False)

    def _comparison(self, node: ast.Binary) -> _Formula:
        operator, (left, right) = node.operator, (literal(node.left), literal(node.right))
        compare: Callable[[object, object], Outcome] = values.equal if operator in ("==", "!=") else partial(_ordered, operator)
        if left is not None and right is not None:
            formula = self._settled(compare(left[0], right[0]))
        elif right is not None:
            bound = right[0]
            formula = self._asked(term(node.left, self._table), lambda value: compare(value, bound), bound, ordered=operator[0] in "<>")
        elif left is not None:
            bound = left[0]
            formula = self._asked(term(node.right, self._table), lambda value: compare(bound, value), bound, ordered=operator[0] in "<>")
        elif shape(node.left) == shape(node.right):
            itself: Callable[[object], Outcome] = (lambda _: True) if operator in ("==", "!=") else lambda one: _ordered(operator, one, one)
            formula = self._asked(term(node.left, self._table), itself, ordered=operator[0] in "<>")
        elif operator == "!=":
            formula = self._whole(ast.Binary(node.start, node.end, "==", node.left, node.right))
        else:
            return self._whole(node)
        return _negated(formula) if operator == "!=" else formula

    def _among(self, node: ast.Binary, items: tuple[Expr, ...]) -> _Formula:
        literals = [one[0] for item in items if (one := literal(item)) is not None]
        if len(literals) < len(items) or literal(node.left) is not None:
            return self._whole(node)
        asked = term(node.left, self._table)
        return self._asked(asked, lambda value: any(values.equal(value, one) for one in literals), *literals)


def _ordered(operator: str, left: object, right: object) -> Outcome:
    """None where it fails, because the two are of different kinds."""
    try:
        return values.ordered(operator, left, right)
    except EvaluationError:
        return None


def _negated(formula: _Formula) -> _Formula:
    def negated(point: _Point) -> Outcome:
        found = formula(point)
        return None if found is None else not found

    return negated


def _logical(decides: bool, operands: Sequence[_Formula]) -> _Formula:
    def logical(point: _Point) -> Outcome:
        found = [operand(point) for operand in operands]
        return decides if decides in found else None if None in found else not decides

    return logical


def _conditional(condition: _Formula, then: _Formula, otherwise: _Formula) -> _Formula:
    def conditional(point: _Point) -> Outcome:
        found = condition(point)
        return None if found is None else then(point) if found else otherwise(point)

    return conditional
