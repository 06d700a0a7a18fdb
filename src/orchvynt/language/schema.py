"""The JSON Schema of the document, generated from the sections, for editors and for whoever writes policies by program."""

import json
from typing import Any

from orchvynt.language.document.policy import PolicyDocument
from orchvynt.language.document.scalars import DURATION_PATTERN, duration_text
from orchvynt.language.document.section import Section, fields_of
from orchvynt.language.document.shapes import Shape, shapes_of


def sections() -> dict[str, type[Section]]:
    """Every section class of the document by the first place where it stands: ``routing.rules[].choose``; the document itself by ``""``."""
    found: dict[str, type[Section]] = {}
    _collect(PolicyDocument, "", found)
    return found


def _collect(cls: type[Section], path: str, found: dict[str, type[Section]]) -> None:
    if cls in found.values():
        return
    found[path] = cls
    for name, shape in shapes_of(cls).items():
        _below(shape, f"{path}.{name}".lstrip("."), found)


def _below(shape: Shape, path: str, found: dict[str, type[Section]]) -> None:
    if shape.section is not None:
        _collect(shape.section, path, found)
    if shape.items is not None:
        _below(shape.items, f"{path}[]", found)
    if shape.values is not None:
        _below(shape.values, f"{path}.NAME", found)


def described(cls: type[Section], name: str) -> str:
    """What a field means, and whether this build executes it."""
    said = fields_of(cls)[name].description or ""
    mark = cls.later.get(name)
    return f"{said} {mark.told()}" if mark is not None else said


def json_schema() -> dict[str, Any]:
    """The whole language. Every field has a description, and a default unless it is required."""
    schema = _tidied(PolicyDocument.model_json_schema())
    assert isinstance(schema, dict)
    for cls in sections().values():
        properties = (schema if cls is PolicyDocument else schema["$defs"][cls.__name__])["properties"]
        for field in fields_of(cls):
            properties[field]["description"] = described(cls, field)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "OrchVynt policy",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def json_schema_text() -> str:
    """The file that docs and editors read."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _tidied(part: object) -> object:
    """Without pydantic's titles and null alternatives: a name without a value is an error. Durations as the document writes them."""
    if isinstance(part, list):
        return [_tidied(item) for item in part]
    if not isinstance(part, dict):
        return part
    made: dict[str, Any] = {}
    for key, value in part.items():
        if key in ("properties", "$defs"):
            made[key] = {name: _tidied(one) for name, one in value.items()}
        elif key != "title":
            made[key] = value if key == "default" else _tidied(value)
    choices = [one for one in [*made.pop("anyOf", []), *made.pop("oneOf", [])] if one != {"type": "null"}]
    if len(choices) == 1:
        made = {**choices[0], **made}
    elif choices:
        made["anyOf"] = choices
    if DURATION_PATTERN in str(made.get("pattern")) and isinstance(made.get("default"), int):
        made["default"] = duration_text(made["default"])
    if isinstance(made.get("default"), dict):
        made["default"] = {}  # each field of a section has its own default
    return made
