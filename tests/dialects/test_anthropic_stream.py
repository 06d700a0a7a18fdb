"""Streams of Anthropic's Messages API, relayed to a chat completions caller: the same under any split of the bytes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import MESSAGE_START, anthropic_stream, cut_up, cuts, dump, events, json_values, message_delta, payloads, run

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Relay
from orchvynt.model.invocation import Ask
from orchvynt.model.usage import Usage

PROVIDER = registry.provider("anthropic_messages")
CALLER = registry.caller("openai_chat")


def make(wants_usage: bool = True, collect: bool = False) -> Relay:
    return registry.relay(PROVIDER, CALLER, Ask("", b"", wants_usage=wants_usage), collect=collect)


def test_a_stream_reaches_an_openai_caller_as_chunks() -> None:
    relay = make(collect=True)
    out = run(relay, [anthropic_stream()])
    told = payloads(out)
    assert {(event["id"], event["model"], event["object"]) for event in told} == {("msg_1", "claude-x", "chat.completion.chunk")}
    deltas = [event["choices"][0]["delta"] for event in told]
    assert deltas == [
        {"role": "assistant", "content": "Héllo "},
        {"content": "🌍"},
        {"tool_calls": [{"index": 0, "id": "toolu_1", "type": "function", "function": {"name": "search", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"q":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"ü"}'}}]},
        {"tool_calls": [{"index": 1, "id": "toolu_2", "type": "function", "function": {"name": "now", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]
    assert [event["choices"][0]["finish_reason"] for event in told] == [None] * 7 + ["tool_calls"]
    seen = relay.seen
    assert (seen.terminal, seen.failure, seen.finish, seen.started, seen.response_id) == (True, None, "tool_calls", True, "msg_1")
    assert seen.usage == Usage(input_tokens=40, output_tokens=15, cached_input_tokens=10, cache_written_tokens=5)
    assert seen.output_bytes == len('hmm üHéllo 🌍search{"q":"ü"}now{}'.encode())
    end = relay.finish([("tier", "2")])
    assert payloads(end)[0]["usage"]["prompt_tokens"] == 40
    assert end.endswith(b": x-orchvynt-tier=2\n\ndata: [DONE]\n\n")
    reply = relay.reply()
    assert (reply.text, reply.finish, reply.usage, [call.arguments for call in reply.tool_calls]) == (
        "Héllo 🌍",
        "tool_calls",
        seen.usage,
        ['{"q":"ü"}', "{}"],
    )
    assert make(wants_usage=False).finish([]) == b"data: [DONE]\n\n"


@given(line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]), places=cuts, end=st.integers(0, 4000))
@settings(max_examples=200)
def test_any_split_gives_the_same(line_end: bytes, places: list[int], end: int) -> None:
    data = anthropic_stream(line_end)[:end]
    whole, parts = make(collect=True), make(collect=True)
    assert run(parts, cut_up(data, places)) == run(whole, [data])
    assert parts.seen == whole.seen
    assert parts.reply() == whole.reply()
    assert whole.seen.terminal is (whole.seen.failure is None)


def test_pings_and_thoughts_are_no_content() -> None:
    relay = make()
    thought = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hmm"}}
    assert relay.feed(events(MESSAGE_START, {"type": "ping"}, thought, {"type": "brand_new", "x": 1})) == b""
    assert (relay.seen.started, relay.seen.output_bytes, relay.seen.usage) == (False, 3, None)


def test_error_events() -> None:
    overloaded = events({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    relay = make()
    assert run(relay, [events(MESSAGE_START), overloaded]) == b""
    assert relay.seen.failure is not None
    assert relay.seen.failure.outcome == "overloaded"
    relay = make()
    out = run(
        relay,
        [events(MESSAGE_START, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}), overloaded],
    )
    assert b"verload" not in out
    assert relay.seen.failure is not None
    assert (relay.seen.failure.outcome, relay.seen.failure.error_type) == ("cut", "overloaded_error")


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", "malformed"),
        (b"<html>", "malformed"),
        (dump({"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}), "rate_limit"),
        (b"event: content_block_delta\ndata: {oops\n\n", "malformed"),
        (events(MESSAGE_START, message_delta("end_turn")), "cut"),
        (events(MESSAGE_START) + b"event: message_st", "cut"),
        (b"event: x\ndata: " + b"x" * (9 * 1024 * 1024), "malformed"),
    ],
)
def test_streams_that_are_none_or_end_early(data: bytes, outcome: str) -> None:
    relay = make()
    run(relay, [data])
    assert relay.seen.failure is not None
    assert (relay.seen.failure.outcome, relay.seen.terminal) == (outcome, False)


def test_a_refusal_in_a_stream_is_told_as_one() -> None:
    relay = make(collect=True)
    out = run(
        relay,
        [
            events(
                MESSAGE_START,
                message_delta("refusal", stop_details={"type": "refusal", "explanation": "I cannot."}),
                {"type": "message_stop"},
            )
        ],
    )
    assert payloads(out)[0]["choices"][0]["delta"]["refusal"] == "I cannot."
    assert (relay.seen.finish, relay.reply().refusal) == ("content_filter", "I cannot.")


@pytest.mark.parametrize("spoken", [True, False])
def test_no_words_of_ours_stand_beside_those_of_the_model(spoken: bool) -> None:
    relay = make(collect=True)
    text: Any = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "So far"}},
        {"type": "content_block_stop", "index": 0},
    ]
    run(relay, [events(MESSAGE_START, *(text if spoken else []), message_delta("refusal"), {"type": "message_stop"})])
    reply = relay.reply()
    assert (reply.text, bool(reply.refusal), reply.finish) == ("So far" if spoken else "", not spoken, "content_filter")


@given(st.lists(st.binary(max_size=60), max_size=5), json_values)
def test_arbitrary_bytes_never_raise(parts: list[bytes], value: object) -> None:
    relay = make(collect=True)
    run(relay, [b"event: content_block_delta\ndata: ", dump(value), b"\n\n", *parts])
    assert relay.seen.failure is not None or relay.seen.terminal


def test_what_the_beginning_says_of_the_output_is_no_usage() -> None:
    """`message_start` counts the first token; where the end says nothing, nobody knows how many there were."""
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello there."}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    relay = make()
    run(relay, [events(MESSAGE_START, text, end, {"type": "message_stop"})])
    assert relay.seen.finish == "stop"
    assert relay.seen.usage is None
    relay = make()
    run(relay, [events(MESSAGE_START, text, message_delta("end_turn"), end, {"type": "message_stop"})])
    assert relay.seen.usage is not None, "what an earlier one said stands"
