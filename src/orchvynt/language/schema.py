"""The JSON Schema of the document, generated from the sections, for editors and for whoever writes policies by program."""

import copy
import json
from typing import Any

from orchvynt.language.document.policy import PolicyDocument
from orchvynt.language.document.scalars import DURATION_PATTERN, duration_text


def json_schema() -> dict[str, Any]:
    """Every field has a description, and a default unless it is required. Names of a later build are not in it."""
    schema = _tidied(copy.deepcopy(PolicyDocument.model_json_schema()))
    assert isinstance(schema, dict)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "OrchVynt policy",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def json_schema_text() -> str:
    """The file that docs and editors read."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _tidied(part: Any) -> Any:
    """Without pydantic's titles and null alternatives: a name without a value is an error. Durations as the document writes them."""
    if isinstance(part, list):
        return [_tidied(item) for item in part]
    if not isinstance(part, dict):
        return part
    made = {key: _tidied(value) for key, value in part.items() if not (key == "title" and isinstance(value, str))}
    choices = [one for one in made.get("anyOf", []) if one != {"type": "null"}]
    if "anyOf" in made:
        del made["anyOf"]
        made = {**choices[0], **made} if len(choices) == 1 else {**made, "anyOf": choices}
    if DURATION_PATTERN in str(made.get("pattern")) and isinstance(made.get("default"), int):
        made["default"] = duration_text(made["default"])
    if isinstance(made.get("default"), dict):
        made["default"] = _durations_in(made["default"])
    return made


def _durations_in(default: dict[str, Any]) -> dict[str, Any]:
    """The default of a whole section is written as nothing: each of its fields has its own."""
    return {} if default else default
