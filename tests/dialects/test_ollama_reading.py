"""Reading requests to /api/chat and /api/generate: what they say, and a fault with its place for whatever is wrong, never an exception."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.samples import dump, fault, json_values, reading

from orchvynt.dialects.ollama_chat.reading import read_chat, read_generate
from orchvynt.dialects.shapes import Reading
from orchvynt.model.faults import Fault
from orchvynt.model.turns import Turn

HELLO: dict[str, Any] = {"role": "user", "content": "hello"}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
IMAGE = base64.b64encode(bytes(3000)).decode()


def chat(**fields: Any) -> bytes:
    return dump({"model": "m", "messages": [HELLO], **fields})


def generate(**fields: Any) -> bytes:
    return dump({"model": "m", "prompt": "hello", **fields})


def test_what_decisions_need_is_read() -> None:
    body = chat(tools=[TOOL], options={"num_predict": 50, "mirostat": 1}, format={"type": "object"}, keep_alive="5m", vendor=[1])
    told = reading(read_chat(body))
    ask = told.ask
    assert told.metadata == {}
    assert (ask.requested_model, ask.stream, ask.wants_usage, ask.max_output_tokens) == ("m", True, True, 50)
    assert (ask.message_count, ask.tool_names, ask.wants_json_schema, ask.image_count) == (1, ("search",), True, 0)
    assert ask.body is body
    assert told.turns() == [Turn("user", "hello")]


@pytest.mark.parametrize(
    ("stream", "streams"), [({}, True), ({"stream": None}, True), ({"stream": True}, True), ({"stream": False}, False)]
)
def test_it_streams_unless_told_not_to(stream: dict[str, Any], streams: bool) -> None:
    assert reading(read_chat(chat(**stream))).ask.stream is streams
    assert reading(read_generate(generate(**stream))).ask.stream is streams


@pytest.mark.parametrize("limit", [None, 0, -1, -2])
def test_no_limit_has_several_names(limit: int | None) -> None:
    assert reading(read_chat(chat(options={"num_predict": limit}))).ask.max_output_tokens is None


def test_images_are_counted_and_are_no_text() -> None:
    body = chat(messages=[{**HELLO, "images": [IMAGE, IMAGE]}, HELLO])
    for told in (reading(read_chat(body)), reading(read_generate(generate(images=[IMAGE, IMAGE])))):
        assert told.ask.image_count == 2
        assert len("hello") <= told.ask.input_text_bytes < 200
    lines = "\n".join(IMAGE[start : start + 76] for start in range(0, len(IMAGE), 76))
    assert reading(read_chat(chat(messages=[{**HELLO, "images": [lines]}]))).ask.image_count == 1
    assert reading(read_chat(body)).turns()[0] != reading(read_chat(body)).turns()[1], "an image tells a turn apart"


@given(st.text(max_size=300), st.lists(st.text(max_size=50), max_size=3), st.booleans())
def test_the_bound_of_the_text_holds(text: str, more: list[str], ascii_only: bool) -> None:
    messages = [{"role": "user", "content": said} for said in [text, *more]]
    read = reading(read_chat(json.dumps({"model": "m", "messages": messages}, ensure_ascii=ascii_only).encode("utf-8", "replace")))
    assert read.ask.input_text_bytes >= sum(len(turn.text.encode()) for turn in read.turns())
    body = json.dumps({"model": "m", "prompt": text or "x", "system": "".join(more)}, ensure_ascii=ascii_only)
    read = reading(read_generate(body.encode("utf-8", "replace")))
    assert read.ask.input_text_bytes >= sum(len(turn.text.encode()) for turn in read.turns())


def test_a_prompt_is_one_turn_behind_the_systems() -> None:
    read = reading(read_generate(generate(system="Be brief.", raw=True, context=[1, 2, 3])))
    assert read.turns() == [Turn("system", "Be brief."), Turn("user", "hello")]
    assert read.ask.message_count == 2
    assert reading(read_generate(generate())).ask.message_count == 1


def test_a_template_may_repeat_what_it_is_given() -> None:
    twice = "{{ if .System }}{{ .System }}{{ else }}none{{ end }} {{- .Prompt -}} {{ .Prompt }} {{ .Response }}"
    assert reading(read_generate(generate(template=twice))).ask.input_text_bytes == 7 * len(generate(template=twice))
    for wild in ("{{ range 1000 }}{{ .Prompt }}{{ end }}", '{{ printf "%99999s" .Prompt }}', '{{ define "x" }}', "{{ .Prompt"):
        assert fault(read_generate(generate(template=wild))).param == "template"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content"),
        ({"messages": [HELLO, {"role": "user", "images": ["€"]}]}, "messages[1].images[0]"),
        ({"messages": [{"role": "user", "images": ["QUI"]}]}, "messages[0].images[0]"),
        ({"messages": [{"role": "user", "images": "QUJD"}]}, "messages[0].images"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].function"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "web", "function": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters"),
        ({"format": "xml"}, "format"),
        ({"format": []}, "format"),
        ({"options": []}, "options"),
        ({"options": {"num_predict": "5"}}, "options.num_predict"),
        ({"options": {"num_predict": 2**31}}, "options.num_predict"),
        ({"options": {"stop": 1}}, "options.stop"),
        ({"stream": "yes"}, "stream"),
        ({"think": 5}, "think"),
        ({"top_logprobs": 21}, "top_logprobs"),
    ],
)
def test_a_malformed_field_is_a_fault_at_its_place(fields: dict[str, Any], param: str) -> None:
    told = fault(read_chat(chat(**fields)))
    assert (told.code, told.param) == ("invalid_request", param)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": 1}, "prompt"),
        ({"context": ["x"]}, "context[0]"),
        ({"raw": 1}, "raw"),
        ({"images": ["!"]}, "images[0]"),
        ({"Prompt": "other"}, "Prompt"),
    ],
)
def test_a_malformed_field_of_a_prompt_is_one_too(fields: dict[str, Any], param: str) -> None:
    assert fault(read_generate(generate(**fields))).param == param


@pytest.mark.parametrize("name", ["Model", "MESSAGES", "Options", "\u017ftream", "thin\u212a"])
def test_names_that_ollama_takes_for_others_are_refused(name: str) -> None:
    """Go matches names without regard to case: the provider would read what was not judged."""
    assert fault(read_chat(chat(**{name: "x"}))).param == name
    escaped = chat(**{name: "x"}).replace(f'"{name}"'.encode(), f'"\\u{ord(name[0]):04x}{name[1:]}"'.encode())
    assert fault(read_chat(escaped)).param == name
    assert fault(read_chat(chat(messages=[{"role": "user", "content": "x", "Content": "y"}]))).param == "messages[0].Content"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"model":"\xff"}', b"[" * 5000, b'{"x":' * 5000])
def test_no_body_raises(body: bytes) -> None:
    for read in (read_chat, read_generate):
        assert isinstance(read(body), Fault)


@given(st.dictionaries(st.sampled_from(["model", "messages", "prompt", "options", "tools", "format", "images", "think"]), json_values))
def test_whatever_is_sent_is_read_or_refused(value: Any) -> None:
    for body in (dump(value), chat(**value), generate(**value)):
        for read in (read_chat, read_generate):
            assert isinstance(read(body), Reading | Fault)
