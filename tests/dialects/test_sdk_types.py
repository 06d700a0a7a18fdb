"""What we write, read by the official SDK's own types: an unchanged client must be able to take it."""

import json
from collections.abc import Iterable

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.dialects.samples import anthropic_stream, ollama_stream, openai_text_stream, payloads, run, sse

from orchvynt.dialects import registry
from orchvynt.language.snapshot import Wire
from orchvynt.model.chat import Reply, ToolCall
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
