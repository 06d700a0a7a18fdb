"""Anthropic to Anthropic: the provider's own frames pass byte for byte, but how it ended waits for the terminal marker."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import MESSAGE_START, anthropic_stream, cut_up, cuts, dump, events, message_delta, run

from orchvynt.dialects import registry
from orchvynt.dialects.anthropic_messages.writing import TERMINAL_MARKER
from orchvynt.dialects.deltas import Began, CallBegan, Ended, Finished, TextAdded
from orchvynt.dialects.shapes import Answer, Relay, Seen
from orchvynt.model.chat import Thinking
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask
from orchvynt.model.turns import digest_of
from orchvynt.model.usage import Usage

PROVIDER = registry.provider("anthropic_messages")
CALLER = registry.caller("anthropic_messages")
START = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hé"}}
STOP = {"type": "content_block_stop", "index": 0}
MARKER = {"type": "message_stop"}


def make(collect: bool = False, digest: bool = False) -> Relay:
    return registry.relay(PROVIDER, CALLER, Ask("", b""), collect=collect, digest=digest)


def relayed(data: bytes, collect: bool = False) -> tuple[bytes, Seen]:
    relay = make(collect)
    return run(relay, [data]), relay.seen


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_frames_pass_byte_for_byte_but_the_marker(line_end: bytes) -> None:
    stream = b": comment" + line_end * 2 + anthropic_stream(line_end)
    out, seen = relayed(stream)
    assert out == stream.removesuffix(events(MARKER, line_end=line_end))
    assert seen == Seen(
        response_id="msg_1",
        response_model="claude-x",
        started=True,
        alive=True,
        output_bytes=len('hmm üHéllo 🌍search{"q":"ü"}now{}'.encode()),
        finish="tool_calls",
        usage=Usage(input_tokens=40, output_tokens=15, cached_input_tokens=10, cache_written_tokens=5),
        terminal=True,
    )


@given(
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    places=cuts,
    collect=st.booleans(),
    tail=st.sampled_from(["done", "cut", "half", "error", "garbage", "unended"]),
    end=st.integers(0, 4_000),
)
@settings(max_examples=300)
def test_any_split_gives_the_same(line_end: bytes, places: list[int], collect: bool, tail: str, end: int) -> None:
    marker = events(MARKER, line_end=line_end)
    frames = anthropic_stream(line_end).removesuffix(marker)
    cut = frames.rfind(line_end * 2, 0, end)
    data = frames if tail == "done" else frames[: cut + 2 * len(line_end)] if cut >= 0 else b""
    data += {
        "done": marker + events(TEXT, line_end=line_end),
        "cut": b"",
        "half": b'event: message_delta\ndata: {"type":"mess',
        "error": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n' + marker,
        "garbage": b"event: content_block_delta\ndata: {oops\n\n",
        "unended": marker.removesuffix(line_end),
    }[tail]
    whole, parts = make(collect), make(collect)
    out = run(whole, [data])
    assert run(parts, cut_up(data, places)) == out
    assert parts.seen == whole.seen
    assert (whole.seen.failure is None) is (tail in ("done", "unended"))
    assert (b"message_delta" in out) <= whole.seen.terminal
    if collect:
        assert parts.reply() == whole.reply()


def test_how_it_ended_goes_out_with_the_marker_only() -> None:
    relay = make()
    content = events(MESSAGE_START, START, TEXT, STOP)
    ending = events(message_delta("end_turn"), {"type": "ping"}) + b": c\n\n"
    assert relay.feed(content + ending) == content
    assert relay.seen.finish == "stop"
    assert relay.feed(events(MARKER)) == ending
    assert relay.finish([("tier", "2")]) == b": x-orchvynt-tier=2\n\n" + TERMINAL_MARKER
    out, seen = relayed(content + ending)
    assert out == content
    assert seen.failure is not None
    assert (seen.failure.outcome, seen.terminal, seen.usage) == ("cut", False, Usage(40, 15, 10, cache_written_tokens=5))


def test_a_delta_of_the_message_without_a_stop_reason_is_no_end() -> None:
    delta = {"type": "message_delta", "delta": {"container": {"id": "c"}}, "usage": {"output_tokens": 3}}
    data = events(MESSAGE_START, delta)
    assert make().feed(data) == data


def test_pings_pass_and_are_no_progress() -> None:
    relay = make()
    ping = events({"type": "ping"})
    assert relay.feed(ping) == ping
    assert relay.seen == Seen()


def test_an_error_event_is_withheld_and_classified() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    out, seen = relayed(events(MESSAGE_START, error, MARKER))
    assert out == events(MESSAGE_START)
    assert seen.failure is not None
    assert (seen.failure.outcome, seen.failure.error_type) == ("overloaded", "overloaded_error")
    out, seen = relayed(events(MESSAGE_START, START, TEXT, error))
    assert out == events(MESSAGE_START, START, TEXT)
    assert seen.failure is not None
    assert seen.failure.outcome == "cut"


def test_what_only_anthropics_callers_can_take_is_content_here() -> None:
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search"}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"q"'}}
    data = events(MESSAGE_START, block, delta)
    out, seen = relayed(data)
    assert out == data
    assert (seen.started, seen.alive, seen.output_bytes) == (True, True, 4)
    other = registry.relay(PROVIDER, registry.caller("openai_chat"), Ask("", b""), collect=False)
    assert other.feed(data) == b""
    assert (other.seen.started, other.seen.output_bytes) == (False, 4)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"error":{"message":"?"}}', b'{"type":"message","content":[]}', b"data: " + b"x" * (9 << 20)]
)
def test_what_is_no_stream_is_a_failure(body: bytes) -> None:
    for parts in ([body], [body[:7], body[7:]]):
        relay = make()
        assert run(relay, parts) == b""
        assert relay.seen.failure is not None
        assert relay.seen.started is False


def test_an_ending_that_never_ends_is_bounded() -> None:
    relay = make()
    relay.feed(events(MESSAGE_START, message_delta("end_turn")))
    comment = b": " + b"x" * 1_000_000 + b"\n\n"
    for _ in range(10):
        assert relay.feed(comment) == b""
    assert relay.seen.failure is not None
    assert relay.seen.failure.outcome == "malformed"


def test_a_collected_stream_equals_the_whole_answer() -> None:
    whole = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "hmm ü", "signature": "c2ln"},
            {"type": "text", "text": "Héllo 🌍"},
            {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {"q": "ü"}},
            {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 25, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 5, "output_tokens": 15},
    }
    relay = make(collect=True, digest=True)
    run(relay, [anthropic_stream()])
    told = PROVIDER.read_answer(200, "application/json", "", dump(whole), 0)
    assert isinstance(told, Answer)
    assert relay.reply() == PROVIDER.to_reply(told)
    assert relay.reply().thoughts == (Thinking("hmm ü", "c2ln"),)
    assert relay.said() == told.said == digest_of("Héllo 🌍", ["toolu_1", "toolu_2"])
    assert CALLER.read_reply(CALLER.write(relay.reply())) == relay.reply()


def test_a_refusal_is_told_at_the_end() -> None:
    refused = message_delta("refusal", stop_details={"type": "refusal", "explanation": "No."})
    relay = make(collect=True)
    assert relay.feed(events(MESSAGE_START, refused)) == events(MESSAGE_START)
    assert (relay.seen.started, relay.reply().refusal) == (False, "")
    assert relay.feed(events(MARKER)) == events(refused)
    assert (relay.reply().refusal, relay.reply().finish) == ("No.", "content_filter")


def told_after(data: bytes, *more: Any) -> list[dict[str, Any]]:
    relay = make()
    run(relay, [data])
    writer = relay.handover()
    out = b"".join(writer.write(delta) for delta in more) + writer.finish([])
    return [json.loads(line[6:]) for line in out.split(b"\n") if line.startswith(b"data: ")]


CONTINUED = (Began("msg_2", "gpt"), TextAdded("llo"), CallBegan(0, "c", "f"), Finished("tool_calls"), Ended())


@pytest.mark.parametrize(
    ("given", "indices"),
    [
        # The open text goes on in its block; a closed one is followed by another.
        ((START, TEXT), [0, 0, 1, 1]),
        ((START, TEXT, STOP), [1, 1, 1, 2, 2]),
        (({**START, "content_block": {"type": "thinking", "thinking": ""}},), [0, 1, 1, 1, 2, 2]),
        ((), [0, 0, 0, 1, 1]),
    ],
)
def test_another_writer_goes_on_with_the_right_block(given: tuple[dict[str, Any], ...], indices: list[int]) -> None:
    told = told_after(events(MESSAGE_START, *given), *CONTINUED)
    assert [event["index"] for event in told if "index" in event] == indices
    assert "message_start" not in [event["type"] for event in told]
    assert [event["type"] for event in told][-2:] == ["message_delta", "message_stop"]


def test_another_writer_begins_where_nothing_was_given_out() -> None:
    assert told_after(b"", *CONTINUED)[0]["message"]["id"] == "msg_2"


def test_calls_of_the_continuation_are_counted_anew() -> None:
    call = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "a", "name": "f", "input": {}}}
    told = told_after(events(MESSAGE_START, call, STOP), *CONTINUED)
    assert [event["content_block"]["id"] for event in told if event.get("content_block", {}).get("type") == "tool_use"] == ["c"]


def test_failing_gives_the_error_event() -> None:
    event = make().fail(Fault(code="all_providers_failed", message="cut"), "inv_1")
    assert event.startswith(b"event: error\ndata: ")
    with pytest.raises(ValueError, match="collect"):
        make().reply()
    with pytest.raises(ValueError, match="digest"):
        make().said()


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_arbitrary_bytes_never_raise(parts: list[bytes]) -> None:
    relay = make()
    run(relay, [b"data: ", *parts])
    assert relay.seen.failure is not None or relay.seen.terminal


def test_a_ping_that_is_no_json_stays_here() -> None:
    out, seen = relayed(events(MESSAGE_START) + b"event: ping\ndata: {]\n\n" + events({"type": "ping"}, MARKER))
    assert out == events(MESSAGE_START, {"type": "ping"})
    assert seen.terminal
