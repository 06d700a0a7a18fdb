"""The syntax tree of an expression. Every node knows where in the expression's text it stands: from `start` up to `end`."""

from typing import Literal as OneOf

import msgspec


class ExpressionError(Exception):
    """The expression cannot be read. `start` and `end` are offsets into its text."""

    def __init__(self, start: int, end: int, message: str, help: str = "") -> None:
        super().__init__(message)
        self.start = start
        self.end = end
        self.help = help


class Node(msgspec.Struct, frozen=True, gc=False):
    start: int
    end: int


class Literal(Node, frozen=True):
    """Numbers are doubles; integer literals are read as doubles."""

    value: str | float | bool | None


class ListOf(Node, frozen=True):
    items: "tuple[Expr, ...]"


class Name(Node, frozen=True):
    name: str


class Member(Node, frozen=True):
    """`target.field`."""

    target: "Expr"
    field: str


class Index(Node, frozen=True):
    """`target[key]`."""

    target: "Expr"
    key: "Expr"


class Call(Node, frozen=True):
    """`size(x)` has no target, `x.size()` has one."""

    function: str
    target: "Expr | None"
    arguments: "tuple[Expr, ...]"


class Quantified(Node, frozen=True):
    """`items.exists(name, predicate)` and `items.all(name, predicate)`."""

    kind: OneOf["exists", "all"]
    items: "Expr"
    name: str
    predicate: "Expr"


class Has(Node, frozen=True):
    """`has(context.x)`."""

    member: Member


class Unary(Node, frozen=True):
    operator: OneOf["!", "-"]
    operand: "Expr"


class Binary(Node, frozen=True):
    """Comparisons, `in` and arithmetic."""

    operator: str
    left: "Expr"
    right: "Expr"


class Logical(Node, frozen=True):
    """`a && b && c` is one node, so that a long chain is not deep."""

    operator: OneOf["&&", "||"]
    operands: "tuple[Expr, ...]"


class Conditional(Node, frozen=True):
    condition: "Expr"
    then: "Expr"
    otherwise: "Expr"


Expr = Literal | ListOf | Name | Member | Index | Call | Quantified | Has | Unary | Binary | Logical | Conditional
