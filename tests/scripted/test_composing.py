"""What is said: text, frames, usage and wire formats agree with one another, for any text and any limit."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.scripted import tokens
from orchvynt.scripted.anthropic_wire import AnthropicWire
from orchvynt.scripted.composing import ABSURD_TOKENS, compose
from orchvynt.scripted.examples import instance
from orchvynt.scripted.ollama_wire import OllamaWire
from orchvynt.scripted.openai_wire import OpenAiWire
from orchvynt.scripted.script import Answer, ToolCall, UsageClaim
from orchvynt.scripted.shapes import Ask, Said, Stream, Wire

WIRES: list[Wire] = [OpenAiWire(), AnthropicWire(), OllamaWire()]
ASK = Ask("openai", "m", True, "hello", "", "", 7)
PRINTABLE = st.text(st.characters(codec="utf-8"), max_size=120)


def say(answer: Answer, **asked: Any) -> Said:
    return compose(Ask(**({name: getattr(ASK, name) for name in Ask.__struct_fields__} | asked)), answer, "p_1", 1_700_000_000)


def events(stream: Stream) -> list[dict[str, Any]]:
    """The JSON of a whole stream in any of the three formats, read by an independent few lines."""
    raw = b"".join((*stream.opening, *(piece.data for piece in stream.content), *stream.closing, stream.terminal))
    lines = [line.removeprefix(b"data: ") for line in raw.split(b"\n")]
    return [json.loads(line) for line in lines if line.startswith(b"{")]


def text_of(event: dict[str, Any]) -> str:
    if "choices" in event:
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"] if choice["index"] == 0)
    return str(event.get("delta", {}).get("text") or event.get("message", {}).get("content") or "")


@settings(max_examples=80, deadline=None)
@given(PRINTABLE, st.none() | st.integers(1, 40), st.none() | st.integers(1, 50), st.sampled_from(WIRES))
def test_a_stream_holds_the_text_and_the_bill_agrees(text: str, limit: int | None, frames: int | None, wire: Wire) -> None:
    said = say(Answer(text=text, frames=frames), api=wire.api, max_tokens=limit, include_usage=True)
    stream = wire.stream(said)
    assert "".join(text_of(event) for event in events(stream)) == said.text
    assert said.text == "".join(tokens.split(text)[:limit])
    assert sum(piece.tokens for piece in stream.content) == said.output_tokens == tokens.count(said.text)
    assert said.reported == (7, said.output_tokens)
    assert (said.finish == "length") == (limit is not None and tokens.count(text) > limit)
    if frames is not None:
        assert len(stream.content) == min(frames, said.output_tokens)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(PRINTABLE, st.integers() | PRINTABLE, max_size=4), st.integers(1, 60), st.sampled_from(WIRES))
def test_tool_calls_are_cut_at_the_limit_and_billed_as_far_as_they_came(arguments: dict[str, Any], limit: int, wire: Wire) -> None:
    said = say(Answer(tool_calls=[ToolCall("look_up", arguments), ToolCall("act", "{}")]), api=wire.api, max_tokens=limit)
    assert said.output_tokens <= limit
    assert sum(piece.tokens for piece in wire.stream(said).content) == said.output_tokens
    complete = [call.arguments for call in said.calls[1:]] == ["{}"] and json.loads(said.calls[0].arguments) == arguments
    assert (said.finish == "tool_calls") == complete
    assert json.loads(wire.whole(said))


def test_what_is_said_by_default() -> None:
    assert say(Answer()).text == "You said: hello"
    assert say(Answer(), tool_result="42").text == "The tool said: 42"
    assert json.loads(say(Answer(), wants_json=True).text) == {"said": "hello"}
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}, "kind": {"enum": ["a", "b"]}}}
    assert json.loads(say(Answer(), schema=schema).text) == {"n": 3, "kind": "a"}
    assert [call.name for call in say(Answer(), forced_tool=("f", {"type": "object"})).calls] == ["f"]


def test_a_prefill_is_continued_and_not_repeated() -> None:
    assert say(Answer(text="one two three"), prefill="one two").text == " three"
    assert say(Answer(text="one two three"), prefill="elsewhere").text == "one two three"


def test_a_stop_sequence_ends_the_text_before_it() -> None:
    said = say(Answer(text="one, two. three"), stop=(".", ","))
    assert (said.text, said.finish, said.stop_sequence) == ("one", "stop_sequence", ",")


@pytest.mark.parametrize(
    ("usage", "reported", "billed", "late"),
    [
        (None, (7, 2), 2, False),
        ("missing", None, 2, False),
        ("absurd", (ABSURD_TOKENS, -ABSURD_TOKENS), 2, False),
        ("last_chunk", (7, 2), 2, True),
        (UsageClaim(70, 900), (70, 900), 900, False),
    ],
)
def test_usage_as_the_script_wants_it(usage: Any, reported: tuple[int, int] | None, billed: int, late: bool) -> None:
    said = say(Answer(text="one two", usage=usage, frames=1))
    assert (said.reported, said.output_tokens, said.usage_late) == (reported, billed, late)


def test_several_choices_are_all_billed() -> None:
    said = say(Answer(text="one two"), choices=3, include_usage=True)
    assert said.output_tokens == 3 * tokens.count("one two")
    assert sum(piece.tokens for piece in OpenAiWire().stream(said).content) == said.output_tokens
    assert len(json.loads(OpenAiWire().whole(said))["choices"]) == 3


JSON_SCHEMAS = st.recursive(
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"type": "null"}, {"const": 4}, {}]),
    lambda inner: (
        st.builds(lambda parts: {"type": "object", "properties": parts}, st.dictionaries(st.text(max_size=3), inner, max_size=3))
        | st.builds(lambda part: {"type": "array", "items": part}, inner)
        | st.builds(lambda part: {"anyOf": [part]}, inner)
    ),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(JSON_SCHEMAS)
def test_an_example_has_the_properties_its_schema_names(schema: dict[str, Any]) -> None:
    found = instance(schema)
    json.dumps(found)
    if schema.get("type") == "object":
        assert set(found) == set(schema["properties"])


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}}
    assert "next" in instance(schema)
