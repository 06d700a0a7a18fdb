"""Answers of the chat completions API, read: what a whole answer is, and the outcome of everything else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.samples import USAGE, dump, json_values

from orchvynt.dialects.openai_chat.provider import OpenAIChatProvider
from orchvynt.dialects.shapes import Answer, Failure
from orchvynt.model.chat import Thinking, ToolCall
from orchvynt.model.usage import Usage

PROVIDER = OpenAIChatProvider()


def body(message: dict[str, Any] | None = None, **fields: Any) -> bytes:
    told = message or {"role": "assistant", "content": "Héllo"}
    return dump(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "gpt-4o-x",
            "choices": [{"index": 0, "message": told, "finish_reason": "stop"}],
            "usage": USAGE,
            **fields,
        }
    )


def read(data: bytes, status: int = 200, content_type: str = "application/json", retry_after: str = "") -> Answer | Failure:
    return PROVIDER.read_answer(status, content_type, retry_after, data, 0)


def answer(told: Answer | Failure) -> Answer:
    assert isinstance(told, Answer), told
    return told


def test_a_whole_answer() -> None:
    data = body()
    told = answer(read(data, content_type="application/json; charset=utf-8"))
    assert told.body is data
    assert (told.response_id, told.response_model, told.finish, told.output_bytes) == ("chatcmpl-1", "gpt-4o-x", "stop", 6)
    assert told.usage == Usage(input_tokens=12, output_tokens=7, cached_input_tokens=4, reasoning_tokens=2)
    reply = PROVIDER.to_reply(told)
    assert (reply.id, reply.created_s, reply.text, reply.finish) == ("chatcmpl-1", 1700000000, "Héllo", "stop")


def test_tool_calls_refusals_and_reasoning_count_as_output() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]
    told = answer(read(body({"content": None, "tool_calls": calls, "reasoning_content": "hmm"})))
    assert told.output_bytes == len("f") + len('{"a":1}') + len("hmm")
    assert PROVIDER.to_reply(told).tool_calls == (ToolCall(id="c1", name="f", arguments='{"a":1}'),)
    refused = answer(read(body({"content": None, "refusal": "no"})))
    assert (refused.output_bytes, PROVIDER.to_reply(refused).refusal) == (2, "no")


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_what_the_model_thought(name: str) -> None:
    assert PROVIDER.to_reply(answer(read(body({"content": "x", name: "hmm"})))).thoughts == (Thinking("hmm"),)


def test_a_call_of_a_custom_tool_is_a_call() -> None:
    calls = [{"id": "c1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}]
    told = answer(read(body({"content": None, "tool_calls": calls})))
    assert PROVIDER.to_reply(told).tool_calls == (ToolCall("c1", "shell", "ls", custom=True),)


SOUNDS = [({"data": "AA", "transcript": "spoken"}, "spoken"), ({}, ""), (None, ""), ({"transcript": 1}, "")]


@pytest.mark.parametrize(("audio", "text"), SOUNDS)
def test_what_a_spoken_answer_says_is_its_text(audio: object, text: str) -> None:
    assert PROVIDER.to_reply(answer(read(body({"content": None, "audio": audio})))).text == text


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "many",
        {},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"prompt_tokens": 10**15, "completion_tokens": 1},
        {"prompt_tokens": 10**30, "completion_tokens": 1},
        [1],
    ],
)
def test_absurd_usage_costs_the_usage_not_the_answer(usage: object) -> None:
    told = answer(read(body(usage=usage)))
    assert told.usage is None
    assert PROVIDER.to_reply(told).text == "Héllo"


def test_a_part_larger_than_its_whole_is_not_believed() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 11},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    assert answer(read(body(usage=usage))).usage == Usage(input_tokens=10, output_tokens=5)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"", "application/json"),
        (b"  ", ""),
        (b"<html>oops</html>", "text/html"),
        (b"<html>oops</html>", "application/json"),
        (body(), "text/html"),
        (body()[:-1], "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b"{}", "application/json"),
        (body(choices=[]), "application/json"),
        (body(choices=None), "application/json"),
        (body(choices=[{"index": 0}]), "application/json"),
        (body(choices=[{"message": {"content": 7}}]), "application/json"),
        (body().replace("é".encode(), b"\xff"), "application/json"),
        (body(vendor="é").replace("é".encode(), b"\xe9"), "application/json"),
        (b'{"choices":' + b"[" * 100_000, "application/json"),
    ],
)
def test_what_is_no_answer_is_malformed(data: bytes, content_type: str) -> None:
    told = read(data, content_type=content_type)
    assert isinstance(told, Failure)
    assert (told.outcome, told.status) == ("malformed", 200)
    assert 0 < len(told.message) <= 500


def test_an_error_object_in_a_200_is_malformed_in_its_own_words() -> None:
    told = read(dump({"error": {"message": "slow", "type": "x", "code": "rate_limit_exceeded"}}), retry_after="3")
    assert isinstance(told, Failure)
    assert (told.outcome, told.message, told.error_code) == ("malformed", "slow", "rate_limit_exceeded")
    told = read(dump({"error": {"message": "who knows"}}))
    assert isinstance(told, Failure)
    assert told.outcome == "malformed"


def test_other_statuses_are_failures() -> None:
    told = read(dump({"error": {"message": "slow"}}), status=429)
    assert isinstance(told, Failure)
    assert told.outcome == "rate_limit"


@given(st.binary(max_size=100), st.integers(100, 599))
def test_arbitrary_bytes_never_raise(data: bytes, status: int) -> None:
    assert isinstance(read(data, status), Failure)


@given(json_values)
def test_arbitrary_json_never_raises(value: object) -> None:
    assert isinstance(read(dump(value)), Answer | Failure)
    assert isinstance(read(body(choices=value)), Answer | Failure)
    assert isinstance(read(body(usage=value)), Answer)


@given(json_values)
def test_what_was_accepted_has_a_canonical_form(value: object) -> None:
    for data in (
        body(created=value),
        body(usage=value),
        body({"content": "x", "tool_calls": value}),
        body({"content": "x", "audio": value}),
    ):
        told = read(data)
        if isinstance(told, Answer):
            assert PROVIDER.to_reply(told).finish == "stop"
