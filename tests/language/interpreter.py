"""A plain interpreter of the syntax tree, written from the reference page and not from the closures, to hold them to it."""

import math
import re
from collections.abc import Mapping
from typing import Any

from orchvynt.language.expressions import syntax as ast
from orchvynt.language.variables import TABLES

NAMES = TABLES["output"]


class FailedError(Exception):
    """A true error while the expression runs."""


def interpret(node: ast.Expr, values: Mapping[str, Any]) -> Any:
    return _Interpreter(values, {}).value(node)


def kind(value: Any) -> str:
    for name, types in (("null", type(None)), ("bool", bool), ("string", str), ("number", (int, float)), ("list", (list, tuple))):
        if isinstance(value, types):
            return name
    return "map"


def equal(a: Any, b: Any) -> bool:
    if kind(a) != kind(b):
        return False
    if kind(a) == "list":
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if kind(a) == "map":
        return set(a) == set(b) and all(equal(a[key], b[key]) for key in a)
    return bool(float(a) == float(b)) if kind(a) == "number" else bool(a == b)


class _Interpreter:
    def __init__(self, values: Mapping[str, Any], bound: dict[str, Any]) -> None:
        self.values = values
        self.bound = bound

    def value(self, node: ast.Expr) -> Any:
        found = getattr(self, f"_{type(node).__name__.lower()}")(node)
        return float(found) if isinstance(found, int) and not isinstance(found, bool) else found

    def _literal(self, node: ast.Literal) -> Any:
        return node.value

    def _listof(self, node: ast.ListOf) -> Any:
        return [self.value(item) for item in node.items]

    def _name(self, node: ast.Name) -> Any:
        return self.bound[node.name] if node.name in self.bound else self.values[node.name]

    def _member(self, node: ast.Member) -> Any:
        if isinstance(node.target, ast.Name) and node.target.name not in self.bound:
            dotted = f"{node.target.name}.{node.field}"
            if dotted in NAMES:
                return self.values[dotted]
        return self._below(self.value(node.target), node.field)

    def _below(self, target: Any, key: str) -> Any:
        if target is None:
            return None
        if kind(target) != "map":
            raise FailedError
        return target.get(key)

    def _index(self, node: ast.Index) -> Any:
        target, key = self.value(node.target), self.value(node.key)
        if kind(key) == "string":
            return self._below(target, key)
        if target is None:
            return None
        if kind(target) != "list" or kind(key) != "number" or key != int(key) or not 0 <= key < len(target):
            raise FailedError
        return target[int(key)]

    def _has(self, node: ast.Has) -> Any:
        return self._member(node.member) is not None

    def _unary(self, node: ast.Unary) -> Any:
        operand = self.value(node.operand)
        if node.operator == "!":
            return not operand
        if kind(operand) != "number":
            raise FailedError
        return -operand

    def _conditional(self, node: ast.Conditional) -> Any:
        return self.value(node.then) if self.value(node.condition) else self.value(node.otherwise)

    def _logical(self, node: ast.Logical) -> Any:
        return self._decided([(operand, self.bound) for operand in node.operands], decides=node.operator == "||")

    def _quantified(self, node: ast.Quantified) -> Any:
        items = self.value(node.items)
        if kind(items) not in ("list", "map"):
            raise FailedError
        return self._decided([(node.predicate, {**self.bound, node.name: item}) for item in items], decides=node.kind == "exists")

    def _decided(self, parts: list[tuple[ast.Expr, dict[str, Any]]], decides: bool) -> bool:
        failed = False
        for part, bound in parts:
            try:
                if _Interpreter(self.values, bound).value(part) == decides:
                    return decides
            except FailedError:
                failed = True
        if failed:
            raise FailedError
        return not decides

    def _call(self, node: ast.Call) -> Any:
        arguments = [self.value(part) for part in ([node.target] if node.target is not None else []) + list(node.arguments)]
        if node.function == "size":
            if kind(arguments[0]) not in ("string", "list", "map"):
                raise FailedError
            return len(arguments[0])
        text, part = arguments
        if kind(text) != "string" or kind(part) != "string":
            raise FailedError
        if node.function == "matches":
            return re.search(part, text) is not None
        return {"startsWith": text.startswith, "endsWith": text.endswith, "contains": text.__contains__}[node.function](part)

    def _binary(self, node: ast.Binary) -> Any:
        a, b = self.value(node.left), self.value(node.right)
        match node.operator:
            case "==":
                return equal(a, b)
            case "!=":
                return not equal(a, b)
            case "in":
                return self._in(a, b)
            case "<" | "<=" | ">" | ">=":
                if a is None or b is None:
                    return False
                if kind(a) != kind(b) or kind(a) not in ("number", "string"):
                    raise FailedError
                return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[node.operator]
        return self._arithmetic(node.operator, a, b)

    def _in(self, item: Any, container: Any) -> bool:
        if kind(container) == "list":
            return any(equal(item, other) for other in container)
        if kind(container) != "map":
            raise FailedError
        return kind(item) == "string" and item in container

    def _arithmetic(self, operator: str, a: Any, b: Any) -> Any:
        if operator == "+" and kind(a) == kind(b) == "string":
            return a + b
        if kind(a) != "number" or kind(b) != "number":
            raise FailedError
        if operator in "/%" and b == 0:
            raise FailedError
        if operator == "%":
            return math.nan if math.isinf(a) or math.isnan(a) or math.isnan(b) else math.fmod(a, b)
        return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[operator]()
