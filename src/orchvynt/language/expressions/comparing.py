"""Equality, order, membership and arithmetic: whether two types go together, and the cheapest closure that compares them."""

from orchvynt.language.expressions import closures, shortcuts
from orchvynt.language.expressions.closures import Run
from orchvynt.language.expressions.findings import Code, Findings
from orchvynt.language.expressions.syntax import Binary
from orchvynt.language.kinds import Type, may_be, may_equal

_PLAIN = frozenset({Type.STRING, Type.NUMBER, Type.BOOL, Type.OPTIONAL_NUMBER})
"""Types whose values Python's own `==` compares as the policy does, with a literal of a type that they may equal."""


def binary(found: Findings, node: Binary, left: Code, right: Code) -> Code:
    """One comparison or calculation on two checked sides."""
    if node.operator in ("==", "!="):
        return _equality(found, node, left, right)
    if node.operator == "in":
        return _membership(found, node, left, right)
    if node.operator in ("<", "<=", ">", ">="):
        return _order(found, node, left, right)
    return _arithmetic(found, node, left, right)


def _equality(found: Findings, node: Binary, left: Code, right: Code) -> Code:
    if not may_equal(left.type, right.type):
        help = 'An absent text is "".' if Type.NULL in (left.type, right.type) else ""
        return found.problem(node, f"{left.type.value} is never equal to {right.type.value}", help)
    if left.literal is not None:
        left, right = right, left
    wanted = node.operator == "=="
    if right.literal is not None and left.variable and left.type in _PLAIN:
        make = shortcuts.variable_is if wanted else shortcuts.variable_is_not
        return Code(Type.BOOL, make(left.variable, right.literal.value))
    run = _equals(found, left, right)
    return Code(Type.BOOL, run if wanted else closures.different(run))


def _equals(found: Findings, left: Code, right: Code) -> Run:
    if left.key is not None and right.text is not None:
        return shortcuts.key_is(*left.key, right.text)
    if Type.STRING in (left.type, right.type) or (left.type is right.type and left.type in (Type.NUMBER, Type.BOOL)):
        return closures.same(left.run, right.run)
    if all(may_be(code.type, "list") or may_be(code.type, "map") for code in (left, right)):
        found.needs_meter = True
        return closures.deep_equal(left.run, right.run)
    return closures.equal(left.run, right.run)


def _order(found: Findings, node: Binary, left: Code, right: Code) -> Code:
    if not any(may_be(left.type, kind) and may_be(right.type, kind) for kind in ("number", "string")):
        return found.problem(node, f"`{node.operator}` cannot order {left.type.value} and {right.type.value}")
    if right.amount is not None and left.key is not None:
        return Code(Type.BOOL, shortcuts.key_ordered(node.operator, *left.key, right.amount))
    if right.amount is not None and left.variable and left.type in (Type.NUMBER, Type.OPTIONAL_NUMBER):
        bounded = shortcuts.variable_ordered if left.type is Type.NUMBER else shortcuts.optional_ordered
        return Code(Type.BOOL, bounded(node.operator, left.variable, right.amount))
    alike = left.type is right.type and left.type in (Type.NUMBER, Type.STRING)
    make = closures.ordered_alike if alike else closures.ordered
    return Code(Type.BOOL, make(node.operator, left.run, right.run))


def _membership(found: Findings, node: Binary, left: Code, right: Code) -> Code:
    if right.type is Type.STRING:
        return found.problem(node, "`in` needs a list or a map on its right, not a string", "Write text.contains('x').")
    if not may_be(right.type, "list") and not may_be(right.type, "map"):
        return found.problem(node, f"`in` needs a list or a map on its right, not {right.type.value}")
    if right.type in (Type.STRINGS, Type.MAP) and not may_be(left.type, "string"):
        return found.problem(node, f"{left.type.value} is never in {right.type.value}")
    if right.items is not None:
        if never := [item for item in right.items if not may_be(left.type, _kind(item))]:
            return found.problem(node, f"{left.type.value} is never equal to {_shown(never[0])}", "Take it out of the list.")
        if run := _among(left, right.items):
            return Code(Type.BOOL, run)
    if right.type is Type.STRINGS and right.variable and left.text is not None:
        return Code(Type.BOOL, shortcuts.string_in(left.text, right.variable))
    if right.type is Type.MAP and left.text is not None:
        found.keys.add(f"{right.variable}.{left.text}")
    found.needs_meter = True
    return Code(Type.BOOL, closures.contained(left.run, right.run))


def _among(left: Code, items: tuple[str | float | bool | None, ...]) -> Run | None:
    """A set serves where one type alone is asked for: in Python, `True` would be among numbers."""
    if left.variable and left.type in (Type.STRING, Type.NUMBER):
        return shortcuts.variable_among(left.variable, frozenset(items))
    if left.key is not None and all(isinstance(item, str) for item in items):
        return shortcuts.key_among(*left.key, frozenset(items))
    return None


def _kind(item: str | float | bool | None) -> str:
    return {bool: "bool", str: "string", float: "number"}.get(type(item), "null")


def _shown(item: str | float | bool | None) -> str:
    if isinstance(item, str):
        return f'"{item}"'
    return "null" if item is None else str(item).lower() if isinstance(item, bool) else f"{item:g}"


def _arithmetic(found: Findings, node: Binary, left: Code, right: Code) -> Code:
    numbers = may_be(left.type, "number") and may_be(right.type, "number")
    strings = node.operator == "+" and may_be(left.type, "string") and may_be(right.type, "string")
    if not numbers and not strings:
        return found.problem(node, f"`{node.operator}` cannot take {left.type.value} and {right.type.value}")
    if not strings:
        plain = left.type is right.type is Type.NUMBER
        make = closures.calculated_numbers if plain else closures.calculated
        return Code(Type.NUMBER, make(node.operator, left.run, right.run))
    found.needs_meter = True
    return Code(Type.ANY if numbers else Type.STRING, closures.joined(left.run, right.run))
