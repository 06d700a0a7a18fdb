"""Answers of Anthropic's Messages API, read: text, tool calls, usage, refusals, and whatever is not one."""

from typing import Any

import pytest
from hypothesis import given
from tests.dialects.samples import dump, json_values

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Answer, Failure
from orchvynt.model.chat import ToolCall
from orchvynt.model.usage import Usage

PROVIDER = registry.provider("anthropic_messages")
CALLER = registry.caller("anthropic_messages")


def body(*content: dict[str, Any], stop_reason: str | None = "end_turn", **fields: Any) -> bytes:
    usage = {
        "input_tokens": 25,
        "cache_read_input_tokens": 10,
        "cache_creation_input_tokens": 5,
        "output_tokens": 15,
        "output_tokens_details": {"thinking_tokens": 3},
    }
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": content,
        "stop_reason": stop_reason,
        "usage": usage,
    }
    return dump({**message, **fields})


def answer(data: bytes) -> Answer:
    told = PROVIDER.read_answer(200, "application/json", "", data, 0)
    assert isinstance(told, Answer), told
    return told


def test_a_whole_answer() -> None:
    content = (
        {"type": "thinking", "thinking": "hmm", "signature": "x"},
        {"type": "text", "text": "Hé"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"q": "ü"}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
        {"type": "text", "text": "llo"},
    )
    told = answer(body(*content, stop_reason="tool_use"))
    assert (told.response_id, told.response_model, told.finish) == ("msg_1", "claude-x", "tool_calls")
    assert told.usage == Usage(input_tokens=40, output_tokens=15, cached_input_tokens=10, reasoning_tokens=3, cache_written_tokens=5)
    assert told.output_bytes == len("hmm") + len("Héllo".encode()) + len("f") + len('{"q":"ü"}'.encode()) + len("g{}")
    reply = PROVIDER.to_reply(told)
    assert (reply.text, reply.tool_calls) == ("Héllo", (ToolCall("t1", "f", '{"q":"ü"}'), ToolCall("t2", "g", "{}")))


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "stop"),
        ("model_context_window_exceeded", "length"),
        ("brand_new", "stop"),
    ],
)
def test_finish_reasons(reason: str, finish: str) -> None:
    assert answer(body({"type": "text", "text": "x"}, stop_reason=reason)).finish == finish


def test_a_refusal_is_a_clean_answer() -> None:
    told = answer(body(stop_reason="refusal", stop_details={"type": "refusal", "explanation": "I cannot."}))
    assert (told.finish, PROVIDER.to_reply(told).refusal) == ("content_filter", "I cannot.")
    assert PROVIDER.to_reply(answer(body(stop_reason="refusal"))).refusal


def test_no_words_of_ours_stand_beside_those_of_the_model() -> None:
    reply = PROVIDER.to_reply(answer(body({"type": "text", "text": "So far"}, stop_reason="refusal")))
    assert (reply.text, reply.refusal, reply.finish) == ("So far", "", "content_filter")


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", "malformed"),
        (b"<html>", "malformed"),
        (b"{}", "malformed"),
        (body(stop_reason=None), "malformed"),
        (body(content=None), "malformed"),
        (body({"type": "text", "text": "é"}).replace("é".encode(), b"\xff"), "malformed"),
        (b'{"content":' + b"[" * 50_000, "malformed"),
        (dump({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}), "malformed"),
    ],
)
def test_what_is_no_answer_is_a_failure(data: bytes, outcome: str) -> None:
    told = PROVIDER.read_answer(200, "application/json", "", data, 0)
    assert isinstance(told, Failure)
    assert told.outcome == outcome


@pytest.mark.parametrize(
    "usage", [None, "x", {}, {"input_tokens": 1}, {"input_tokens": -1, "output_tokens": 1}, {"input_tokens": 1.5, "output_tokens": 1}]
)
def test_absurd_usage_costs_the_usage_not_the_answer(usage: object) -> None:
    assert answer(body({"type": "text", "text": "x"}, usage=usage)).usage is None


@given(json_values)
def test_arbitrary_json_never_raises(value: object) -> None:
    for data in (dump(value), body(content=value), body({"type": "text", "text": "x"}, usage=value)):
        assert isinstance(PROVIDER.read_answer(200, "", "", data, 0), Answer | Failure)


@pytest.mark.parametrize(
    ("written", "detail", "surcharge"),
    [
        (0, None, 0),
        (100, None, 25),
        (101, {"ephemeral_5m_input_tokens": 101, "ephemeral_1h_input_tokens": 0}, 26),
        (100, {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40}, 15 + 40),
        (100, {"ephemeral_1h_input_tokens": 900}, 100),
    ],
)
def test_what_writing_to_a_cache_costs_beyond_the_price(written: int, detail: object, surcharge: int) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": written, "cache_creation": detail}
    told = answer(body({"type": "text", "text": "hi"}, usage=usage))
    assert told.usage is not None
    assert (told.usage.input_tokens, told.usage.surcharge_tokens) == (10 + written, surcharge)
    again = CALLER.read_reply(CALLER.write(PROVIDER.to_reply(told)))
    assert again.usage == told.usage, "callers are told what was written to caches"
