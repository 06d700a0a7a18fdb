"""The JSON Schema of the document, generated from the sections, for editors and for whoever writes policies by program."""

import json
from typing import Any

from orchvynt.language.document.policy import PolicyDocument
from orchvynt.language.document.scalars import DURATION_PATTERN, duration_text
from orchvynt.language.document.section import Section, section_in


def sections(cls: type[Section] = PolicyDocument) -> dict[str, type[Section]]:
    """Every section class of the document by its name."""
    found = {cls.__name__: cls}
    for field in cls.model_fields.values():
        inside = section_in(field.annotation)
        found |= sections(inside) if inside is not None else {}
    return found


def json_schema() -> dict[str, Any]:
    """Every field has a description, and a default unless it is required. Names of a later build are not in it."""
    schema = _tidied(PolicyDocument.model_json_schema())
    assert isinstance(schema, dict)
    for name, cls in sections().items():
        described = schema if cls is PolicyDocument else schema["$defs"][name]
        for field, info in cls.model_fields.items():
            described["properties"][field]["description"] = info.description
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
    choices = [one for one in made.pop("anyOf", []) if one != {"type": "null"}]
    if len(choices) == 1:
        made = {**choices[0], **made}
    elif choices:
        made["anyOf"] = choices
    if DURATION_PATTERN in str(made.get("pattern")) and isinstance(made.get("default"), int):
        made["default"] = duration_text(made["default"])
    if isinstance(made.get("default"), dict):
        made["default"] = {}  # each field of a section has its own default
    return made
