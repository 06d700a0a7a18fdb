"""Streams of OpenAI and of compatible providers as canonical deltas: what the relay that passes frames makes of them, in any split."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import USAGE, chunk, cut_up, cuts, dump, openai_text_stream, payloads, run, sse

from orchvynt.dialects.deltas import (
    ArgumentsAdded,
    Began,
    CallBegan,
    Delta,
    Ended,
    Failed,
    Finished,
    RefusalAdded,
    TextAdded,
    ThoughtAdded,
    UsageReported,
)
from orchvynt.dialects.openai_chat.passthrough import PassthroughRelay
from orchvynt.dialects.openai_chat.provider import OpenAIChatProvider
from orchvynt.dialects.openai_chat.stream import OpenAIReader
from orchvynt.dialects.openai_chat.writing import ChunkWriter
from orchvynt.dialects.relaying import TranslatingRelay
from orchvynt.dialects.shapes import Answer
from orchvynt.model.chat import Reply, TokenLogprob
from orchvynt.model.usage import Usage

TOLD_USAGE = Usage(input_tokens=12, output_tokens=7, cached_input_tokens=4, reasoning_tokens=2)
BEGAN = Began("chatcmpl-1", "gpt-4o-x", 1700000000)


def read(data: bytes) -> list[Delta]:
    """All deltas of a stream, up to the end of input."""
    reader = OpenAIReader()
    deltas = reader.feed(data)
    return deltas if deltas and isinstance(deltas[-1], Ended | Failed) else deltas + reader.end_of_input()


def read_calls(*parts: dict[str, Any]) -> list[Delta]:
    return read(sse([chunk({"tool_calls": [part]}) for part in parts]))[1:-1]


def translating(collect: bool = True) -> TranslatingRelay:
    return TranslatingRelay(OpenAIReader(), ChunkWriter(wants_usage=True), collect, created_s=0)


def call(index: int | None = None, call_id: str | None = None, name: str | None = None, arguments: str | None = None) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {key: value for key, value in (("index", index), ("id", call_id), ("function", function)) if value is not None}


def test_a_text_stream() -> None:
    assert read(sse(openai_text_stream())) == [
        BEGAN,
        TextAdded("Hé"),
        TextAdded("llo "),
        TextAdded("wörld 🌍"),
        Finished("stop"),
        UsageReported(TOLD_USAGE),
        Ended(),
    ]


@pytest.mark.parametrize(
    ("delta", "parts"),
    [
        ({"role": "assistant", "content": ""}, []),
        ({"reasoning_content": "hm", "content": None}, [ThoughtAdded("hm")]),
        ({"reasoning": "hm", "content": ""}, [ThoughtAdded("hm")]),
        ({"reasoning": "hm", "reasoning_content": "hm", "content": "x"}, [ThoughtAdded("hm"), TextAdded("x")]),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, [TextAdded("ab")]),
        ({"content": [{"type": "other"}]}, []),
        ({"refusal": "no"}, [RefusalAdded("no")]),
        ({"function_call": {"name": "f", "arguments": "{}"}}, [CallBegan(0, "", "f"), ArgumentsAdded(0, "{}")]),
        ({"tool_calls": [call(0, "c", "f", "")]}, [CallBegan(0, "c", "f")]),
        (
            {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "x"}}]},
            [CallBegan(0, "c", "sql", custom=True), ArgumentsAdded(0, "x")],
        ),
    ],
)
def test_what_a_delta_adds(delta: dict[str, Any], parts: list[Delta]) -> None:
    assert read(sse([chunk(delta)])) == [BEGAN, *parts, Ended()]


@pytest.mark.parametrize(
    "parts",
    [
        # As OpenAI sends it.
        [call(0, "a", "f", ""), call(0, arguments="{"), call(0, arguments="}"), call(1, "b", "g", ""), call(1, arguments="[]")],
        # Whole calls, and an index that is left out, that begins at 1, or that is 0 for every call.
        [call(None, "a", "f", "{}"), call(None, "b", "g", "[]")],
        [call(1, "a", "f", "{}"), call(2, "b", "g", "[]")],
        [call(0, "a", "f", "{}"), call(0, "b", "g", "[]")],
        # In parts without an index; the id repeated in each part; a new id in each part.
        [call(None, "a", "f", "{"), call(None, arguments="}"), call(None, "b", "g", "[]")],
        [call(None, "a", "f", "{"), call(None, "a", arguments="}"), call(None, "b", "g", "[]")],
        [call(0, "a", "f", "{"), call(0, "x", arguments="}"), call(1, "b", "g", "["), call(1, "y", arguments="]")],
        # Calls that grow side by side.
        [call(0, "a", "f", "{"), call(1, "b", "g", "["), call(0, arguments="}"), call(1, arguments="]")],
    ],
)
def test_calls_are_told_apart_however_a_provider_numbers_them(parts: list[dict[str, Any]]) -> None:
    relay = translating()
    run(relay, [sse([chunk({"tool_calls": [part]}) for part in parts])])
    assert [(told.id, told.name, told.arguments) for told in relay.reply().tool_calls] == [("a", "f", "{}"), ("b", "g", "[]")]
    together = translating()
    run(together, [sse([chunk({"tool_calls": parts})])])
    assert together.reply() == relay.reply()


def test_calls_that_have_neither_index_nor_id_begin_with_their_names() -> None:
    assert read_calls(call(None, None, "f", "{"), call(None, None, None, "}"), call(None, None, "g", "[]")) == [
        CallBegan(0, "", "f"),
        ArgumentsAdded(0, "{"),
        ArgumentsAdded(0, "}"),
        CallBegan(1, "", "g"),
        ArgumentsAdded(1, "[]"),
    ]


def test_an_answer_that_calls_tools_has_not_stopped() -> None:
    stopped = [chunk({"tool_calls": [call(0, "c", "f", "{}")]}), chunk({}, "stop")]
    assert Finished("tool_calls") in read(sse(stopped))
    assert Finished("length") in read(sse([stopped[0], chunk({}, "length")]))
    message = {"content": None, "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    provider = OpenAIChatProvider()
    told = provider.read_answer(200, "application/json", "", dump({"choices": [{"message": message, "finish_reason": "stop"}]}), 0)
    assert isinstance(told, Answer)
    assert (told.finish, provider.to_reply(told).finish) == ("stop", "tool_calls")


def test_log_probabilities_go_with_their_text() -> None:
    told = {"token": "x", "logprob": -0.25, "bytes": [120], "top_logprobs": [{"token": "y", "logprob": -2.0, "bytes": None}]}
    odd = {"token": "x", "top_logprobs": "none"}
    weighed = TextAdded("x", (TokenLogprob("x", -0.25, (120,), (TokenLogprob("y", -2.0),)),))

    def frame(logprobs: Any, index: int = 0) -> bytes:
        return dump({"id": "x", "choices": [{"index": index, "delta": {"content": "x"}, "logprobs": logprobs}]})

    frames = [frame({"content": [told], "refusal": None}), frame({"content": [odd]}), frame({"content": "top_logprobs"}), frame(None)]
    assert read(sse(frames)) == [Began("x", ""), weighed, TextAdded("x"), TextAdded("x"), TextAdded("x"), Ended()]
    assert read(sse([frame({"content": [told]}, index=1)])) == [Began("x", ""), Ended()]


def test_of_several_choices_the_first_is_canonical() -> None:
    second = dump({"id": "chatcmpl-1", "choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]})
    assert read(sse([chunk({"content": "yes"}), second])) == [BEGAN, TextAdded("yes"), Ended()]


def test_the_beginning_comes_with_the_name_or_before_the_first_content() -> None:
    filtered = dump({"id": "", "model": "", "choices": [], "prompt_filter_results": []})
    assert read(sse([filtered, chunk({"content": "x"})])) == [BEGAN, TextAdded("x"), Ended()]
    nameless = [dump({"model": "m", "choices": [{"delta": told}]}) for told in ({"role": "assistant"}, {"content": "a"}, {"content": "b"})]
    assert read(sse(nameless)) == [Began("", "m"), TextAdded("a"), TextAdded("b"), Ended()]
    late = chunk({"content": "c"}, model="other", created="soon")
    assert read(sse([*nameless, late])) == [
        Began("", "m"),
        TextAdded("a"),
        TextAdded("b"),
        Began("chatcmpl-1", "other"),
        TextAdded("c"),
        Ended(),
    ]


def test_usage_counts_when_the_answer_is_whole() -> None:
    running = [chunk({"content": "x"}, usage={**USAGE, "completion_tokens": 1}), chunk({}, "stop", usage=USAGE)]
    assert read(sse(running)) == [BEGAN, TextAdded("x"), Finished("stop"), UsageReported(TOLD_USAGE), Ended()]
    assert read(sse(running[:1], done=False)) == [BEGAN, TextAdded("x"), Failed(read(sse([chunk({})], done=False))[-1].failure)]  # type: ignore[union-attr]
    no_finish = [chunk({"content": "x"}, usage=USAGE)]
    assert read(sse(no_finish)) == [BEGAN, TextAdded("x"), UsageReported(TOLD_USAGE), Ended()]
    absurd = chunk(usage={"prompt_tokens": -1, "completion_tokens": 1})
    assert read(sse([chunk(usage=USAGE), absurd])) == [BEGAN, UsageReported(TOLD_USAGE), UsageReported(TOLD_USAGE), Ended()]
    assert read(sse([chunk({"content": "x"}, usage="many")])) == [BEGAN, TextAdded("x"), Ended()]


@pytest.mark.parametrize(
    ("data", "outcome", "by_event"),
    [
        (sse([chunk({}, "stop")], done=False), "cut", False),
        (sse([chunk({"content": "x"})], done=False) + b"data: [DON", "cut", False),
        (sse([chunk({})], done=False) + b'data: {"error":{"message":"slow","type":"overloaded_error"}}\n\n', "overloaded", True),
        (sse([chunk({})], done=False) + b'event: error\ndata: {"message":"slow","code":429}\n\n', "rate_limit", True),
        (b"data: {oops\n\n", "malformed", False),
        (b'data: {"choices":"none"}\n\n', "malformed", False),
        (b'data: {"choices":[],"x":"\xff"}\n\n', "malformed", False),
        (b'{"error":{"message":"quota","code":"insufficient_quota"}}', "quota", False),
        (b"<html>", "malformed", False),
        (b"", "malformed", False),
        (b"data: " + b"x" * (9 * 1024 * 1024), "malformed", False),
    ],
)
def test_what_breaks_a_stream(data: bytes, outcome: str, by_event: bool) -> None:
    last = read(data)[-1]
    assert isinstance(last, Failed)
    assert (last.failure.outcome, last.by_event) == (outcome, by_event)


def test_the_marker_counts_without_its_blank_line() -> None:
    text = sse([chunk({"content": "x"})], done=False)
    assert read(text + b"data: [DONE]") == read(text + b"data: [DONE]\n") == read(text + b"data: [DONE] \r\n\r\n")
    assert read(text + b"data: [DONE]")[-1] == Ended()


texts = st.text(max_size=8)
calls = st.builds(
    call, st.sampled_from([None, 0, 1, 2]), st.sampled_from([None, "a", "b"]), st.sampled_from([None, "f", "g"]), st.none() | texts
)
tolds = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "content": st.none() | texts | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2),
        "refusal": st.none() | texts,
        "reasoning_content": texts,
        "tool_calls": st.lists(calls, max_size=2),
        "function_call": st.fixed_dictionaries({"name": st.just("f"), "arguments": texts}),
    },
)
usages = st.sampled_from([None, USAGE, {**USAGE, "completion_tokens": 5}, "many", {"prompt_tokens": 1}])
names = st.sampled_from([{}, {"id": "x"}, {"id": "x", "model": "m", "created": 5}, {"id": None, "model": "n"}, {"id": "y", "created": 7}])
chunks = st.builds(
    lambda name, told, finish, usage: dump(
        {
            **name,
            "choices": [] if told is None else [{"index": 0, "delta": told, "finish_reason": finish}],
            **({} if usage is None else {"usage": usage}),
        }
    ),
    names,
    st.none() | tolds,
    st.sampled_from([None, None, None, "stop", "length", "tool_calls"]),
    usages,
)


@given(
    st.lists(chunks | st.just(b'{"error":{"message":"slow"}}') | st.just(b"{oops"), max_size=8),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    cuts,
    st.booleans(),
)
@settings(max_examples=300)
def test_translated_and_passed_are_the_same_answer(told: list[bytes], line_end: bytes, places: list[int], done: bool) -> None:
    data = sse(told, line_end, done)
    passed, translated, parts = PassthroughRelay(True, collect=True), translating(), translating()
    run(passed, [data])
    out = run(translated, [data])
    assert run(parts, cut_up(data, places)) == out
    assert parts.seen == translated.seen
    seen = translated.seen
    assert (seen.terminal, seen.usage, seen.failure and seen.failure.message) == (
        passed.seen.terminal,
        passed.seen.usage,
        passed.seen.failure and passed.seen.failure.message,
    )
    assert (seen.response_id, seen.response_model) == (passed.seen.response_id, passed.seen.response_model) or not seen.response_id
    if seen.terminal:
        assert content(translated.reply()) == content(passed.reply())
        # What the caller of the translated stream reads is the same answer again.
        again = PassthroughRelay(True, collect=True)
        run(again, [out + translated.finish([])])
        assert content(again.reply()) == content(translated.reply())


def content(reply: Reply) -> tuple[object, ...]:
    finish = "tool_calls" if reply.tool_calls and reply.finish == "stop" else reply.finish
    return reply.text, reply.refusal, reply.tool_calls, finish, reply.usage


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_arbitrary_bytes_never_raise(parts: list[bytes]) -> None:
    relay = translating()
    run(relay, [b"data: ", *parts])
    assert relay.seen.failure is not None or relay.seen.terminal


def test_a_translated_stream_reads_as_chunks() -> None:
    told = payloads(run(translating(), [sse(openai_text_stream())]))
    assert [event["choices"][0]["delta"] for event in told] == [
        {"role": "assistant", "content": "Hé"},
        {"content": "llo "},
        {"content": "wörld 🌍"},
        {},
    ]
