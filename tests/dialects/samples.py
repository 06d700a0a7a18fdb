"""Bodies and streams of providers, and ways to cut them, for the tests of this folder."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from orchvynt.dialects.shapes import Reading, Relay
from orchvynt.model.faults import Fault


def dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def chat_body(**fields: Any) -> bytes:
    return dump({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], **fields})


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    """One chunk of an OpenAI stream as its JSON."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return dump(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-4o-x", "choices": choices, **fields}
    )


USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 7,
    "total_tokens": 19,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def sse(payloads: Iterable[bytes], line_end: bytes = b"\n", done: bool = True) -> bytes:
    frames = [b"data: " + payload + line_end * 2 for payload in payloads]
    return b"".join(frames) + (b"data: [DONE]" + line_end * 2 if done else b"")


def openai_text_stream(text: Sequence[str] = ("Hé", "llo ", "wörld 🌍"), usage: bool = True) -> list[bytes]:
    parts = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in text), chunk({}, "stop")]
    return [*parts, chunk(usage=USAGE)] if usage else parts


def events(*told: dict[str, Any], line_end: bytes = b"\n") -> bytes:
    """Anthropic's events: a name and a JSON object each."""
    return b"".join(b"event: " + e["type"].encode() + line_end + b"data: " + dump(e) + line_end * 2 for e in told)


MESSAGE_START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-x",
        "stop_reason": None,
        "usage": {"input_tokens": 25, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 5, "output_tokens": 1},
    },
}


def message_delta(stop_reason: str, output_tokens: int = 15, **delta: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason, **delta}, "usage": {"output_tokens": output_tokens}}


def anthropic_stream(line_end: bytes = b"\n") -> bytes:
    """Thinking, text, two tool calls (the second without arguments), and pings between."""
    return events(
        MESSAGE_START,
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hmm ü"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Héllo "}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "🌍"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {}}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ""}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"q":'}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '"ü"}'}},
        {"type": "content_block_stop", "index": 2},
        {"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}},
        {"type": "content_block_stop", "index": 3},
        message_delta("tool_use"),
        {"type": "message_stop"},
        line_end=line_end,
    )


def ollama_line(content: str = "", done: bool = False, **fields: Any) -> bytes:
    message = {"role": "assistant", "content": content, **fields.pop("message", {})}
    told = {"model": "mistral:7b", "created_at": "2025-05-27T22:54:57.641643123Z", "message": message, "done": done, **fields}
    return dump(told) + b"\n"


def ollama_stream() -> bytes:
    call = {"function": {"name": "search", "arguments": {"q": "ü"}}}
    return b"".join(
        (
            ollama_line("", message={"thinking": "hmm"}),
            ollama_line("Hé"),
            ollama_line("llo 🌍"),
            ollama_line("", message={"tool_calls": [call]}),
            ollama_line("", done=True, done_reason="stop", prompt_eval_count=26, eval_count=9, total_duration=5),
        )
    )


def cut_up(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """`data` in parts, cut at the given places (taken modulo its length)."""
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def run(relay: Relay, parts: Iterable[bytes]) -> bytes:
    """All that a relay gives for these parts, up to the end of input."""
    out = b"".join([relay.feed(part) for part in parts])
    return out + relay.end_of_input()


def reading(told: Reading | Fault) -> Reading:
    assert isinstance(told, Reading), told
    return told


def fault(told: object) -> Fault:
    assert isinstance(told, Fault), told
    return told


def payloads(stream: bytes) -> list[Any]:
    """The JSON of every data line of an OpenAI stream but the terminal marker."""
    lines = [line[6:] for line in stream.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


cuts = st.lists(st.integers(min_value=0, max_value=100_000), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
