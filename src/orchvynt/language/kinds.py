"""The types of expressions, and which runtime values each may have. Context values have no declared type: they are `ANY`."""

from enum import Enum
from typing import Final


class Type(Enum):
    """The value is what a message says of it."""

    BOOL = "a boolean"
    NUMBER = "a number"
    STRING = "a string"
    STRINGS = "a list of strings"
    LIST = "a list"
    MAP = "a map"
    NULL = "null"
    OPTIONAL_NUMBER = "a number or null"
    ANY = "a value of the context"


_KINDS: Final[dict[Type, frozenset[str]]] = {
    Type.BOOL: frozenset({"bool"}),
    Type.NUMBER: frozenset({"number"}),
    Type.STRING: frozenset({"string"}),
    Type.STRINGS: frozenset({"list"}),
    Type.LIST: frozenset({"list"}),
    Type.MAP: frozenset({"map"}),
    Type.NULL: frozenset({"null"}),
    Type.OPTIONAL_NUMBER: frozenset({"number", "null"}),
    Type.ANY: frozenset({"bool", "number", "string", "list", "map", "null"}),
}


def may_be(type_: Type, kind: str) -> bool:
    """Whether a value of this type can be of that runtime kind."""
    return kind in _KINDS[type_]


def may_equal(left: Type, right: Type) -> bool:
    """False where two values of these types are never equal."""
    return not _KINDS[left].isdisjoint(_KINDS[right])


def joined(left: Type, right: Type) -> Type | None:
    """The type of a value that is one or the other; None where they have nothing in common."""
    if left is right:
        return left
    pair = {left, right}
    if pair <= {Type.NUMBER, Type.NULL, Type.OPTIONAL_NUMBER}:
        return Type.OPTIONAL_NUMBER
    if pair <= {Type.STRINGS, Type.LIST}:
        return Type.LIST
    return Type.ANY if pair & {Type.ANY, Type.NULL} else None
