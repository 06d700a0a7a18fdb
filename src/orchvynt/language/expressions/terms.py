"""The terms of an expression that conditions ask about, and one point of each class into which their literals cut the values."""

import math
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from orchvynt.language.expressions import syntax as ast
from orchvynt.language.expressions import values
from orchvynt.language.expressions.syntax import Expr, Node
from orchvynt.language.kinds import Type
from orchvynt.language.snapshot import EvaluationError
from orchvynt.language.variables import Variable

FAILED: Final = object()
"""A point: the term cannot be computed."""

_OTHER: Final = ()
"""A point: a value that equals no literal and is ordered with none."""

_SIZED: Final = frozenset({Type.STRING, Type.STRINGS, Type.MAP})


class Term:
    """`name` is set for a variable that is a string, and for a key of the context. A number is from `low` to `high`."""

    def __init__(
        self, key: object, type_: Type, name: str = "", low: float = -math.inf, high: float = math.inf, fails: bool = False
    ) -> None:
        self.key = key
        self.type = type_
        self.name = name
        self.low = low
        self.high = high
        self.fails = fails
        self._literals: dict[object, object] = {}
        self._ordered = False
        self._points: list[object] | None = None

    def compare(self, literals: Iterable[object], ordered: bool) -> None:
        for one in literals:
            self._literals[shape(one)] = one
        self._ordered = self._ordered or ordered
        self._points = None

    def points(self) -> list[object]:
        if self._points is None:
            self._points = self._made()
        return self._points

    def _made(self) -> list[object]:
        literals = list(self._literals.values())
        texts = [one for one in literals if isinstance(one, str)]
        numbers = [one for one in literals if isinstance(one, float)]
        if self.type is Type.BOOL:
            found: list[object] = [True, False]
        elif self.type is Type.STRING:
            found = _strings(texts, self._ordered)
        elif self.type in (Type.NUMBER, Type.OPTIONAL_NUMBER):
            found = [*_numbers(numbers, self.low, self.high), *([None] if self.type is Type.OPTIONAL_NUMBER else [])]
        else:
            found = [one for one in literals if not isinstance(one, (str, float))]
            found += _strings(texts, ordered=True) if self._ordered else texts
            found += [*_numbers(numbers, self.low, self.high), math.nan] if self._ordered else numbers
            found += [None, _OTHER]
        return [*found, FAILED] if self.fails else found


def _strings(literals: list[str], ordered: bool) -> list[object]:
    """The literals, and the next string after each: nothing is between the two."""
    if not ordered:
        return [*literals, max(literals, default="") + "\0"]
    return [*literals, *(text + "\0" for text in literals), ""]


def _numbers(literals: list[float], low: float, high: float) -> list[object]:
    """The bounds, the literals within them, and a number between each two neighbours."""
    edges = sorted({low, high, *(one for one in literals if low <= one <= high)})
    between = [_between(a, b) for a, b in pairwise(edges)]
    inside = [one for one in literals if low <= one <= high]
    return list(dict.fromkeys([*inside, *between, *edges]))


def _between(a: float, b: float) -> float:
    if math.isinf(a):
        return 0.0 if math.isinf(b) else b - max(1.0, abs(b))
    return a + max(1.0, abs(a)) if math.isinf(b) else a / 2 + b / 2


def term(node: Expr, table: Mapping[str, Variable], boolean: bool = False) -> Term:
    """What a comparison asks about. What has no name is known by its shape, may fail, and may be anything."""
    name = _dotted(node)
    if name in table:
        variable = table[name]
        if variable.type in (Type.MAP, Type.STRINGS):
            return Term(name, Type.ANY)
        return Term(name, variable.type, name if variable.type is Type.STRING else "", variable.low, variable.high)
    match node:
        case ast.Member(target=target, field=key) | ast.Index(target=target, key=ast.Literal(value=str() as key)):
            of = table.get(_dotted(target))
            if of is not None and of.type is Type.MAP:
                return Term((of.name, key), Type.ANY, f"{of.name}.{key}")
        case ast.Call(function="size"):
            of = table.get(_dotted(node.target if node.target is not None else node.arguments[0]))
            if of is not None and of.type in _SIZED:
                return Term(("size", of.name), Type.NUMBER, low=0)
        case ast.Call(function="contains" | "startsWith" | "endsWith", target=target, arguments=(argument,)) if target is not None:
            of = table.get(_dotted(target))
            if of is not None and of.type is Type.STRING and isinstance(argument, ast.Literal):
                return Term(shape(node), Type.BOOL)
        case ast.Binary(operator="in", left=ast.Literal(), right=right):
            of = table.get(_dotted(right))
            if of is not None and of.type in (Type.STRINGS, Type.MAP):
                return Term(("in", of.name, shape(node.left)), Type.BOOL)
    return Term(shape(node), Type.BOOL if boolean else Type.ANY, fails=boolean or not _is_sum(node, table))


def _is_sum(node: Expr, table: Mapping[str, Variable]) -> bool:
    """Whether it is calculated from numbers, without a division: then it cannot fail."""
    if isinstance(node, ast.Binary) and node.operator in ("+", "-", "*"):
        return _is_sum(node.left, table) and _is_sum(node.right, table)
    variable = table.get(_dotted(node))
    return (variable is not None and variable.type is Type.NUMBER) or (isinstance(node, ast.Literal) and isinstance(node.value, float))


def _dotted(node: Expr) -> str:
    if isinstance(node, ast.Name):
        return node.name
    if isinstance(node, ast.Member) and isinstance(node.target, ast.Name):
        return f"{node.target.name}.{node.field}"
    return ""


def literal(node: Expr) -> tuple[str | float | bool | None] | None:
    """The value of a part that is written out: a literal, or a calculation with literals."""
    if isinstance(node, ast.Literal):
        return (node.value,)
    if not isinstance(node, ast.Binary) or node.operator not in ("+", "-", "*", "/", "%"):
        return None
    left, right = literal(node.left), literal(node.right)
    if left is None or right is None:
        return None
    try:
        return (values.calculated(node.operator, left[0], right[0]),)
    except EvaluationError:
        return None


def shape(part: object) -> object:
    """Equal for parts that say the same, wherever they stand."""
    if isinstance(part, Node):
        said = [getattr(part, name) for name in part.__struct_fields__ if name not in ("start", "end")]
        return (type(part).__name__, *map(shape, said))
    if isinstance(part, tuple):
        return tuple(map(shape, part))
    return (type(part).__name__, part)
