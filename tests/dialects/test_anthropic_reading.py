"""Reading a Messages request: what it says, and a fault with its place for whatever is wrong, never an exception."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import dump, fault, json_values, reading

from orchvynt.dialects.anthropic_messages.reading import SAMPLINGS_MAX, read_count, read_request
from orchvynt.dialects.shapes import Reading
from orchvynt.model.faults import Fault
from orchvynt.model.turns import said

HELLO: dict[str, Any] = {"role": "user", "content": "hello"}
TOOL: dict[str, Any] = {"name": "search", "description": "d", "input_schema": {"type": "object"}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 4_000}}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 4_000}}


def body(**fields: Any) -> bytes:
    return dump({"model": "claude", "max_tokens": 50, "messages": [HELLO], **fields})


def content(*blocks: Any) -> bytes:
    return body(messages=[{"role": "user", "content": list(blocks)}])


def test_what_decisions_need_is_read() -> None:
    told = reading(
        read_request(
            body(
                stream=True,
                system="Be brief.",
                tools=[TOOL],
                vendor_field={"x": [1]},
                output_config={"format": {"type": "json_schema", "schema": {}}},
                metadata={"orchvynt_run": "r1", "user_id": "u"},
            )
        )
    )
    assert told.metadata == {"run": "r1"}
    ask = told.ask
    assert (ask.requested_model, ask.stream, ask.max_output_tokens, ask.choices, ask.wants_usage) == ("claude", True, 50, 1, True)
    assert (ask.message_count, ask.tool_names, ask.wants_json_schema, ask.image_count) == (2, ("search",), True, 0)
    assert (ask.service_tier, ask.open_inputs, ask.forwarded) == ("", 0, ())


def test_files_are_counted_and_their_bytes_are_no_text() -> None:
    nested = {"type": "tool_result", "tool_use_id": "t", "content": [PNG, {"type": "text", "text": "x"}]}
    ask = reading(read_request(content(PNG, PNG, nested))).ask
    assert (ask.image_count, ask.open_inputs) == (3, 0)
    assert ask.input_text_bytes < 500
    ask = reading(read_request(content(PDF))).ask
    assert (ask.image_count, ask.open_inputs) == (0, 1)
    assert ask.input_text_bytes < 200
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x" * 1_000}}
    ask = reading(read_request(content(plain))).ask
    assert (ask.open_inputs, ask.input_text_bytes > 1_000) == (0, True)


@pytest.mark.parametrize(
    ("more", "often"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, SAMPLINGS_MAX),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, 1),
        ({"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]}, SAMPLINGS_MAX),
        ({"container": "c1"}, SAMPLINGS_MAX),
        ({"mcp_servers": []}, 0),
        ({"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "https://x"}}]}]}, 1),
        ({"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]}]}, 1),
    ],
)
def test_what_no_size_bounds_is_counted_in_contexts(more: dict[str, Any], often: int) -> None:
    assert reading(read_request(body(**more))).ask.open_inputs == often


@pytest.mark.parametrize(
    ("cached", "percent"),
    [
        ("", 0),
        ('"cache_control":{"type":"ephemeral"},', 25),
        ('"cache_control":{"type":"ephemeral","ttl":"5m"},', 25),
        ('"cache_control":{"type":"ephemeral","ttl":"1h"},', 100),
        ('"\\u0063ache_control":{"type":"ephemeral"},', 100),
        ('"text2":"\\u00e9",', 0),
    ],
)
def test_writing_to_a_cache_costs_more_than_the_price_and_no_escape_hides_it(cached: str, percent: int) -> None:
    block = f'{{"type":"text",{cached}"text":"hi"}}'
    asked = f'{{"model":"claude","max_tokens":50,"messages":[{{"role":"user","content":[{block}]}}]}}'
    assert reading(read_request(asked.encode())).ask.input_surcharge_percent == percent


@pytest.mark.parametrize(
    ("more", "tier"),
    [
        ({"service_tier": "auto"}, ""),
        ({"service_tier": "standard_only"}, ""),
        ({"service_tier": "other"}, "other"),
        ({"speed": "fast"}, "speed fast"),
        ({"inference_geo": "us"}, "inference_geo us"),
        ({"inference_geo": "global", "speed": "standard"}, ""),
    ],
)
def test_what_costs_more_than_the_price_is_told(more: dict[str, Any], tier: str) -> None:
    assert reading(read_request(body(**more))).ask.service_tier == tier


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [HELLO, {"role": "user", "content": 7}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": "x"}]}]}, "messages[0].content[0].source"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "i"}}]}]},
            "messages[0].content[0].source.data",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]}, "messages[0].content[0].source.url"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {}}]}]}, "messages[0].content[0].id"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": "{}"}]}]},
            "messages[0].content[0].input",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text"}]}]}]},
            "messages[0].content[0].content[0].text",
        ),
        ({"messages": [{"role": "assistant", "content": [{"type": "thinking"}]}]}, "messages[0].content[0].thinking"),
        ({"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking"}]}]}, "messages[0].content[0].data"),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system[0].type"),
        ({"system": 5}, "system"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"name": "f", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"output_config": {"format": "json"}}, "output_config.format"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"stop_sequences": [7]}, "stop_sequences[0]"),
        ({"metadata": []}, "metadata"),
        ({"model": ""}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(more: dict[str, Any], param: str) -> None:
    told = fault(read_request(body(**more)))
    assert (told.code, told.param) == ("invalid_request", param)


def test_a_limit_is_required_but_for_counting() -> None:
    without = dump({"model": "claude", "messages": [HELLO]})
    assert fault(read_request(without)).param == "max_tokens"
    assert reading(read_count(without)).ask.max_output_tokens is None
    assert reading(read_request(body(max_tokens=0))).ask.max_output_tokens == 0, "it only warms a cache"


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"model":"\xff"}', b'{"a":' * 100_000, b"null", b'"x"'])
def test_what_is_no_request_is_a_fault(data: bytes) -> None:
    assert fault(read_request(data)).code == "invalid_request"


def test_turns_leave_out_thoughts_and_name_tool_calls() -> None:
    answer = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "Let me "},
        {"type": "text", "text": "look."},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
    ]
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "18"}]}
    messages = [HELLO, {"role": "assistant", "content": answer}, {"role": "user", "content": [result, PNG]}]
    system, question, turn, results = reading(read_request(body(messages=messages, system="Be brief."))).turns()
    assert (system.role, system.text, question.text) == ("system", "Be brief.", "hello")
    assert (turn.text, turn.ids, said(turn)[1]) == ("Let me look.", ("t1",), 12)
    assert (results.text.startswith("184000 "), results.ids) == (True, ("t1",))


texts = st.text(max_size=40)
blocks = st.one_of(
    st.builds(lambda t: {"type": "text", "text": t}, texts),
    st.builds(
        lambda d: {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": d}}, st.text("AB/+=", max_size=60)
    ),
    st.builds(lambda t: {"type": "tool_result", "tool_use_id": t, "content": t}, texts),
    st.builds(lambda t: {"type": "tool_result", "tool_use_id": t, "content": [{"type": "text", "text": t}]}, texts),
    st.builds(lambda t: {"type": "thinking", "thinking": t, "signature": t}, texts),
    st.builds(lambda t, j: {"type": "tool_use", "id": t, "name": t, "input": {"v": j}}, texts, json_values),
    st.builds(lambda t: {"type": "document", "title": t, "source": {"type": "text", "media_type": "text/plain", "data": t}}, texts),
)


def _read_by_a_model(block: dict[str, Any]) -> int:
    if block["type"] == "image":
        return 0
    kept = {key: value for key, value in block.items() if key not in ("type", "media_type")}
    leaves: list[str] = []
    todo: list[Any] = [kept]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += [inner for key, inner in value.items() if key not in ("type", "media_type")]
        elif isinstance(value, list):
            todo += value
        elif isinstance(value, str):
            leaves.append(value)
    return sum(len(leaf.encode("utf-8", "surrogatepass")) for leaf in leaves)


@given(st.lists(st.lists(blocks, min_size=1, max_size=4), min_size=1, max_size=4), texts, st.booleans())
@settings(max_examples=200)
def test_the_bound_holds_all_text_that_a_model_reads(turns: list[list[dict[str, Any]]], system: str, ascii_only: bool) -> None:
    messages = [{"role": "user", "content": turn} for turn in turns]
    told = {"model": "m", "max_tokens": 1, "messages": messages, "system": system, "metadata": {"user_id": "é" * 9}}
    data = json.dumps(told, ensure_ascii=ascii_only, separators=(",", ":")).encode("utf-8", "surrogatepass")
    read = read_request(data)
    if isinstance(read, Fault):
        assert "UTF-8" in read.message or "surrogate" in read.message, read
        return
    least = sum(_read_by_a_model(block) for turn in turns for block in turn) + len(system.encode("utf-8", "surrogatepass"))
    assert least <= read.ask.input_text_bytes <= len(data)


@given(
    st.dictionaries(st.sampled_from(["model", "messages", "system", "tools", "max_tokens", "metadata", "tool_choice", "x"]), json_values)
)
@settings(max_examples=200)
def test_any_json_is_read_or_refused(told: dict[str, Any]) -> None:
    assert isinstance(read_request(dump(told)), Reading | Fault)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert isinstance(read_request(data), Reading | Fault)
