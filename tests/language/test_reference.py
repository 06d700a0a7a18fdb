"""The generated pages are fresh and whole: every field has a description, and a default unless it is required."""

from pathlib import Path
from typing import Any

import pytest

from orchvynt.language.reference import reference_markdown
from orchvynt.language.schema import json_schema, json_schema_text
from orchvynt.language.variables import TABLES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_page_is_fresh() -> None:
    assert (REFERENCE / "policy.md").read_text(encoding="utf-8").endswith(reference_markdown()), "run `python docs/generate_policy.py`"


def test_the_schema_is_fresh() -> None:
    assert (REFERENCE / "orchvynt.schema.json").read_text(encoding="utf-8") == json_schema_text(), "run `python docs/generate_policy.py`"


SECTIONS: dict[str, dict[str, Any]] = {"PolicyDocument": json_schema(), **json_schema()["$defs"]}


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_every_field_is_described(name: str) -> None:
    section = SECTIONS[name]
    assert section["additionalProperties"] is False
    for field, schema in section["properties"].items():
        assert schema.get("description"), field
        assert ("default" in schema) != (field in section.get("required", [])), field


def test_defaults_are_as_the_document_writes_them() -> None:
    assert SECTIONS["BackoffEntry"]["properties"]["base"]["default"] == "250ms"
    assert SECTIONS["WaitEntry"]["properties"]["up_to"]["default"] == "auto"
    assert "null" not in str(SECTIONS["BudgetEntry"]["properties"]["window"].get("anyOf"))


def test_every_field_and_variable_is_on_the_page() -> None:
    page = reference_markdown()
    for section in SECTIONS.values():
        for field in section["properties"]:
            assert f"| `{field}` |" in page
    for name in TABLES["output"]:
        assert f"| `{name}` |" in page
