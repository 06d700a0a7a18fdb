"""Whether an answer fits the schema that was asked for, whatever either holds; what costs too much is said to."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.detectors.effort import TooMuchError
from orchvynt.detectors.schemas import UnreadableSchemaError, violates

ORDER = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "state": {"enum": ["open", "done"]}, "note": {"type": ["string", "null"], "maxLength": 5}},
    "required": ["id", "state"],
    "additionalProperties": False,
}
TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name"],
}


@pytest.mark.parametrize(
    ("text", "breaks"),
    [
        *(
            ('{"id": 1, "state": "open"}', False),
            ('{"id": 1, "state": "open", "note": null}', False),
            ('{"id": "1", "state": "open"}', True),
        ),
        *(('{"id": 1}', True), ('{"id": 1, "state": "open", "more": 1}', True), ('{"id": 1, "state": "open", "note": "123456"}', True)),
        *(
            ("no JSON", True),
            ("", True),
            ('{"id": 1, "state": "open"', True),
            ('```json\n{"id": 1, "state": "open"}\n```', True),
            ("[" * 9000, True),
        ),
    ],
)
def test_an_answer(text: str, breaks: bool) -> None:
    assert violates(ORDER, text) is breaks


def test_a_schema_that_refers_to_itself() -> None:
    assert not violates(TREE, json.dumps({"name": "a", "children": [{"name": "b", "children": []}]}))
    assert violates(TREE, json.dumps({"name": "a", "children": [{"children": []}]}))


def test_a_union_of_definitions() -> None:
    union = {
        "anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}],
        "$defs": {"a": {"type": "string"}, "b": {"type": "object", "properties": {"x": {"type": "number"}}}},
    }
    assert not violates(union, '{"x": 1}')
    assert violates(union, '{"x": "1"}')


@pytest.mark.parametrize(
    "schema", [{"$ref": "#/$defs/none"}, {"type": "nothing"}, {"$ref": "https://example.com/schema"}, {"pattern": "("}]
)
def test_a_schema_that_cannot_be_read(schema: dict[str, Any]) -> None:
    with pytest.raises(UnreadableSchemaError):
        violates(schema, "{}")


def test_patterns_take_linear_time() -> None:
    assert violates({"type": "string", "pattern": "^(a+)+$"}, json.dumps("a" * 50_000 + "b"))


def _laughing() -> dict[str, Any]:
    definitions: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, "d40": {"type": "integer"}}}


def _nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (_laughing(), "1"),
        (
            {"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["b"]}, {"properties": {"a": {"$ref": "#"}}, "required": ["c"]}]},
            _nested(40),
        ),
        ({"type": "object"}, _nested(500)),
        ({"type": "string"}, json.dumps("a" * (1 << 20))),
        ({"items": {"type": "integer"}, "uniqueItems": True}, json.dumps(list(range(30_000)))),
        ({"properties": {f"p{n}": {"type": "string"} for n in range(30_000)}}, "{}"),
    ],
    ids=["laughs", "branches", "deep", "long", "unique", "large"],
)
def test_what_costs_too_much(schema: dict[str, Any], text: str) -> None:
    with pytest.raises(TooMuchError):
        violates(schema, text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
)


@given(
    st.dictionaries(st.sampled_from(["type", "anyOf", "items", "properties", "$ref", "not", "enum", "pattern", "x"]), JSON),
    st.text() | JSON.map(json.dumps),
)
@settings(max_examples=150, deadline=None)
def test_any_schema_and_any_text_give_an_answer(schema: dict[str, Any], text: str) -> None:
    with contextlib.suppress(TooMuchError, UnreadableSchemaError):
        assert violates(schema, text) in (True, False)
