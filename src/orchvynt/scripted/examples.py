"""Makes a JSON value that fits a JSON Schema: the answer of a model that was asked for one and has no script. Deterministic."""

from collections.abc import Mapping
from typing import Final

from orchvynt.scripted.shapes import Json, mapping, sequence

DEPTH_MAX: Final = 12
ITEMS_MAX: Final = 16


def instance(schema: Mapping[str, Json], root: Mapping[str, Json] | None = None, depth: int = 0) -> Json:
    """A value that fits the common part of JSON Schema: types, properties, enum, const, local $ref, bounds and lengths."""
    root = schema if root is None else root
    if depth > DEPTH_MAX:
        return None
    if "const" in schema:
        return schema["const"]
    if sequence(schema.get("enum")):
        return schema["enum"][0]
    if isinstance(schema.get("$ref"), str):
        return instance(_local(root, schema["$ref"]), root, depth + 1)
    for union in ("anyOf", "oneOf", "allOf"):
        if sequence(schema.get(union)):
            return instance(mapping(schema[union][0]), root, depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else "null"
    if kind is None:
        kind = "object" if "properties" in schema else "string"
    return _of_kind(str(kind), schema, root, depth)


def _of_kind(kind: str, schema: Mapping[str, Json], root: Mapping[str, Json], depth: int) -> Json:
    if kind == "object":
        properties = mapping(schema.get("properties"))
        return {name: instance(mapping(part), root, depth + 1) for name, part in properties.items()}
    if kind == "array":
        wanted = schema.get("minItems", 1)
        items = mapping(schema.get("items"))
        return [instance(items, root, depth + 1) for _ in range(min(wanted if isinstance(wanted, int) else 1, ITEMS_MAX))]
    if kind in {"integer", "number"}:
        return _number(schema)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    shortest = schema.get("minLength", 0)
    return "text".ljust(min(shortest if isinstance(shortest, int) else 0, 1_000), "x")


def _number(schema: Mapping[str, Json]) -> int | float:
    for bound, step in (("minimum", 0), ("exclusiveMinimum", 1), ("maximum", 0), ("exclusiveMaximum", -1)):
        value = schema.get(bound)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value + step
    return 0


def _local(root: Mapping[str, Json], ref: str) -> Mapping[str, Json]:
    """What `#/$defs/name` points at; an empty schema when it points nowhere."""
    found: Json = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        found = mapping(found).get(part.replace("~1", "/").replace("~0", "~")) if part else found
    return mapping(found)
