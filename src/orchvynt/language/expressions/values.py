"""What operators mean on runtime values, by CEL with the policy's own rules: numbers are doubles, absent is null.

Equality of values of different kinds is false, and so is an ordering with null; any other ordering is between two numbers or two strings.
Every other mismatch is an EvaluationError.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from operator import add, ge, gt, le, lt, mul, sub
from types import MappingProxyType
from typing import Any, Final

from orchvynt.language.snapshot import EvaluationError

COST_MAX: Final = 100_000
"""Per evaluation, in units of about a microsecond: a step of a quantifier, or a KiB of text that is searched."""

NESTING_MAX: Final = 64
TEXT_CHARS_MAX: Final = 1_048_576
"""The longest string that `+` may make."""

ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType({"<": lt, "<=": le, ">": gt, ">=": ge})

_KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {bool: "bool", int: "number", float: "number", str: "string", list: "list", tuple: "list", type(None): "null"}
)

Values = Mapping[str, object]


class NotKnownYetError(EvaluationError):
    """A variable has no value: the answer is not there yet, or nobody has measured it. What depends on it cannot be decided."""


class Meter:
    """What one evaluation may still cost."""

    left: int = COST_MAX

    def spend(self, units: int) -> None:
        self.left -= units
        if self.left < 0:
            raise EvaluationError("the expression costs more than one evaluation may")


class Frame(Mapping[str, object]):
    """The values of one evaluation with its meter, and one bound name inside a quantifier."""

    __slots__ = ("item", "meter", "name", "outer")

    def __init__(self, outer: Values, meter: Meter, name: str = "", item: object = None) -> None:
        self.outer = outer
        self.meter = meter
        self.name = name
        self.item = item

    def __getitem__(self, name: str) -> object:
        return self.item if name == self.name else self.outer[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.outer)

    def __len__(self) -> int:
        return len(self.outer)


class ReadMap:
    """A caller's map that remembers which of its keys were read, so that a record keeps those and no others."""

    __slots__ = ("read", "source", "whole")

    def __init__(self, source: Mapping[str, object]) -> None:
        self.source = source
        self.read: dict[str, object] = {}
        self.whole = False

    def get(self, key: str) -> object:
        """The value, or None where the caller did not give it."""
        try:
            return self.read[key]
        except KeyError:
            value = self.source.get(key)
        if isinstance(value, dict):
            value = ReadMap(value)
        self.read[key] = value
        return value

    def all(self) -> Mapping[str, object]:
        self.whole = True
        return self.source


def kind(value: object) -> str:
    """bool, number, string, list, map or null."""
    return _KINDS.get(type(value), "map")


def number(value: object) -> float:
    """A number as the nearest double; one beyond all doubles is infinite, as in JSON elsewhere."""
    assert isinstance(value, (int, float))
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def member(target: object, name: str) -> object:
    """`target.name`: null where the map has no such key, and where the target itself is absent."""
    if target is None:
        return None
    if isinstance(target, (dict, ReadMap)):
        return target.get(name)
    raise EvaluationError(f"{kind(target)} has no member {name}")


def indexed(target: object, key: object) -> object:
    """`target[key]`: a key of a map, or a position in a list, counted from 0."""
    if isinstance(key, str):
        return member(target, key)
    if target is None:
        return None
    if not isinstance(target, (list, tuple)) or kind(key) != "number":
        raise EvaluationError(f"{kind(target)} cannot be indexed by {kind(key)}")
    place = number(key)
    if not place.is_integer() or not 0 <= place < len(target):
        raise EvaluationError(f"there is no item {place:g} in a list of {len(target)}")
    item: object = target[int(place)]
    return item


def whole(value: object) -> object:
    return value.all() if isinstance(value, ReadMap) else value


def equal(left: object, right: object) -> bool:
    """Equality with anything but a list or a map. Values of different kinds are not equal."""
    if isinstance(left, str) or isinstance(right, str):
        return left == right
    of = kind(left)
    if of != kind(right):
        return False
    if of == "number":
        return number(left) == number(right)
    assert of in ("bool", "null")
    return left is right


def deep_equal(left: object, right: object, meter: Meter, depth: int = 0) -> bool:
    """Equality of any two values."""
    of = kind(left)
    if of != kind(right):
        return False
    if of not in ("list", "map"):
        return equal(left, right)
    if left is right:
        return True
    if depth > NESTING_MAX:
        raise EvaluationError(f"a value is nested deeper than {NESTING_MAX} levels")
    left, right = whole(left), whole(right)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        meter.spend(1 + len(left))
        return len(left) == len(right) and all(deep_equal(a, b, meter, depth + 1) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        meter.spend(1 + len(left))
        return left.keys() == right.keys() and all(deep_equal(value, right[key], meter, depth + 1) for key, value in left.items())
    return False


def ordered(operator: str, left: object, right: object) -> bool:
    """`<`, `<=`, `>`, `>=` of two numbers or two strings, which go by code point. False where one is null; anything else is an error,
    so that a gate is not passed by who writes "500" in place of 500."""
    of = kind(left)
    if left is None or right is None:
        return False
    if of != kind(right) or of not in ("number", "string"):
        raise EvaluationError(f"`{operator}` cannot order {of} and {kind(right)}")
    return ORDERS[operator](left, right) if of == "string" else ORDERS[operator](number(left), number(right))


def joined(left: object, right: object, meter: Meter) -> object:
    """`+` where both sides may be strings."""
    if not isinstance(left, str) or not isinstance(right, str):
        return calculated("+", left, right)
    length = len(left) + len(right)
    meter.spend(length // 1024)
    if length > TEXT_CHARS_MAX:
        raise EvaluationError("a string became too long")
    return left + right


def calculated(operator: str, left: object, right: object) -> float:
    """`+ - * / %` on doubles. Dividing by zero is an error, `%` has the sign of the left operand."""
    if kind(left) != "number" or kind(right) != "number":
        raise EvaluationError(f"`{operator}` cannot take {kind(left)} and {kind(right)}")
    return CALCULATIONS[operator](number(left), number(right))


def _divided(a: float, b: float) -> float:
    if b == 0:
        raise EvaluationError("`/` by zero")
    return a / b


def _remainder(a: float, b: float) -> float:
    if b == 0:
        raise EvaluationError("`%` by zero")
    return math.nan if math.isinf(a) else math.fmod(a, b)


CALCULATIONS: Final[Mapping[str, Callable[[float, float], float]]] = MappingProxyType(
    {"+": add, "-": sub, "*": mul, "/": _divided, "%": _remainder}
)


def contained(item: object, container: object, meter: Meter) -> bool:
    """`item in container`: an item of a list or a key of a map."""
    if isinstance(container, ReadMap):
        if not isinstance(item, str):
            return False
        container.get(item)
        return item in container.source
    if isinstance(container, dict):
        return isinstance(item, str) and item in container
    if isinstance(container, (list, tuple)):
        meter.spend(1 + len(container))
        return any(deep_equal(item, other, meter) for other in container)
    raise EvaluationError(f"`in` needs a list or a map on its right, not {kind(container)}")


def size(value: object) -> float:
    """Characters of a string, items of a list, keys of a map."""
    value = whole(value)
    if isinstance(value, (str, list, tuple, dict)):
        return float(len(value))
    raise EvaluationError(f"`size` cannot take {kind(value)}")
