"""A chat completion request in canonical form: nothing of it is lost, or it is refused."""

import json
from contextlib import suppress
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.samples import chat_body, json_values, reading

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Reading, UnsupportedError
from orchvynt.language.snapshot import Wire
from orchvynt.model.chat import AnswerFormat, Chat, Document, Image, Message, Text, Tool, ToolCall, ToolChoice, ToolResult

CALLER = registry.caller("openai_chat")
CALL = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"q":1}'}}
TOOL = {"type": "function", "function": {"name": "search", "description": "d", "parameters": {"type": "object"}, "strict": True}}
CONVERSATION: list[dict[str, Any]] = [
    {"role": "developer", "content": "Be brief."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Look"},
            {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QUJD", "detail": "low"}},
        ],
    },
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "user", "content": "and?", "name": "ana"},
]


def chat(**fields: Any) -> Chat:
    return CALLER.chat(reading(CALLER.read(chat_body(**fields))).ask)


def test_a_whole_conversation() -> None:
    told = chat(
        messages=CONVERSATION,
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "search"}},
        parallel_tool_calls=False,
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True}},
        max_completion_tokens=9,
        temperature=1,
        top_p=0.5,
        stop="END",
        seed=4,
        logprobs=True,
        stream=True,
        user="u",
        n=1,
        presence_penalty=0.5,
        metadata={"orchvynt_run": "r", "team": "x"},
        stream_options={"include_usage": True},
        vendor=None,
    )
    assert told == Chat(
        model="gpt-4o",
        messages=(
            Message("system", (Text("Be brief."),)),
            Message("user", (Text("Look"), Image(media_type="image/jpeg", data="QUJD", detail="low"))),
            Message("assistant", (ToolCall("c1", "search", '{"q":1}'),)),
            Message("tool", (ToolResult("c1", "ab"),)),
            Message("user", (Text("and?"),), name="ana"),
        ),
        tools=(Tool("search", "d", {"type": "object"}, True),),
        tool_choice=ToolChoice("tool", "search"),
        parallel_tool_calls=False,
        answer_format=AnswerFormat("schema", "a", {"type": "object"}, True),
        max_output_tokens=9,
        temperature=1.0,
        top_p=0.5,
        stop=("END",),
        seed=4,
        logprobs=True,
        stream=True,
        user="u",
        extras={"presence_penalty": 0.5, "metadata": {"team": "x"}},
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,raw"}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}]},
            "messages[0].tool_calls[0].type",
        ),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": []}}}, "response_format.json_schema"),
    ],
)
def test_what_has_no_canonical_form_says_where(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        chat(**fields)
    assert raised.value.param == param


def test_more_than_one_choice_stays_as_an_extra() -> None:
    assert chat(n=3).extras == {"n": 3}


def test_input_text_is_all_text_of_the_messages() -> None:
    assert CALLER.input_text(reading(CALLER.read(chat_body(messages=CONVERSATION))).ask) == 'Be brief.\nLook\n{"q":1}\na\nb\nand?'


@pytest.mark.parametrize("wire", ["openai_chat", "ollama_chat"])
def test_no_output_can_be_asked_of_anthropic_alone(wire: Wire) -> None:
    """Others refuse a limit of zero or take it for none, and nothing is held for what they would answer."""
    none = msgspec.structs.replace(chat(), max_output_tokens=0)
    with pytest.raises(UnsupportedError) as raised:
        registry.provider(wire).write_request(none, "m", 0)
    assert raised.value.param == "max_tokens"
    assert json.loads(registry.provider("anthropic_messages").write_request(none, "m", 0).body)["max_tokens"] == 0


def test_a_chat_that_is_written_for_openai_says_the_same() -> None:
    fields: dict[str, Any] = {
        "messages": CONVERSATION,
        "tools": [TOOL],
        "tool_choice": "required",
        "response_format": {"type": "json_object"},
        "stop": ["a", "b"],
        "max_tokens": 50,
        "stream": True,
        "logit_bias": {"5": 1},
        "n": 2,
    }
    ask = registry.provider("openai_chat").write_request(chat(**fields), "gpt-x", 20)
    told = reading(CALLER.read(ask.body)).ask
    assert (told.requested_model, told.max_output_tokens, told.stream, told.choices, told.image_count) == ("gpt-x", 20, True, 2, 1)
    again = CALLER.chat(told)
    before = chat(**fields)
    assert (again.messages, again.tools, again.tool_choice, again.answer_format, again.stop, again.extras) == (
        before.messages,
        before.tools,
        before.tool_choice,
        before.answer_format,
        before.stop,
        before.extras,
    )
    assert json.loads(ask.body)["stream_options"] == {"include_usage": True}


def test_values_that_only_pass_as_bytes_are_refused_not_raised() -> None:
    ask = reading(CALLER.read(chat_body(vendor=0).replace(b'"vendor":0', b'"vendor":1e999'))).ask
    with pytest.raises(UnsupportedError):
        CALLER.chat(ask)


@given(json_values, st.sampled_from(["tool_choice", "tools", "response_format", "metadata", "stop", "vendor", "n", "messages"]))
def test_whatever_was_read_has_a_canonical_form_or_says_why_not(value: object, field: str) -> None:
    told = CALLER.read(chat_body(**{field: value}))
    if isinstance(told, Reading):
        for wire in get_args(Wire):
            with suppress(UnsupportedError):
                assert json.loads(registry.provider(wire).write_request(CALLER.chat(told.ask), "m", 10).body)


def test_an_inline_file_is_a_document_and_comes_back_as_one() -> None:
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}}
    told = chat(messages=[{"role": "user", "content": [{"type": "text", "text": "Read"}, file]}])
    assert told.messages[0].parts[1] == Document(media_type="application/pdf", data="QUJD", title="a.pdf")
    for_anthropic = json.loads(registry.provider("anthropic_messages").write_request(told, "claude", 10).body)
    assert for_anthropic["messages"][0]["content"][1] == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"},
        "title": "a.pdf",
    }
    from_anthropic = msgspec.structs.replace(told, dialect="anthropic_messages")
    for_openai = json.loads(registry.provider("openai_chat").write_request(from_anthropic, "gpt-x", 10).body)
    assert for_openai["messages"][0]["content"][1] == file


@pytest.mark.parametrize(
    ("file", "param"), [({"file_id": "file-1"}, "file_id"), ({"file_data": "QUJD"}, "file_data"), ({"file_data": "data:a,b"}, "file_data")]
)
def test_a_file_that_cannot_be_read_elsewhere_says_why(file: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        chat(messages=[{"role": "user", "content": [{"type": "file", "file": file}]}])
    assert raised.value.param == f"messages[0].content[0].file.{param}"


def test_the_description_of_a_format_is_kept_in_its_schema() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "description": "Two words", "schema": {"type": "object"}}}
    assert chat(response_format=form).answer_format == AnswerFormat("schema", "a", {"description": "Two words", "type": "object"})
