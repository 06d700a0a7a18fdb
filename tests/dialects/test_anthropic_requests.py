"""Requests to Anthropic's Messages API, written from the canonical form: what maps, and what is refused as unsupported."""

import json
from typing import Any

import pytest

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import UnsupportedError
from orchvynt.model.chat import AnswerFormat, Chat, Image, Message, Text, Tool, ToolCall, ToolChoice, ToolResult

PROVIDER = registry.provider("anthropic_messages")


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def chat(*messages: Message, **fields: Any) -> Chat:
    return Chat(model="claude", messages=messages or (user("hi"),), **fields)


def written(told: Chat, model: str = "claude-sonnet-4-5", limit: int | None = 100) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(PROVIDER.write_request(told, model, limit).body)
    return body


def test_turns_are_merged_and_system_text_stands_apart() -> None:
    body = written(
        chat(
            Message("system", (Text("Be brief."),)),
            user("Look"),
            Message("user", (Text(""), Image(media_type="image/png", data="QUJD"), Image(url="https://x/y.png"))),
            Message("assistant", (Text("Calling"), ToolCall("t1", "f", '{"a": 1}'), ToolCall("t2", "g", ""))),
            Message("tool", (ToolResult("t1", "one"),)),
            Message("tool", (ToolResult("t2", "two", is_error=True),)),
            Message("system", (Text("Still brief."),)),
            user("and?"),
        )
    )
    assert body["system"] == "Be brief.\n\nStill brief."
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
                {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Calling"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "t2", "content": "two", "is_error": True},
                {"type": "text", "text": "and?"},
            ],
        },
    ]


def test_options() -> None:
    told = chat(
        tools=(Tool("f", "d", {"type": "object"}, True), Tool("g")),
        answer_format=AnswerFormat("schema", "n", {"type": "object"}),
        stop=("END",),
        temperature=1.7,
        top_p=0.5,
        seed=1,
        user="u",
        stream=True,
        max_output_tokens=50,
        extras={"top_k": 5, "presence_penalty": 1, "store": True},
    )
    body = written(told)
    del body["messages"]
    assert body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 50,
        "stop_sequences": ["END"],
        "temperature": 1.0,
        "top_k": 5,
        "metadata": {"user_id": "u"},
        "stream": True,
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tools": [
            {"name": "f", "input_schema": {"type": "object"}, "description": "d", "strict": True},
            {"name": "g", "input_schema": {"type": "object", "properties": {}}},
        ],
    }
    ask = PROVIDER.write_request(told, "m", 10)
    assert (ask.path, dict(ask.headers)["anthropic-version"], dict(ask.headers)["accept"]) == (
        "/v1/messages",
        "2023-06-01",
        "text/event-stream",
    )
    assert PROVIDER.credential("k") == ("x-api-key", "k")


@pytest.mark.parametrize(("asked", "ours", "sent"), [(None, None, 4096), (None, 10, 10), (5, 10, 5), (50, 10, 10), (5, None, 5)])
def test_there_is_always_a_limit(asked: int | None, ours: int | None, sent: int) -> None:
    assert written(chat(max_output_tokens=asked), limit=ours)["max_tokens"] == sent


@pytest.mark.parametrize(
    ("choice", "parallel", "told"),
    [
        (None, None, None),
        (None, True, None),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("tool", "f"), None, {"type": "tool", "name": "f"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choice(choice: ToolChoice | None, parallel: bool | None, told: dict[str, Any] | None) -> None:
    assert written(chat(tools=(Tool("f"),), tool_choice=choice, parallel_tool_calls=parallel)).get("tool_choice") == told


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-3-5-haiku-20241022", True),
        ("claude-3-7-sonnet-latest", True),
        ("claude-opus-4-20250514", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-sonnet-4-5-20250929", True),
        ("claude-sonnet-4-6", True),
        ("claude-instant-1.2", True),
        ("claude-2.1", True),
        ("claude-opus-4-7", False),
        ("claude-opus-4-8", False),
        ("anthropic/claude-opus-4.7", False),
        ("claude-opus-4-10", False),
        ("claude-opus-5", False),
        ("claude-sonnet-5-20260101", False),
        ("claude-haiku-5-5", False),
        ("claude-mythos-preview", False),
        ("claude-fable-5", False),
    ],
)
def test_newer_models_refuse_sampling_parameters(model: str, takes: bool) -> None:
    assert ("temperature" in written(chat(temperature=0.5), model=model)) is takes


def test_top_p_stands_only_alone() -> None:
    assert "top_p" not in written(chat(temperature=0.5, top_p=0.5))
    assert written(chat(top_p=0.5))["top_p"] == 0.5


@pytest.mark.parametrize(
    ("told", "param"),
    [
        (chat(logprobs=True), "logprobs"),
        (chat(answer_format=AnswerFormat("json")), "response_format.type"),
        (chat(stop=("END", "\n")), "stop[1]"),
        (chat(extras={"n": 2}), "n"),
        (chat(extras={"audio": {}}), "audio"),
        (chat(extras={"modalities": ["text", "audio"]}), "modalities"),
        (chat(extras={"logit_bias": {"5": 1}}), "logit_bias"),
        (chat(extras={"something_new": 1}), "something_new"),
        (chat(Message("system", (Text("x"),))), "messages"),
        (chat(user("")), "messages"),
        (chat(user("a"), Message("assistant", (ToolCall("c", "f", "{oops"),))), "messages[1].tool_calls"),
        (chat(user("a"), Message("assistant", (ToolCall("c", "f", "[1]"),))), "messages[1].tool_calls"),
    ],
)
def test_what_would_change_the_answer_is_refused(told: Chat, param: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        written(told)
    assert raised.value.param == param


def test_values_that_ask_for_nothing_are_left_out() -> None:
    assert written(chat(extras={"logit_bias": {}, "modalities": ["text"], "top_logprobs": 0, "frequency_penalty": 0})).keys() == {
        "model",
        "max_tokens",
        "messages",
    }
