"""What the fields of a section hold, read off their annotations: sections, lists and maps of them, names of other things, expressions."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
from pydantic import AfterValidator, WithJsonSchema
from pydantic.fields import FieldInfo

from orchvynt.language.document.scalars import NAME_PATTERN, json_value, text_schema
from orchvynt.language.document.section import Section, fields_of
from orchvynt.language.variables import Stage

Kind = Literal["model", "provider", "group", "destination", "chain", "rule", "gate", "budget", "key", "judge", "gates", "budgets"]
"""What a name leads to. A `judge` is `judge:MODEL` among other texts; `gates` and `budgets` are names in which `*` may stand."""


class Refers(msgspec.Struct, frozen=True):
    """The text names something else in the policy. `patterns` says that a name which only a pattern knows is right as well."""

    kind: Kind
    patterns: bool = False


class Reads(msgspec.Struct, frozen=True):
    """The text is an expression. A gate's has the stage that the gate names."""

    stage: Stage | Literal["gate"]
    wants: Literal["boolean", "number", "scalar"] = "boolean"
    words: tuple[str, ...] = ()


class Raw(msgspec.Struct, frozen=True):
    """JSON of any shape, in which a name without a value is null."""


class Shape(msgspec.Struct, frozen=True):
    """What a field may hold: several of these where it may stand for several things."""

    section: type[Section] | None = None
    items: "Shape | None" = None
    keys: "Shape | None" = None
    values: "Shape | None" = None
    refers: Refers | None = None
    reads: Reads | None = None
    text: bool = False
    raw: bool = False

    @property
    def plain(self) -> bool:
        """Whether nothing in it has to be looked at after it was read."""
        return self == _PLAIN


_PLAIN: Final = Shape()


@cache
def shapes_of(cls: type[Section]) -> Mapping[str, Shape]:
    """By the document's names."""
    return {name: _of_field(info) for name, info in fields_of(cls).items()}


def _of_field(info: FieldInfo) -> Shape:
    return _merged([_of(info.annotation), *(_of_mark(mark) for mark in info.metadata)])


def _of(annotation: object) -> Shape:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return Shape(section=annotation)
    if annotation is str:
        return Shape(text=True)
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _merged([_of(inside[0]), *(_of_mark(mark) for mark in inside[1:])])
    if origin is list:
        return Shape(items=_of(inside[0]))
    if origin is dict:
        return Shape(keys=_of(inside[0]), values=_of(inside[1]))
    if origin is Literal:
        return _PLAIN
    return _merged([_of(part) for part in inside]) if inside else _PLAIN


def _of_mark(mark: object) -> Shape:
    if isinstance(mark, Refers):
        return Shape(refers=mark)
    if isinstance(mark, Reads):
        return Shape(reads=mark)
    return Shape(raw=True) if isinstance(mark, Raw) else _PLAIN


def _merged(parts: list[Shape]) -> Shape:
    merged: dict[str, Any] = {}
    for part in parts:
        merged |= {name: value for name in Shape.__struct_fields__ if (value := getattr(part, name))}
    return Shape(**merged)


_EXPRESSION: Final = WithJsonSchema({"type": "string", "description": "An expression, see the page on expressions."})

ModelName = Annotated[str, Refers("model"), text_schema(NAME_PATTERN)]
ProviderName = Annotated[str, Refers("provider"), text_schema(NAME_PATTERN)]
GroupName = Annotated[str, Refers("group"), text_schema(NAME_PATTERN)]
Destination = Annotated[str, Refers("destination"), text_schema(NAME_PATTERN)]
"""A name that leads somewhere is right where that is defined; whether it is well-formed is asked there."""
Condition = Annotated[str, Reads("request"), _EXPRESSION]
CandidateCondition = Annotated[str, Reads("candidate"), _EXPRESSION]
GateCondition = Annotated[str, Reads("gate"), _EXPRESSION]
CanaryCondition = Annotated[str, Reads("canary"), _EXPRESSION]
AlertCondition = Annotated[str, Reads("alert"), _EXPRESSION]
Subject = Annotated[str, Reads("sticky", "scalar"), _EXPRESSION]
"""An expression whose value tells one subject from another."""
Preference = Annotated[str, Reads("candidate", "number", ("cost", "latency", "quality")), _EXPRESSION]
Json = Annotated[object, Raw(), AfterValidator(json_value)]
JsonMap = Annotated[dict[str, Any], Raw(), AfterValidator(json_value)]
