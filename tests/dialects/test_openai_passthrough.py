"""The same-dialect path: only what must change is spliced, and all other bytes of request, answer and stream pass as they are."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import USAGE, chunk, cut_up, cuts, dump, openai_text_stream, payloads, run, sse

from orchvynt.dialects import registry
from orchvynt.dialects.deltas import Began, Ended, Finished, TextAdded
from orchvynt.dialects.openai_chat.provider import OpenAIChatProvider
from orchvynt.dialects.shapes import Answer, Relay, Seen
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask
from orchvynt.model.usage import Usage

PROVIDER = registry.provider("openai_chat")
CALLER = registry.caller("openai_chat")
TOLD_USAGE = Usage(input_tokens=12, output_tokens=7, cached_input_tokens=4, reasoning_tokens=2)


def make(wants_usage: bool = True, collect: bool = False) -> Relay:
    return registry.relay(PROVIDER, CALLER, Ask("", b"", wants_usage=wants_usage), collect=collect)


def relayed(data: bytes, **how: Any) -> tuple[bytes, Seen]:
    relay = make(**how)
    return run(relay, [data]), relay.seen


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_frames_pass_byte_for_byte_but_the_marker(line_end: bytes) -> None:
    frames = b": comment" + line_end * 2 + sse(openai_text_stream(), line_end, done=False)
    out, seen = relayed(frames + b"data: [DONE]" + line_end * 2)
    assert out == frames
    assert seen == Seen(
        response_id="chatcmpl-1",
        response_model="gpt-4o-x",
        started=True,
        alive=True,
        output_bytes=len("Héllo wörld 🌍".encode()),
        finish="stop",
        usage=TOLD_USAGE,
        terminal=True,
    )


@given(
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    places=cuts,
    wants_usage=st.booleans(),
    collect=st.booleans(),
    tail=st.sampled_from(["done", "cut", "half", "error", "garbage", "unended"]),
    start=st.integers(0, 6),
)
@settings(max_examples=300)
def test_any_split_gives_the_same(line_end: bytes, places: list[int], wants_usage: bool, collect: bool, tail: str, start: int) -> None:
    data = sse(openai_text_stream()[:start], line_end, done=False)
    data += {
        "done": b"data: [DONE]" + line_end * 2 + b"data: after" + line_end * 2,
        "cut": b"",
        "half": b'data: {"choices',
        "error": b'data: {"error":{"message":"slow","code":"rate_limit_exceeded"}}' + line_end * 2 + b"data: [DONE]" + line_end * 2,
        "garbage": b"data: {oops" + line_end * 2,
        "unended": b"data: [DONE]",
    }[tail]
    whole, parts = make(wants_usage, collect), make(wants_usage, collect)
    assert run(parts, cut_up(data, places)) == run(whole, [data])
    assert parts.seen == whole.seen
    assert (whole.seen.failure is None) is (tail in ("done", "unended"))
    assert whole.seen.terminal is (whole.seen.failure is None)
    if collect:
        assert parts.reply() == whole.reply()


def test_what_comes_after_a_finish_does_not_overtake_it() -> None:
    data = sse([chunk({"content": "a"}), chunk({"content": "0"}, "stop"), chunk({"content": "1"}), chunk({}, "stop")])
    relay = make(collect=True)
    marker = data.index(b"data: [DONE]")
    early = b"".join(relay.feed(data[at : at + 1]) for at in range(marker))
    assert early == sse([chunk({"content": "a"})], done=False), "how it ended is not known before the marker"
    assert early + relay.feed(data[marker:]) == data[:marker]
    assert relay.reply().text == "a01"


@pytest.mark.parametrize("first", [0, None])
def test_a_choice_that_goes_on_does_not_wait_for_one_that_ended(first: int | None) -> None:
    def frame(index: int | None, text: str, finish: str | None = None) -> bytes:
        return sse([chunk(choices=[{"index": index, "delta": {"content": text}, "finish_reason": finish}])], done=False)

    relay = make()
    assert relay.feed(frame(first, "a", "stop")) == b""
    assert relay.feed(frame(1, "b")) == frame(1, "b")
    assert relay.feed(frame(0, "late")) == b""
    assert relay.feed(b"data: [DONE]\n\n") == frame(first, "a", "stop") + frame(0, "late")


def test_one_byte_at_a_time_and_several_frames_at_once() -> None:
    data = sse(openai_text_stream())
    slow, fast = make(), make()
    assert run(slow, [data[i : i + 1] for i in range(len(data))]) == run(fast, [data]) == data.removesuffix(b"data: [DONE]\n\n")


def test_the_usage_chunk_is_hidden_from_who_did_not_ask() -> None:
    out, seen = relayed(sse(openai_text_stream()), wants_usage=False)
    assert out == sse(openai_text_stream(usage=False), done=False)
    assert seen.usage == TOLD_USAGE
    assert relayed(sse(openai_text_stream()), wants_usage=True)[0] == sse(openai_text_stream(), done=False)


def test_chunks_without_choices_that_are_no_usage_pass() -> None:
    odd = dump({"id": "", "choices": [], "prompt_filter_results": [{"x": 1}]})
    out, _ = relayed(sse([odd, *openai_text_stream()]), wants_usage=False)
    assert out.startswith(b"data: " + odd)


def test_usage_on_the_last_content_chunk_is_recorded_and_hidden_from_who_did_not_ask() -> None:
    last = chunk({"content": "x"}, "stop", usage=USAGE)
    out, seen = relayed(sse([last]), wants_usage=True)
    assert last in out
    assert seen.usage == TOLD_USAGE
    out, seen = relayed(sse([last]), wants_usage=False)
    assert b'"usage"' not in out
    assert b'"content":"x"' in out.replace(b" ", b"")
    assert seen.usage == TOLD_USAGE


def test_a_count_that_runs_along_is_the_whole_only_at_the_end() -> None:
    running = chunk({"content": "x"}, usage=USAGE)
    assert relayed(sse([running], done=False))[1].usage is None
    assert relayed(sse([running]))[1].usage == TOLD_USAGE


@pytest.mark.parametrize("usage", ["many", {"prompt_tokens": -5, "completion_tokens": 2}, {"prompt_tokens": 1}, [1]])
def test_absurd_usage_costs_only_the_usage(usage: object) -> None:
    _, seen = relayed(sse([chunk({"content": "x"}, "stop"), chunk(usage=usage)]))
    assert (seen.usage, seen.terminal, seen.failure) == (None, True, None)


@pytest.mark.parametrize(
    ("delta", "starts", "count"),
    [
        ({"role": "assistant", "content": ""}, False, 0),
        ({"content": "é"}, True, 2),
        ({"refusal": "no"}, True, 2),
        ({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "fn", "arguments": ""}}]}, True, 2),
        ({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, True, 2),
        ({"reasoning_content": "hm"}, False, 2),
        ({"reasoning": "hm", "content": None}, False, 2),
        ({}, False, 0),
    ],
)
def test_what_starts_an_answer(delta: dict[str, object], starts: bool, count: int) -> None:
    relay = make()
    relay.feed(sse([chunk(delta)], done=False))
    assert (relay.seen.started, relay.seen.output_bytes) == (starts, count)


def test_comments_are_no_content() -> None:
    relay = make()
    assert relay.feed(b": ping\n\n") == b": ping\n\n"
    assert relay.seen == Seen()


@pytest.mark.parametrize("form", [b'data: {"error":%b}\n\n', b'event: error\ndata: {"error":%b}\n\n', b"event: error\ndata: %b\n\n"])
def test_an_error_event_is_withheld_and_classified(form: bytes) -> None:
    event = form % b'{"message":"Overloaded, key sk-abcdef123456","type":"overloaded_error"}'
    role = sse([chunk({"role": "assistant", "content": ""})], done=False)
    out, seen = relayed(role + event + b"data: [DONE]\n\n")
    assert out == role
    assert seen.failure is not None
    assert (seen.failure.outcome, seen.failure.error_type, seen.terminal) == ("overloaded", "overloaded_error", False)
    assert "abcdef" not in seen.failure.message
    text = sse([chunk({"content": "Hi"})], done=False)
    out, seen = relayed(text + event)
    assert out == text
    assert seen.failure is not None
    assert seen.failure.outcome == "cut"


def test_finish_reason_without_a_marker_is_a_cut() -> None:
    out, seen = relayed(sse(openai_text_stream(), done=False))
    *content, _, _ = openai_text_stream()
    assert out == sse(content, done=False), "how it ended goes out with the marker only"
    assert seen.failure is not None
    assert (seen.failure.outcome, seen.finish, seen.terminal) == ("cut", "stop", False)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"", "malformed"),
        (b"<html>bad gateway</html>", "malformed"),
        (b"Internal Server Error", "malformed"),
        (b'{"error":{"message":"quota","code":"insufficient_quota"}}', "quota"),
        (b'{"error":{"message":"?"}}', "malformed"),
        (b'{"id":"x","choices":[{"message":{"content":"whole"}}]}', "malformed"),
        (b'{"half":', "malformed"),
        (b'{"x":"' + b"a" * 200_000, "malformed"),
        (b"data: not json\n\n", "malformed"),
        (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', "malformed"),
        (b'data: {"x":"\xff","choices":[]}\n\n', "malformed"),
        (b"data: " + b"[" * 50_000 + b"\n\n", "malformed"),
        (b"data: " + b"x" * (9 * 1024 * 1024), "malformed"),
        (b'data: {"id":"x"', "cut"),
    ],
)
def test_what_is_no_stream_is_a_failure(body: bytes, outcome: str) -> None:
    for parts in ([body], [body[:7], body[7:]]):
        relay = make()
        assert run(relay, parts) == b""
        assert relay.seen.failure is not None
        assert (relay.seen.failure.outcome, relay.seen.failure.status, relay.seen.started) == (outcome, 200, False)


def test_the_end_has_the_notes_and_the_marker() -> None:
    relay = make()
    assert (
        relay.finish([("model", "gpt-4o"), ("cost-usd", "0.0031")])
        == b": x-orchvynt-model=gpt-4o x-orchvynt-cost-usd=0.0031\n\ndata: [DONE]\n\n"
    )
    assert relay.finish([]) == b"data: [DONE]\n\n"
    assert relay.finish([("rule", "a\r\ndata: x")]).count(b"\n") == 4


def test_failing_gives_the_error_event() -> None:
    event = make().fail(Fault(code="all_providers_failed", message="cut"), "inv_1")
    (told,) = payloads(event)
    assert (told["error"]["code"], told["error"]["invocation_id"]) == ("all_providers_failed", "inv_1")
    assert b"[DONE]" not in event


def test_a_collected_stream_equals_the_whole_answer() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"q":"ü"}'}},
        {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]
    thought = {"reasoning_content": "They want to know."}
    spoken = {"audio": {"id": "a", "transcript": " Now."}}
    custom = {"index": 2, "id": "c3", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    message = {"role": "assistant", "content": "Let me look.", "tool_calls": [*calls, custom], **thought, **spoken}
    whole = {
        "id": "chatcmpl-1",
        "created": 1700000000,
        "model": "gpt-4o-x",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": USAGE,
    }
    pieces: list[dict[str, Any]] = [thought, {"role": "assistant", "content": "Let me"}, {"content": " look."}, spoken]
    for index, call in enumerate(calls):
        function: Any = call["function"]
        pieces.append({"tool_calls": [{"index": index, **call, "function": {"name": function["name"], "arguments": ""}}]})
        pieces += [{"tool_calls": [{"index": index, "function": {"arguments": character}}]} for character in function["arguments"]]
    pieces.append({"tool_calls": [custom]})
    relay = make(collect=True)
    run(relay, [sse([*(chunk(piece) for piece in pieces), chunk({}, "tool_calls"), chunk(usage=USAGE)])])
    provider = OpenAIChatProvider()
    told = provider.read_answer(200, "application/json", "", dump(whole), 0)
    assert isinstance(told, Answer)
    assert relay.reply() == provider.to_reply(told)


def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    parts: list[dict[str, Any]] = [
        {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]},
        {"tool_calls": [{"function": {"arguments": "}"}}]},
        {"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "[]"}}]},
    ]
    relay = make(collect=True)
    run(relay, [sse([chunk(part) for part in parts])])
    assert [(call.id, call.name, call.arguments) for call in relay.reply().tool_calls] == [("a", "f", "{}"), ("b", "g", "[]")]


def test_only_a_collecting_relay_has_a_reply() -> None:
    with pytest.raises(ValueError, match="collect"):
        make().reply()


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_arbitrary_bytes_never_raise(parts: list[bytes]) -> None:
    relay = make()
    run(relay, [b"data: ", *parts])
    assert relay.seen.failure is not None or relay.seen.terminal


def test_error_frames_are_json_lines() -> None:
    assert json.loads(make().fail(Fault(code="internal", message="x"), "i")[6:])


def test_of_several_choices_the_first_is_the_reply() -> None:
    first, second = (
        dump({"id": "x", "choices": [{"index": index, "delta": {"content": text}}]}) for index, text in ((0, "one"), (1, "two"))
    )
    relay = make(collect=True)
    run(relay, [sse([first, second, first])])
    assert relay.reply().text == "oneone"
    assert relay.seen.output_bytes == 9


def test_odd_dates_custom_tools_and_old_function_calls_do_not_stop_a_stream() -> None:
    custom = {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "select"}}]}
    old = {"function_call": {"name": "f", "arguments": "{}"}}
    relay = make(collect=True)
    run(relay, [sse([chunk(custom, created="soon"), chunk(old), chunk({"audio": {"data": "QUJD"}})])])
    assert (relay.seen.failure, relay.seen.started) == (None, True)
    assert relay.seen.output_bytes == len("sqlselect") + len("f{}") + len('{"data":"QUJD"}')
    assert (relay.reply().created_s, [call.name for call in relay.reply().tool_calls]) == (0, ["sql", "f"])


def test_an_event_without_data_stays_here() -> None:
    out, seen = relayed(sse([chunk({"content": "x"})], done=False) + b"data: \n\ndata\n\n: still here\n\ndata: [DONE]\n\n")
    assert out == sse([chunk({"content": "x"})], done=False) + b": still here\n\n"
    assert seen.terminal


def test_a_marker_with_trailing_space_is_one() -> None:
    out, seen = relayed(sse([chunk({"content": "x"})], done=False) + b"data: [DONE] \n\n")
    assert seen.terminal
    assert b"DONE" not in out


def test_another_writer_goes_on_where_a_broken_stream_stopped() -> None:
    relay = make()
    out = run(relay, [sse(openai_text_stream(), done=False)])
    writer = relay.handover()
    out += writer.write(Began("msg_2", "claude")) + writer.write(TextAdded("!")) + writer.write(Finished("stop")) + writer.write(Ended())
    out += writer.finish([])
    told = payloads(out)
    assert {(event["id"], event["model"], event["created"]) for event in told} == {("chatcmpl-1", "gpt-4o-x", 1700000000)}
    assert [event["choices"][0]["delta"] for event in told][-2:] == [{"content": "!"}, {}]
    assert [event["choices"][0]["finish_reason"] for event in told] == [*[None] * (len(told) - 1), "stop"]
    assert out.count(b"[DONE]") == 1
