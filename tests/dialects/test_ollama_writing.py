"""Answers written for Ollama callers, whole and as lines; the official SDK's own types read what we write."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollama import ChatResponse, GenerateResponse
from pydantic import BaseModel
from tests.dialects.samples import anthropic_stream, cut_up, cuts, ollama_stream, openai_text_stream, run, sse

from orchvynt.dialects import registry
from orchvynt.dialects.deltas import (
    ArgumentsAdded,
    Began,
    CallBegan,
    Delta,
    Ended,
    Finished,
    RefusalAdded,
    TextAdded,
    ThoughtAdded,
    UsageReported,
)
from orchvynt.language.snapshot import Wire
from orchvynt.model.chat import Finish, Reply, Thinking, TokenLogprob, ToolCall
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Ask, DialectName
from orchvynt.model.usage import Usage

CHAT = registry.caller("ollama_chat")
GENERATE = registry.caller("ollama_generate")
REPLY = Reply(
    id="msg_1",
    model="claude",
    created_s=1748386497,
    text="Hé",
    finish="tool_calls",
    usage=Usage(input_tokens=3, output_tokens=4, cached_input_tokens=1),
    tool_calls=(ToolCall("c", "f", '{"a": 1e400, "b": "ü"}'), ToolCall("", "g", "")),
)
FAULT = Fault("all_providers_failed", "Every tier failed.", "Ask later.", param="model", detail={"attempts": [1], "error": "covered"})


def lines(data: bytes) -> list[Any]:
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.decode().split("\n")[:-1]]


def written(*deltas: Delta) -> list[Any]:
    writer = CHAT.stream_writer(Ask("m", b""))
    return lines(b"".join([writer.write(delta) for delta in deltas]) + writer.finish([("cost-usd", "1")]))


def test_a_whole_answer() -> None:
    told = json.loads(CHAT.write(REPLY))
    assert told == {
        "model": "claude",
        "created_at": "2025-05-27T22:54:57Z",
        "message": {
            "role": "assistant",
            "content": "Hé",
            "tool_calls": [
                {"id": "c", "function": {"index": 0, "name": "f", "arguments": {"a": float("inf"), "b": "ü"}}},
                {"function": {"index": 1, "name": "g", "arguments": {}}},
            ],
        },
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 3,
        "eval_count": 4,
    }
    assert json.loads(GENERATE.write(Reply("", "m", 0, "a", (), "", refusal="b"))) == {
        "model": "m",
        "created_at": "1970-01-01T00:00:00Z",
        "response": "a\n\nb",
        "done": True,
    }


@pytest.mark.parametrize("text", ['{"a":', "[1]", "5", "{} {}"])
def test_arguments_that_are_no_object_are_no_empty_ones(text: str) -> None:
    told = json.loads(CHAT.write(Reply("", "m", 0, "", (ToolCall("c", "f", text),), "tool_calls")))
    assert told["message"]["tool_calls"][0]["function"]["arguments"] == {"malformed_arguments": text}


def test_a_refusal_is_a_paragraph_of_its_own() -> None:
    told = written(TextAdded("so far"), RefusalAdded("No"), RefusalAdded("."), Finished("content_filter"), Ended())
    assert [line["message"]["content"] for line in told] == ["so far", "\n\nNo", ".", ""]
    assert written(RefusalAdded("No."), Ended())[0]["message"]["content"] == "No."


def test_lines_as_they_come() -> None:
    told = written(
        Began("id", "m", 0),
        ThoughtAdded("hmm"),
        TextAdded("Hé"),
        RefusalAdded("no"),
        CallBegan(0, "c", "f"),
        ArgumentsAdded(0, '{"a"'),
        CallBegan(1, "d", "g"),
        ArgumentsAdded(0, ":1}"),
        Finished("tool_calls"),
        UsageReported(Usage(input_tokens=3, output_tokens=4)),
        Ended(),
    )
    named = {"model": "m", "created_at": "1970-01-01T00:00:00Z"}
    calls = [
        {"id": "c", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}},
        {"id": "d", "function": {"index": 1, "name": "g", "arguments": {}}},
    ]
    assert told == [
        {**named, "message": {"role": "assistant", "content": "", "thinking": "hmm"}, "done": False},
        {**named, "message": {"role": "assistant", "content": "Hé"}, "done": False},
        {**named, "message": {"role": "assistant", "content": "\n\nno"}, "done": False},
        {**named, "message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": False},
        {
            **named,
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 4,
        },
    ]


def test_log_probabilities_stand_beside_the_text() -> None:
    told = (TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("Ho", -2.0),)),)
    entry = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -2.0, "bytes": None}]}
    assert written(Began("i", "m", 0), TextAdded("Hi", told), Ended())[0]["logprobs"] == [entry]
    reply = Reply("", "m", 0, "Hi", (), "stop", logprobs=told)
    for caller in (CHAT, GENERATE):
        assert json.loads(caller.write(reply))["logprobs"] == [entry]
        assert lines(caller.write_stream(reply, True, []))[0]["logprobs"] == [entry]
    read = ChatResponse.model_validate_json(CHAT.write(reply))
    assert read.logprobs is not None
    assert read.logprobs[0].top_logprobs is not None


def test_how_it_ended_and_its_calls_go_out_after_the_marker_only() -> None:
    writer = CHAT.stream_writer(Ask("m", b""))
    early = [writer.write(delta) for delta in (Began("i", "m", 0), CallBegan(0, "c", "f"), ArgumentsAdded(0, "{}"), Finished("stop"))]
    assert early == [b"", b"", b"", b""]
    # Another provider goes on: the call of the one that broke off was never said.
    later = [writer.write(delta) for delta in (Began("j", "other", 9), TextAdded("x"), Finished("length"), Ended())]
    assert [bool(part) for part in later] == [False, True, False, False]
    (last,) = lines(writer.finish([]))
    assert (last["model"], last["done_reason"]) == ("m", "length")


@pytest.mark.parametrize(
    ("finish", "reason"), [("stop", "stop"), ("tool_calls", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("", None)]
)
def test_how_it_ended(finish: Finish, reason: str | None) -> None:
    assert written(Began("i", "m", 0), Finished(finish), Ended())[-1].get("done_reason") == reason


@pytest.mark.parametrize(("caller", "told"), [("ollama_chat", ChatResponse), ("ollama_generate", GenerateResponse)])
def test_what_was_written_can_be_read_again(caller: DialectName, told: type[BaseModel]) -> None:
    dialect = registry.caller(caller)
    body = dialect.write(REPLY)
    told.model_validate_json(body)
    read = dialect.read_reply(body)
    assert (read.text, read.finish, read.created_s, read.model) == ("Hé", "tool_calls", REPLY.created_s, "claude")
    assert [call.name for call in read.tool_calls] == ["f", "g"]
    assert read.usage == Usage(input_tokens=3, output_tokens=4)
    stream = dialect.write_stream(REPLY, True, [("cost-usd", "1")])
    assert dialect.with_notes(stream, [("cost-usd", "1")]) == stream
    assert [told.model_validate(line) for line in lines(stream)]
    assert lines(stream)[-1]["done"] is True


@pytest.mark.parametrize("caller", ["ollama_chat", "ollama_generate"])
def test_thoughts_stand_beside_the_answer(caller: DialectName) -> None:
    dialect = registry.caller(caller)
    reply = Reply("", "m", 0, "Hi", (), "stop", thoughts=(Thinking("so ", "signed"), Thinking(redacted="x"), Thinking("what")))
    told = json.loads(dialect.write(reply))
    assert told.get("thinking", told.get("message", {}).get("thinking")) == "so what"
    assert dialect.read_reply(dialect.write(reply)).thoughts == (Thinking("so what"),)
    parts = lines(dialect.write_stream(reply, True, []))
    assert [part.get("thinking", part.get("message", {}).get("thinking")) for part in parts] == ["so ", "what", None, None]


def test_errors() -> None:
    told = json.loads(CHAT.error(FAULT, "inv_1"))
    assert told == {
        "error": "Every tier failed. Ask later.",
        "code": "all_providers_failed",
        "help": "Ask later.",
        "param": "model",
        "doc_url": "docs/reference/errors.md#all_providers_failed",
        "invocation_id": "inv_1",
        "attempts": [1],
    }
    assert CHAT.error_event(FAULT, "inv_1") == CHAT.error(FAULT, "inv_1") + b"\n"
    assert CHAT.stream_writer(Ask("m", b"")).fail(FAULT, "inv_1") == CHAT.error_event(FAULT, "inv_1")
    assert CHAT.keep_alive() == b""
    assert "param" not in json.loads(CHAT.error(Fault("internal", "x"), ""))


STREAMS: list[tuple[Wire, bytes]] = [
    ("openai_chat", sse(openai_text_stream())),
    ("anthropic_messages", anthropic_stream()),
    ("ollama_chat", ollama_stream()),
]


@pytest.mark.parametrize(("wire", "stream"), STREAMS)
@pytest.mark.parametrize("caller", ["ollama_chat", "ollama_generate"])
def test_every_providers_stream(wire: Wire, stream: bytes, caller: DialectName) -> None:
    relay = registry.relay(registry.provider(wire), registry.caller(caller), Ask("m", b""), collect=False)
    out = lines(run(relay, [stream]) + relay.finish([]))
    if caller == "ollama_chat":
        said = "".join(ChatResponse.model_validate(line).message.content or "" for line in out)
    else:
        said = "".join(GenerateResponse.model_validate(line).response or "" for line in out)
    assert said.startswith("Héllo")
    assert [line["done"] for line in out] == [False] * (len(out) - 1) + [True]
    assert relay.seen.usage is not None
    assert out[-1]["eval_count"] == relay.seen.usage.output_tokens


@given(st.sampled_from(STREAMS), cuts)
def test_any_split_gives_the_same(given_stream: tuple[Wire, bytes], places: list[int]) -> None:
    wire, stream = given_stream
    whole, parts = (registry.relay(registry.provider(wire), CHAT, Ask("m", b""), collect=False, digest=True) for _ in range(2))
    assert run(parts, cut_up(stream, places)) == run(whole, [stream])
    assert parts.finish([]) == whole.finish([])
    assert parts.said() == whole.said()
    assert parts.said()[2] == (), "the client sends no ids back"
