"""What callers of the Messages API read: whole answers, streams of any provider event by event, and errors, as Anthropic writes them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.samples import anthropic_stream, ollama_stream, openai_text_stream, run, sse

from orchvynt.dialects import registry
from orchvynt.dialects.anthropic_messages.writing import PING, TERMINAL_MARKER, MessageWriter
from orchvynt.dialects.deltas import (
    ArgumentsAdded,
    Began,
    CallBegan,
    Delta,
    Ended,
    Finished,
    OtherAdded,
    RefusalAdded,
    TextAdded,
    ThoughtAdded,
    ThoughtSealed,
    ThoughtSigned,
    UsageReported,
)
from orchvynt.dialects.frames import EventFrames, event_data
from orchvynt.language.snapshot import Wire
from orchvynt.model.chat import Reply, Thinking, ToolCall
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask
from orchvynt.model.usage import Usage

CALLER = registry.caller("anthropic_messages")
REPLY = Reply(
    id="msg_1",
    model="claude",
    created_s=0,
    text="Héllo",
    tool_calls=(ToolCall("c", "f", '{"a":1.5}'), ToolCall("d", "g", "{}")),
    finish="tool_calls",
    usage=Usage(input_tokens=40, output_tokens=15, cached_input_tokens=10, reasoning_tokens=3),
    thoughts=(Thinking("hm", "c2ln"), Thinking(redacted="c2VhbGVk")),
)


def events(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, each under the name that its data repeats."""
    frames = EventFrames()
    told = [event_data(frame) for frame in frames.feed(stream)]
    assert frames.rest == b""
    assert all(json.loads(data)["type"] == name.decode() for name, data in told if data)
    return [json.loads(data) for _, data in told if data]


def written(*deltas: Delta) -> list[dict[str, Any]]:
    writer = MessageWriter()
    return events(b"".join(writer.write(delta) for delta in deltas))


def shape(told: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(event["type"], event.get("index", -1)) for event in told]


def test_a_whole_answer() -> None:
    told = json.loads(CALLER.write(REPLY))
    assert told == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "c2VhbGVk"},
            {"type": "text", "text": "Héllo"},
            {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1.5}},
            {"type": "tool_use", "id": "d", "name": "g", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 30,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 10,
            "output_tokens": 15,
            "output_tokens_details": {"thinking_tokens": 3},
        },
    }


def test_what_is_written_is_read_again() -> None:
    assert CALLER.read_reply(CALLER.write(REPLY)) == REPLY


def test_a_stream_has_anthropics_order() -> None:
    told = events(CALLER.write_stream(REPLY, True, []))
    assert shape(told) == [
        ("message_start", -1),
        *(("content_block_start", 0), ("content_block_delta", 0), ("content_block_delta", 0), ("content_block_stop", 0)),
        *(("content_block_start", 1), ("content_block_stop", 1)),
        *(("content_block_start", 2), ("content_block_delta", 2), ("content_block_stop", 2)),
        *(("content_block_start", 3), ("content_block_delta", 3), ("content_block_stop", 3)),
        *(("content_block_start", 4), ("content_block_delta", 4), ("content_block_stop", 4)),
        ("message_delta", -1),
        ("message_stop", -1),
    ]
    start = told[0]["message"]
    assert (start["content"], start["stop_reason"], start["usage"]["input_tokens"]) == ([], None, 0)
    assert [event["delta"]["type"] for event in told[2:4]] == ["thinking_delta", "signature_delta"]
    assert told[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert told[-2]["usage"]["input_tokens"] == 30


@pytest.mark.parametrize(
    ("reply", "reason", "sequence", "explanation"),
    [
        ({"finish": "stop"}, "end_turn", None, None),
        ({"finish": "length"}, "max_tokens", None, None),
        ({"finish": "stop", "stop_sequence": "END"}, "stop_sequence", "END", None),
        ({"finish": "content_filter"}, "refusal", None, None),
        ({"finish": "stop", "refusal": "No."}, "refusal", None, "No."),
        ({"finish": ""}, None, None, None),
    ],
)
def test_how_it_ended(reply: dict[str, Any], reason: str | None, sequence: str | None, explanation: str | None) -> None:
    said = Reply(**{"id": "i", "model": "m", "created_s": 0, "text": "", "tool_calls": (), **reply})
    whole, ending = json.loads(CALLER.write(said)), events(CALLER.write_stream(said, True, []))[-2]["delta"]
    for told in (whole, ending):
        assert (told["stop_reason"], told["stop_sequence"]) == (reason, sequence)
        assert told.get("stop_details", {}).get("explanation") == explanation


def test_arguments_that_are_no_object_are_an_empty_one() -> None:
    for arguments in ("", "{", "[1]", '"x"'):
        said = Reply("i", "m", 0, "", (ToolCall("c", "f", arguments),), "tool_calls")
        assert json.loads(CALLER.write(said))["content"][0]["input"] == {}


@pytest.mark.parametrize(
    ("wire", "stream", "kinds"),
    [
        ("openai_chat", sse(openai_text_stream()), ["text"]),
        ("anthropic_messages", anthropic_stream(), ["thinking", "text", "tool_use", "tool_use"]),
        ("ollama_chat", ollama_stream(), ["thinking", "text", "tool_use"]),
    ],
)
def test_every_providers_stream(wire: Wire, stream: bytes, kinds: list[str]) -> None:
    relay = registry.relay(registry.provider(wire), CALLER, Ask("", b""), collect=True)
    told = [event for event in events(run(relay, [stream]) + relay.finish([])) if event["type"] != "ping"]
    assert [event["content_block"]["type"] for event in told if event["type"] == "content_block_start"] == kinds
    texts = [event["delta"].get("text", "") for event in told if event["type"] == "content_block_delta"]
    assert "".join(texts) == relay.reply().text
    assert told[-2]["usage"]["output_tokens"] == (relay.seen.usage.output_tokens if relay.seen.usage else 0)


def test_a_writer_begins_once_and_without_a_name_too() -> None:
    told = written(TextAdded("a"), Began("x", "m"), TextAdded("b"), Ended())
    assert shape(told)[:2] == [("message_start", -1), ("content_block_start", 0)]
    assert [event["type"] for event in told].count("message_start") == 1
    assert shape(written(Ended())) == [("message_start", -1), ("message_delta", -1)]


def test_an_argument_that_comes_late_names_its_own_block() -> None:
    told = written(
        *(Began("i", "m"), CallBegan(0, "a", "f"), ArgumentsAdded(0, "{"), CallBegan(1, "b", "g"), ArgumentsAdded(1, "{}")),
        *(ArgumentsAdded(0, "}"), ArgumentsAdded(7, "lost"), OtherAdded("x")),
    )
    late = [(event["index"], event["delta"]["partial_json"]) for event in told if event["type"] == "content_block_delta"]
    assert late == [(0, "{"), (1, "{}"), (0, "}")]


DELTAS = st.lists(
    st.one_of(
        st.builds(TextAdded, st.text(max_size=5)),
        st.builds(ThoughtAdded, st.text(max_size=5)),
        st.builds(ThoughtSigned, st.text(min_size=1, max_size=5)),
        st.builds(ThoughtSealed, st.text(max_size=5)),
        st.builds(RefusalAdded, st.text(max_size=5)),
        st.builds(OtherAdded, st.text(max_size=5)),
        st.just(UsageReported(Usage(3, 4))),
        st.just(Finished("stop")),
    ),
    max_size=12,
)


@given(DELTAS)
def test_blocks_never_overlap_and_count_up(deltas: list[Delta]) -> None:
    calls: list[Delta] = []
    for index, delta in enumerate(deltas):
        calls += [delta, CallBegan(index, f"c{index}", "f"), ArgumentsAdded(index, "{}")]
    told = written(Began("i", "m"), *calls, Ended())
    began = 0
    is_open = False
    for event in told[1:-1]:
        if event["type"] == "content_block_start":
            assert (is_open, event["index"]) == (False, began)
            began += 1
            is_open = True
        else:
            assert (is_open, event["index"]) == (True, began - 1)
            is_open = event["type"] != "content_block_stop"
    assert not is_open


def test_notes_stand_before_the_marker() -> None:
    stream = CALLER.write_stream(REPLY, True, [("model", "claude")])
    assert stream.endswith(b": x-orchvynt-model=claude\n\n" + TERMINAL_MARKER)
    bare = CALLER.write_stream(REPLY, True, [])
    assert CALLER.with_notes(bare, [("rule", "a\r\nevent: x")]).endswith(b"=a  event: x\n\n" + TERMINAL_MARKER)
    assert CALLER.with_notes(bare, []) == bare
    assert CALLER.keep_alive() == PING == b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("invalid_request", "x", param="messages"), "invalid_request_error"),
        (Fault("unauthorized", "x"), "authentication_error"),
        (Fault("budget_exceeded", "x", detail={"limit": 3, "type": "mine"}), "billing_error"),
        (Fault("forbidden", "x"), "permission_error"),
        (Fault("model_not_found", "x"), "not_found_error"),
        (Fault("too_large", "x"), "request_too_large"),
        (Fault("rate_limited", "x", retry_after_seconds=3), "rate_limit_error"),
        (Fault("internal", "x"), "api_error"),
        (Fault("overloaded", "x"), "overloaded_error"),
        (Fault("invalid_request", "x", status_passed_on=422, help="h"), "invalid_request_error"),
    ],
)
def test_errors(fault: Fault, kind: str) -> None:
    told = json.loads(CALLER.error(fault, "inv_1"))
    error = told["error"]
    assert (told["type"], told["request_id"], error["type"], error["message"], error["code"]) == ("error", "inv_1", kind, "x", fault.code)
    assert error["invocation_id"] == "inv_1"
    assert error.get("limit") == fault.detail.get("limit")
    assert json.loads(CALLER.error(fault, ""))["request_id"] is None
    (event,) = events(CALLER.error_event(fault, "inv_1"))
    assert event == told
