"""Reading a chat completion request: what it says, and a fault with its place for whatever is wrong, never an exception."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import chat_body, dump, fault, json_values, reading

from orchvynt.dialects.openai_chat.reading import read_request
from orchvynt.dialects.shapes import Reading
from orchvynt.model.faults import Fault

HELLO: dict[str, Any] = {"role": "user", "content": "hello"}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "search", "description": "d", "parameters": {"type": "object"}}}


def test_what_decisions_need_is_read() -> None:
    body = chat_body(
        stream=True,
        stream_options={"include_usage": True},
        max_completion_tokens=50,
        n=2,
        tools=[TOOL],
        some_vendor_field={"x": [1]},
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
        metadata={"orchvynt_run": "r1", "orchvynt_flags": "a,b", "team": "x"},
    )
    told = reading(read_request(body))
    assert told.metadata == {"run": "r1", "flags": "a,b"}
    ask = told.ask
    assert (ask.requested_model, ask.stream, ask.wants_usage, ask.max_output_tokens, ask.choices) == ("gpt-4o", True, True, 50, 2)
    assert (ask.message_count, ask.tool_names, ask.wants_json_schema, ask.image_count) == (1, ("search",), True, 0)
    assert ask.body is body


def test_usage_is_the_callers_wish_only_where_it_streams() -> None:
    assert reading(read_request(chat_body())).ask.wants_usage is True
    assert reading(read_request(chat_body(stream=True))).ask.wants_usage is False
    assert reading(read_request(chat_body(stream=True, stream_options={"include_usage": False}))).ask.wants_usage is False


def test_images_are_counted_whatever_escapes_are_used() -> None:
    data = "data:image/png;base64," + "A" * 4000
    parts = [{"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": data}}]
    plain = dump({"model": "m", "messages": [{"role": "user", "content": [*parts, *parts]}]})
    escaped = plain.replace(b"image_url", b"image\\u005furl").replace(b"data:image", b"\\u0064ata:image")
    for body in (plain, escaped):
        ask = reading(read_request(body)).ask
        assert ask.image_count == 2
        assert 24 <= ask.input_text_bytes < 400


def test_pages_of_a_file_are_bounded_by_the_context_and_its_bytes_are_no_text() -> None:
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + "A" * 4000}
    parts = [{"type": "file", "file": file}, {"type": "file", "file": {"file_id": "f"}}, {"type": "text", "text": "what is this"}]
    ask = reading(read_request(dump({"model": "m", "messages": [{"role": "user", "content": parts}]}))).ask
    assert (ask.open_inputs, ask.image_count) == (1, 0)
    assert ask.input_text_bytes < 400


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ([{"content": "x"}], "messages[0].role"),
        ([HELLO, {"role": "wizard", "content": "x"}], "messages[1].role"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([{"role": "user", "content": 7}], "messages[0].content"),
        ([{"role": "assistant"}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
        ([{"role": "user", "content": [{"text": "x"}]}], "messages[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "messages[0].content[0].image_url"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "messages[0].content[0].image_url.url"),
        ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id"),
        ([{"role": "assistant", "tool_calls": [{"id": "c"}]}], "messages[0].tool_calls[0].function"),
        ([{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}], "messages[0].tool_calls[0].function.arguments"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}]}],
            "messages[0].tool_calls[0].function.arguments",
        ),
        (["hello"], "messages[0]"),
        ("hello", "messages"),
        (None, "messages"),
    ],
)
def test_bad_messages_name_their_place(messages: object, param: str) -> None:
    told = fault(read_request(dump({"model": "m", "messages": messages})))
    assert (told.code, told.param) == ("invalid_request", param)
    assert param in told.message


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"model": "x" * 300}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": "10"}, "max_tokens"),
        ({"max_completion_tokens": 10**30}, "max_completion_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": 10**9}, "n"),
        ({"seed": 2**70}, "seed"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop": [1]}, "stop[0]"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        ({"tools": [TOOL, {"type": "function", "function": {"name": "f", "parameters": [1]}}]}, "tools[1].function.parameters"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"metadata": "x"}, "metadata"),
    ],
)
def test_bad_options_name_their_place(fields: dict[str, object], param: str) -> None:
    told = fault(read_request(chat_body(**fields)))
    assert (told.code, told.param) == ("invalid_request", param)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"x"', "object"),
        (b"{}", "`model` is required"),
        (b'{"model":"m"}', "`messages` is required"),
        (b'{"model":"m",\n "messages": oops}', "line 2, column 14 (byte 27)"),
        (b'{"model":"m","messages":[', "line 1"),
        (b'{"model":"m","messages":[],"temperature":NaN}', "byte 41"),
        (b'{"model":"m","messages":[],"temperature":1e999}', "temperature"),
        (b'{"model":"\xff"}', "UTF-8 at byte 10"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"other":"\xc3"}', "UTF-8"),
        (b'{"model":"\\ud800","messages":[]}', "JSON"),
        (b'{"model":"m","messages":[]} trailing', "JSON"),
        (b'\xef\xbb\xbf{"model":"m"}', "JSON"),
        (b"[" * 200_000, "object"),
        (b'{"x":' * 50_000, "deeply"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"metadata":' + b'{"a":' * 50_000, "deeply"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":' + b"9" * 100_000 + b"}", "max_tokens"),
    ],
)
def test_bodies_that_are_no_request_say_why(body: bytes, words: str) -> None:
    told = fault(read_request(body))
    assert told.code == "invalid_request"
    assert words in told.message
    assert len(told.message) <= 300


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(body: bytes) -> None:
    assert isinstance(read_request(body), Fault)


@given(
    json_values,
    st.sampled_from(["model", "messages", "tools", "metadata", "stop", "response_format", "stream_options", "n", "tool_choice"]),
)
def test_arbitrary_json_never_raises(value: object, field: str) -> None:
    assert isinstance(read_request(dump(value)), Reading | Fault)
    assert isinstance(read_request(chat_body(**{field: value})), Reading | Fault)


texts = st.text(max_size=40)
parts = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": texts}),
    st.fixed_dictionaries(
        {"type": st.just("image_url"), "image_url": st.fixed_dictionaries({"url": texts.map(lambda t: "data:image/png;base64," + t)})}
    ),
)
plain_messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant"]), "content": texts | st.lists(parts, max_size=3)},
    optional={"name": texts},
)
tool_messages = st.fixed_dictionaries({"role": st.just("tool"), "content": texts, "tool_call_id": texts.filter(bool)})
call_messages = st.fixed_dictionaries(
    {
        "role": st.just("assistant"),
        "content": st.none() | texts,
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {
                    "id": texts,
                    "type": st.just("function"),
                    "function": st.fixed_dictionaries({"name": texts.filter(bool), "arguments": texts}),
                }
            ),
            min_size=1,
            max_size=2,
        ),
    }
)
requests = st.fixed_dictionaries(
    {"model": texts.filter(bool), "messages": st.lists(plain_messages | tool_messages | call_messages, min_size=1, max_size=5)},
    optional={
        "stream": st.booleans(),
        "max_tokens": st.integers(1, 10**6),
        "temperature": st.floats(0, 2),
        "metadata": st.dictionaries(texts, texts, max_size=2),
        "tools": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.just("function"),
                    "function": st.fixed_dictionaries(
                        {"name": texts.filter(bool), "description": texts, "parameters": st.dictionaries(texts, texts, max_size=2)}
                    ),
                }
            ),
            max_size=2,
        ),
        "response_format": st.fixed_dictionaries(
            {
                "type": st.just("json_schema"),
                "json_schema": st.fixed_dictionaries({"name": texts, "schema": st.dictionaries(texts, texts, max_size=2)}),
            }
        ),
    },
)


def strings(value: Any) -> int:
    """The UTF-8 bytes of every string and key in a JSON value."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, list):
        return sum(map(strings, value))
    return sum(strings(key) + strings(inner) for key, inner in value.items()) if isinstance(value, dict) else 0


def model_read_bytes(request: dict[str, Any]) -> int:
    """What a model reads as text, counted from the request itself: contents, names, calls, tools, schema. No inline images."""
    count = strings(request.get("tools", [])) + strings(request.get("response_format", {}).get("json_schema", {}))
    for message in request["messages"]:
        content = message["content"]
        for part in content if isinstance(content, list) else [{"text": content or ""}]:
            count += strings(part.get("text", ""))
        count += strings(message.get("name", "")) + strings(message.get("tool_call_id", ""))
        for call in message.get("tool_calls", []):
            count += strings(call["id"]) + strings(call["function"]["name"]) + strings(call["function"]["arguments"])
    return count


@given(request=requests, ascii_only=st.booleans(), spaced=st.booleans())
@settings(max_examples=300)
def test_input_text_bytes_is_an_upper_bound(request: dict[str, Any], ascii_only: bool, spaced: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    ask = reading(read_request(json.dumps(request, ensure_ascii=ascii_only, separators=separators).encode())).ask
    assert ask.input_text_bytes >= model_read_bytes(request)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_bound_is_close_for_ordinary_requests(ascii_only: bool) -> None:
    request = {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "日本語 text, " * 50}],
        "stream": True,
    }
    ask = reading(read_request(json.dumps(request, ensure_ascii=ascii_only, separators=(",", ":")).encode())).ask
    assert model_read_bytes(request) <= ask.input_text_bytes <= model_read_bytes(request) + 20


def test_a_text_hidden_under_a_key_that_stands_twice_is_counted() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 1000 + b'","content":"y"}]}'
    assert reading(read_request(body)).ask.input_text_bytes >= 1000
