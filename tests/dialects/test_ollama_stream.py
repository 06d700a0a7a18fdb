"""Streams of Ollama's chat API, relayed to a chat completions caller: the same under any split of the bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import cut_up, cuts, dump, json_values, ollama_line, ollama_stream, payloads, run

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Relay
from orchvynt.model.invocation import Ask
from orchvynt.model.usage import Usage

PROVIDER = registry.provider("ollama_chat")
CALLER = registry.caller("openai_chat")


def make(wants_usage: bool = True, collect: bool = False) -> Relay:
    return registry.relay(PROVIDER, CALLER, Ask("", b"", wants_usage=wants_usage), collect=collect)


def test_a_stream_reaches_an_openai_caller_as_chunks() -> None:
    relay = make(collect=True)
    told = payloads(run(relay, [ollama_stream()]))
    deltas = [event["choices"][0]["delta"] for event in told]
    assert deltas[:2] == [{"role": "assistant", "content": "Hé"}, {"content": "llo 🌍"}]
    assert deltas[2]["tool_calls"][0]["function"] == {"name": "search", "arguments": ""}
    assert deltas[3]["tool_calls"][0] == {"index": 0, "function": {"arguments": '{"q":"ü"}'}}
    assert told[-1]["choices"][0]["finish_reason"] == "tool_calls"
    seen = relay.seen
    assert (seen.terminal, seen.failure, seen.finish, seen.usage) == (True, None, "tool_calls", Usage(input_tokens=26, output_tokens=9))
    assert seen.output_bytes == len('hmmHéllo 🌍search{"q":"ü"}'.encode())
    assert {event["id"] for event in told} == {seen.response_id}
    assert {event["created"] for event in told} == {1748386497}
    assert relay.reply().text == "Héllo 🌍"


@given(crlf=st.booleans(), places=cuts, end=st.integers(0, 1200))
@settings(max_examples=150)
def test_any_split_gives_the_same(crlf: bool, places: list[int], end: int) -> None:
    data = (ollama_stream().replace(b"\n", b"\r\n") if crlf else ollama_stream())[:end]
    whole, parts = make(collect=True), make(collect=True)
    assert run(parts, cut_up(data, places)) == run(whole, [data])
    assert parts.seen == whole.seen
    assert parts.reply() == whole.reply()
    assert whole.seen.terminal is (whole.seen.failure is None)


@pytest.mark.parametrize(
    ("data", "outcome", "started"),
    [
        (b"", "malformed", False),
        (b"<html>\n", "malformed", False),
        (b"<html>", "malformed", False),
        (dump({"error": "model runner has stopped"}) + b"\n", "malformed", False),
        (dump({"error": "model runner has stopped"}), "malformed", False),
        (ollama_line("Hi") + dump({"error": "x"}) + b"\n", "cut", True),
        (ollama_line("Hi") + dump({"error": "x"}), "cut", True),
        (ollama_line("Hi"), "cut", True),
        (ollama_line("Hi") + ollama_line("more")[:-1], "cut", True),
        (ollama_line("Hi") + b'{"mess', "cut", True),
        (ollama_line("Hi") + b"oops\n", "malformed", True),
        (b"x" * (9 * 1024 * 1024), "malformed", False),
    ],
)
def test_streams_that_are_none_or_end_early(data: bytes, outcome: str, started: bool) -> None:
    relay = make()
    run(relay, [data])
    assert relay.seen.failure is not None
    assert (relay.seen.failure.outcome, relay.seen.started, relay.seen.terminal) == (outcome, started, False)


def test_a_last_line_without_its_line_end_counts() -> None:
    relay = make()
    run(relay, [ollama_stream().rstrip()])
    assert relay.seen.terminal


@given(st.lists(st.binary(max_size=60), max_size=5), json_values)
def test_arbitrary_bytes_never_raise(parts: list[bytes], value: object) -> None:
    relay = make(collect=True)
    run(relay, [dump({"message": value}), b"\n", *parts])
    assert relay.seen.failure is not None or relay.seen.terminal


def test_log_probabilities_go_with_the_text_that_their_tokens_are() -> None:
    def weighed(content: str, token: str, **message: str) -> bytes:
        return ollama_line(content, message=message, logprobs=[{"token": token, "logprob": -1.0}])

    lines = (weighed("", "<think>", thinking="hm"), weighed("", "H"), weighed("Hi", "i"), weighed("!", "!"))
    relay = make(collect=True)
    out = run(relay, [*lines, ollama_line("", done=True, done_reason="stop")])
    told = [(event["choices"][0]["delta"].get("content"), event["choices"][0]["logprobs"]) for event in payloads(out)]
    tokens = [[one["token"] for one in (logprobs or {"content": []})["content"]] for _, logprobs in told]
    assert [text for text, _ in told] == ["Hi", "!", None]
    assert tokens == [["H", "i"], ["!"], []]
    assert told[1][1]["content"] == [{"token": "!", "logprob": -1.0, "bytes": None, "top_logprobs": []}]
    assert [one.token for one in relay.reply().logprobs] == ["H", "i", "!"]
