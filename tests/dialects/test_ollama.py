"""Ollama's chat API: requests written, answers read, and what it cannot do."""

import json
from typing import Any

import pytest
from hypothesis import given
from tests.dialects.samples import dump, json_values, ollama_line

from orchvynt.dialects import registry
from orchvynt.dialects.ollama_chat.wire import created_seconds
from orchvynt.dialects.shapes import Answer, Failure, UnsupportedError
from orchvynt.model.chat import AnswerFormat, Chat, Image, Message, Text, TokenLogprob, Tool, ToolCall, ToolChoice, ToolResult
from orchvynt.model.usage import Usage

PROVIDER = registry.provider("ollama_chat")


def chat(*messages: Message, **fields: Any) -> Chat:
    return Chat(model="m", messages=messages or (Message("user", (Text("hi"),)),), **fields)


def written(told: Chat, limit: int | None = None) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(PROVIDER.write_request(told, "mistral:7b", limit).body)
    return body


def test_messages() -> None:
    body = written(
        chat(
            Message("system", (Text("Be brief."),)),
            Message("user", (Text("Look"), Image(media_type="image/png", data="QUJD"))),
            Message("assistant", (ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", ""))),
            Message("tool", (ToolResult("c1", "one"),)),
            Message("tool", (ToolResult("c9", "lost"),)),
        )
    )
    assert body == {
        "model": "mistral:7b",
        "stream": False,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look", "images": ["QUJD"]},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}},
                    {"id": "c2", "function": {"name": "g", "arguments": {}}},
                ],
            },
            {"role": "tool", "content": "one", "tool_call_id": "c1", "tool_name": "f"},
            {"role": "tool", "content": "lost", "tool_call_id": "c9"},
        ],
    }


def test_options() -> None:
    told = chat(
        tools=(Tool("f", "d", {"type": "object"}, True),),
        answer_format=AnswerFormat("schema", "n", {"type": "object"}),
        stop=("END",),
        temperature=0.5,
        top_p=0.9,
        seed=1,
        stream=True,
        max_output_tokens=50,
        extras={"top_k": 5, "presence_penalty": 1, "store": True},
        user="u",
    )
    body = written(told, limit=20)
    assert body["options"] == {
        "num_predict": 20,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 1,
        "stop": ["END"],
        "top_k": 5,
        "presence_penalty": 1,
    }
    assert (body["stream"], body["format"]) == (True, {"type": "object"})
    assert body["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "description": "d"}}]
    assert written(chat(answer_format=AnswerFormat("json")))["format"] == "json"
    assert "tools" not in written(chat(tools=(Tool("f"),), tool_choice=ToolChoice("none")))
    ask = PROVIDER.write_request(told, "m", None)
    assert ask.path == "/api/chat"
    assert PROVIDER.credential("k") == ("authorization", "Bearer k")


@pytest.mark.parametrize(
    ("told", "param"),
    [
        (chat(extras={"n": 2}), "n"),
        (chat(extras={"audio": {}}), "audio"),
        (chat(tools=(Tool("f"),), tool_choice=ToolChoice("required")), "tool_choice"),
        (chat(tools=(Tool("f"),), tool_choice=ToolChoice("tool", "f")), "tool_choice"),
        (chat(tools=(Tool("f"),), parallel_tool_calls=False), "parallel_tool_calls"),
        (chat(Message("user", (Image(url="https://x/y.png"),))), "messages[0].content"),
        (chat(Message("assistant", (ToolCall("c", "f", "oops"),))), "messages[0].tool_calls"),
    ],
)
def test_what_would_change_the_answer_is_refused(told: Chat, param: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        written(told)
    assert raised.value.param == param


def answer(data: bytes) -> Answer:
    told = PROVIDER.read_answer(200, "application/json; charset=utf-8", "", data, 0)
    assert isinstance(told, Answer), told
    return told


def test_a_whole_answer() -> None:
    data = ollama_line("Héllo", done=True, done_reason="stop", prompt_eval_count=26, eval_count=9, message={"thinking": "hmm"})
    told = answer(data)
    assert (told.finish, told.usage, told.output_bytes, told.response_model) == (
        "stop",
        Usage(input_tokens=26, output_tokens=9),
        9,
        "mistral:7b",
    )
    reply = PROVIDER.to_reply(told)
    assert (reply.text, reply.created_s, reply.id) == ("Héllo", 1748386497, told.response_id)
    assert reply.id.startswith("chatcmpl-")
    other = answer(data.replace(b"641643123Z", b"641643124Z"))
    assert other.response_id != told.response_id


def test_tool_calls_have_ids_of_their_own() -> None:
    calls = [{"function": {"name": "f", "arguments": {"q": "ü"}}}, {"id": "x", "function": {"name": "g"}}]
    told = answer(ollama_line(done=True, done_reason="stop", message={"tool_calls": calls}))
    reply = PROVIDER.to_reply(told)
    assert (told.finish, told.usage) == ("tool_calls", None)
    first, second = reply.tool_calls
    assert (first.name, first.arguments, second) == ("f", '{"q":"ü"}', ToolCall("x", "g", "{}"))
    assert first.id.startswith("call_")
    assert first.id.endswith("_0")


@pytest.mark.parametrize(
    "counts",
    [{"eval_count": 5}, {"prompt_eval_count": 5}, {"prompt_eval_count": -1, "eval_count": 5}, {"prompt_eval_count": "x", "eval_count": 5}],
)
def test_absurd_counts_cost_the_usage_not_the_answer(counts: dict[str, Any]) -> None:
    assert answer(ollama_line("x", done=True, **counts)).usage is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"<html>",
        ollama_line("x"),
        ollama_line(done=True, done_reason="load"),
        dump({"error": "out of memory"}),
        b"\xff",
        b'{"message":' * 9999,
    ],
)
def test_what_is_no_answer_is_malformed(data: bytes) -> None:
    told = PROVIDER.read_answer(200, "application/json", "", data, 0)
    assert isinstance(told, Failure)
    assert told.outcome == "malformed"


def test_statuses() -> None:
    told = PROVIDER.read_answer(404, "application/json", "", dump({"error": "model 'x' not found"}), 0)
    assert isinstance(told, Failure)
    assert (told.outcome, told.message) == ("bad_request", "model 'x' not found")


@given(json_values)
def test_arbitrary_json_never_raises(value: object) -> None:
    for data in (dump(value), ollama_line("x", done=True, eval_count=value), ollama_line(done=True, message={"tool_calls": value})):
        assert isinstance(PROVIDER.read_answer(200, "", "", data, 0), Answer | Failure)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("2025-05-27T22:54:57.641643123Z", 1748386497),
        ("2025-05-27T22:54:57Z", 1748386497),
        ("2025-05-27T22:54:57.6-07:00", 1748411697),
        ("2025-05-27T22:54:57", 0),
        ("soon", 0),
        ("", 0),
        (None, 0),
        ("0001-01-01T00:00:00Z", 0),
    ],
)
def test_created_at(told: str | None, seconds: int) -> None:
    assert created_seconds(told) == seconds


def test_log_probabilities_are_asked_for_and_read() -> None:
    body = written(chat(logprobs=True, extras={"top_logprobs": 2}))
    assert (body["logprobs"], body["top_logprobs"], "options" in body) == (True, 2, False)
    assert "top_logprobs" not in written(chat(extras={"top_logprobs": 0}))
    told = [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -2.0}]}]
    answer = {"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": True, "done_reason": "stop"}
    expected = (TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("Ho", -2.0),)),)
    for logprobs, read in ((told, expected), ("odd", ()), ([{"token": 1}], ()), (None, ())):
        whole = PROVIDER.read_answer(200, "application/json", "", dump({**answer, "logprobs": logprobs}), 0)
        assert isinstance(whole, Answer)
        assert PROVIDER.to_reply(whole).logprobs == read
