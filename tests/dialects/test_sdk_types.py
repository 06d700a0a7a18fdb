"""What we write, read by the official SDK's own types: an unchanged client must be able to take it."""

import json
from collections.abc import Iterable

import msgspec
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter
from tests.dialects.samples import anthropic_stream, ollama_stream, openai_text_stream, payloads, run, sse

from orchvynt.dialects import registry
from orchvynt.language.snapshot import Wire
from orchvynt.model.chat import Reply, Thinking, ToolCall
from orchvynt.model.invocation import Ask
from orchvynt.model.usage import Usage

CALLER = registry.caller("openai_chat")
REPLY = Reply(
    id="msg_1",
    model="claude",
    created_s=0,
    text="",
    finish="tool_calls",
    usage=Usage(input_tokens=3, output_tokens=4, cached_input_tokens=1),
    tool_calls=(ToolCall("c", "f", "{}"), ToolCall("d", "g", "")),
)


def strict_chunks(events: Iterable[object]) -> list[ChatCompletionChunk]:
    return [ChatCompletionChunk.model_validate_json(json.dumps(event), strict=True) for event in events]


def test_a_whole_answer() -> None:
    told = ChatCompletion.model_validate_json(CALLER.write(REPLY), strict=True)
    assert told.choices[0].message.tool_calls is not None
    assert [call.id for call in told.choices[0].message.tool_calls] == ["c", "d"]
    assert told.usage is not None
    assert told.usage.total_tokens == 7


def test_a_whole_stream() -> None:
    chunks = strict_chunks(payloads(CALLER.write_stream(REPLY, True, [])))
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []


@pytest.mark.parametrize(
    ("wire", "stream"),
    [("openai_chat", sse(openai_text_stream())), ("anthropic_messages", anthropic_stream()), ("ollama_chat", ollama_stream())],
)
def test_every_providers_stream(wire: Wire, stream: bytes) -> None:
    relay = registry.relay(registry.provider(wire), CALLER, Ask("", b"", wants_usage=True), collect=False)
    chunks = strict_chunks(payloads(run(relay, [stream]) + relay.finish([])))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices).startswith("Héllo")
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [relay.seen.usage.total_tokens if relay.seen.usage else 0]


ANTHROPIC = registry.caller("anthropic_messages")
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
THOUGHTFUL = msgspec.structs.replace(REPLY, text="Hé", thoughts=(Thinking("hm", "s"), Thinking(redacted="x")))
REFUSED = msgspec.structs.replace(REPLY, tool_calls=(), refusal="No.", usage=None)


@pytest.mark.parametrize("reply", [REPLY, THOUGHTFUL, REFUSED])
def test_a_whole_message(reply: Reply) -> None:
    told = Message.model_validate_json(ANTHROPIC.write(reply), strict=True)
    assert [block.type for block in told.content] == [
        *("redacted_thinking" if thought.redacted else "thinking" for thought in reply.thoughts),
        *(["text"] if reply.text else []),
        *("tool_use" for _ in reply.tool_calls),
    ]
    assert told.usage.input_tokens == (2 if reply.usage else 0)
    for event in payloads(ANTHROPIC.write_stream(reply, True, [])):
        EVENT.validate_json(json.dumps(event), strict=True)


@pytest.mark.parametrize(
    ("wire", "stream"),
    [("openai_chat", sse(openai_text_stream())), ("ollama_chat", ollama_stream())],
)
def test_every_other_providers_stream_of_a_message(wire: Wire, stream: bytes) -> None:
    relay = registry.relay(registry.provider(wire), ANTHROPIC, Ask("", b""), collect=False)
    kinds = [EVENT.validate_json(json.dumps(event), strict=True).type for event in payloads(run(relay, [stream]) + relay.finish([]))]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
