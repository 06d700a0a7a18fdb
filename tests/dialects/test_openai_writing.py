"""Answers, streams and errors as a chat completions caller reads them."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.samples import cut_up, cuts, payloads, run

from orchvynt.dialects import registry
from orchvynt.model.chat import Finish, Reply, TokenLogprob, ToolCall
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask
from orchvynt.model.usage import Usage

CALLER = registry.caller("openai_chat")
PROVIDER = registry.provider("openai_chat")

finishes: st.SearchStrategy[Finish] = st.sampled_from(["stop", "length", "tool_calls", "content_filter", ""])
counts = st.integers(0, 10**9)
usages = st.builds(
    lambda i, o, c, r: Usage(input_tokens=i + c, output_tokens=o + r, cached_input_tokens=c, reasoning_tokens=r),
    counts,
    counts,
    counts,
    counts,
)
plain = st.builds(TokenLogprob, st.text(max_size=4), st.floats(-100, 0), st.none() | st.lists(st.integers(0, 255), max_size=3).map(tuple))
logprobs = st.builds(lambda told, others: msgspec.structs.replace(told, top_logprobs=tuple(others)), plain, st.lists(plain, max_size=2))
replies = st.builds(
    Reply,
    id=st.text(min_size=1, max_size=12),
    model=st.text(max_size=12),
    created_s=st.integers(0, 2**40),
    text=st.text(max_size=60),
    tool_calls=st.lists(
        st.builds(ToolCall, id=st.text(max_size=9), name=st.text(max_size=9), arguments=st.text(max_size=20)), max_size=3
    ).map(tuple),
    finish=finishes,
    usage=st.none() | usages,
    refusal=st.text(max_size=12),
)
weighed = st.builds(lambda reply, told: msgspec.structs.replace(reply, logprobs=tuple(told)), replies, st.lists(logprobs, max_size=2))


@given(weighed)
def test_a_written_reply_reads_back(reply: Reply) -> None:
    body = CALLER.write(reply)
    assert CALLER.read_reply(body) == reply
    assert CALLER.write(reply) == body


@given(reply=weighed, places=cuts)
def test_a_written_stream_is_whole_and_reads_back(reply: Reply, places: list[int]) -> None:
    stream = CALLER.write_stream(reply, True, [("tier", "2")])
    assert stream.endswith(b": x-orchvynt-tier=2\n\ndata: [DONE]\n\n")
    relay = registry.relay(PROVIDER, CALLER, Ask("", b"", wants_usage=True), collect=True)
    out = run(relay, cut_up(stream, places))
    assert out + b"data: [DONE]\n\n" == stream
    assert relay.seen.terminal
    assert relay.seen.failure is None
    told = relay.reply()
    # A stream without a single chunk names nothing, and the relay that passes frames reads no log probabilities.
    if payloads(stream):
        assert told == msgspec.structs.replace(reply, logprobs=())


@given(replies)
def test_usage_is_in_the_stream_only_if_asked_for(reply: Reply) -> None:
    assert any("usage" in told for told in payloads(CALLER.write_stream(reply, True, []))) is (reply.usage is not None)
    assert not any("usage" in told for told in payloads(CALLER.write_stream(reply, False, [])))


def test_the_shape_of_an_answer() -> None:
    call = ToolCall(id="c", name="f", arguments="{}")
    reply = Reply(
        id="x", model="m", created_s=5, text="", tool_calls=(call,), finish="tool_calls", usage=Usage(input_tokens=3, output_tokens=4)
    )
    told = json.loads(CALLER.write(reply))
    assert told["object"] == "chat.completion"
    assert told["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    assert told["choices"][0]["finish_reason"] == "tool_calls"
    assert told["usage"]["total_tokens"] == 7


def test_only_the_first_chunk_has_the_role() -> None:
    reply = Reply(id="x", model="m", created_s=5, text="hi", tool_calls=(), finish="stop")
    deltas = [told["choices"][0]["delta"] for told in payloads(CALLER.write_stream(reply, False, []))]
    assert deltas == [{"role": "assistant", "content": "hi"}, {}]


def test_errors_say_what_decided_and_what_to_do() -> None:
    fault = Fault(
        code="budget_exceeded",
        message="The budget is spent.",
        help="Ask for a grant.",
        param="model",
        retry_after_seconds=60,
        detail={"budget": "daily", "limit": 5, "message": "never this", "attempts": [{"model": "a"}]},
    )
    told = json.loads(CALLER.error(fault, "inv_7"))["error"]
    assert told == {
        "message": "The budget is spent.",
        "type": "insufficient_quota",
        "param": "model",
        "code": "budget_exceeded",
        "doc_url": "docs/reference/errors.md#budget_exceeded",
        "invocation_id": "inv_7",
        "help": "Ask for a grant.",
        "retry_after_seconds": 60,
        "budget": "daily",
        "limit": 5,
        "attempts": [{"model": "a"}],
    }
    assert CALLER.error_event(fault, "inv_7") == b"data: " + CALLER.error(fault, "inv_7") + b"\n\n"


def test_keep_alive_means_nothing_to_a_reader() -> None:
    relay = registry.relay(PROVIDER, CALLER, Ask("", b"", wants_usage=True), collect=False)
    relay.feed(CALLER.keep_alive())
    assert not relay.seen.started
    assert CALLER.keep_alive().startswith(b":")
