"""Whether an answer fits the JSON Schema that was asked for. The schema is the caller's, the answer a model's: neither is trusted.

jsonschema-rs validates; patterns run on an engine of linear time, and nothing is fetched. What could make a validator try a part again and
again (references inside `anyOf`, `oneOf` and the like) is bounded before it runs.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonschema_rs
import msgspec

from orchvynt.detectors.effort import TooMuchError

SCHEMA_NODES_MAX: Final = 20_000
DEPTH_MAX: Final = 64
TEXT_CHARS_MAX: Final = 1 << 20
TRIES_MAX: Final = 2_000_000
"""How often parts of the answer may be tried, at worst."""

_PATTERNS: Final = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)
_AGAIN: Final = ("anyOf", "oneOf", "allOf")
_ALSO: Final = ("not", "if", "then", "else")
_REPEATED_MAX: Final = 20_000
"""How large an answer may be where the schema compares items with one another."""


class UnreadableSchemaError(Exception):
    """The schema is none, or refers to what is not in it."""


def violates(schema: Mapping[str, Any], text: str) -> bool:
    """Whether the text is no JSON, or JSON that does not fit. Raises TooMuchError and UnreadableSchemaError."""
    if len(text) > TEXT_CHARS_MAX:
        raise TooMuchError("the answer is too long to be checked against a schema")
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return True
    size, depth = _measured(value)
    if depth > DEPTH_MAX:
        raise TooMuchError("the answer is nested too deeply to be checked against a schema")
    _bounded(schema, size, depth)
    try:
        validator = jsonschema_rs.validator_for(dict(schema), pattern_options=_PATTERNS, offline=True)
        return not validator.is_valid(value)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
        raise UnreadableSchemaError("the JSON Schema that was asked for cannot be read") from error


def _measured(value: object) -> tuple[int, int]:
    """How many values there are in it, and how deep they are nested."""
    size, depth, level = 0, 0, [value]
    while level and depth <= DEPTH_MAX:
        size += len(level)
        depth += 1
        level = [item for one in level for item in _items(one)]
    return size, depth


def _items(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _bounded(schema: Mapping[str, Any], size: int, depth: int) -> None:
    """Refuses what may be tried too often. Where one place of the answer is tried by several references, each of them may lead to
    several again: as often as there are references below one another, at the worst."""
    nodes, fan, branching, repeats = 0, 1, 0, 0
    level: list[object] = [schema]
    levels = 0
    while level:
        nodes += len(level)
        levels += 1
        if nodes > SCHEMA_NODES_MAX or levels > DEPTH_MAX * 2:
            raise TooMuchError("the JSON Schema is too large to be checked against")
        for one in level:
            if isinstance(one, dict):
                tried = sum(map(_refers, _alternatives(one)))
                fan = max(fan, tried)
                branching += tried > 1
                repeats += one.get("uniqueItems") is True
        level = [item for one in level for item in _items(one)]
    # Within one place of the answer references lead from one branching to the next, and no further than there are.
    tries = size * nodes
    for _ in range(branching + (depth if branching else 0)):
        tries *= fan
        if tries > TRIES_MAX:
            raise TooMuchError("the JSON Schema branches too often to be checked against this answer")
    if tries > TRIES_MAX or (repeats and size > _REPEATED_MAX):
        raise TooMuchError("the answer is too large to be checked against this JSON Schema")


def _alternatives(schema: Mapping[str, Any]) -> Iterator[object]:
    """The schemas that one place of the answer is tried by."""
    for word in _AGAIN:
        listed = schema.get(word)
        if isinstance(listed, list):
            yield from listed
    for word in _ALSO:
        if word in schema:
            yield schema[word]
    if "$ref" in schema:
        yield {"$ref": schema["$ref"]}


def _refers(schema: object) -> bool:
    """Whether a reference stands in it, at any depth."""
    level = [schema]
    while level:
        if any(isinstance(one, dict) and ("$ref" in one or "$dynamicRef" in one or "$recursiveRef" in one) for one in level):
            return True
        level = [item for one in level for item in _items(one)]
    return False
