"""What providers say, as bytes: whole answers, errors and streams in the wire formats that this build reads."""

import json

WHOLE = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-2024","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}'
)
ANTHROPIC_WHOLE = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet","content":[{"type":"text","text":"hi"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}'
)


def refused(message: str = "slow down", kind: str = "rate_limit_error") -> bytes:
    """An OpenAI error body."""
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}}).encode()


def chunk(text: str = "", finish: str | None = None) -> bytes:
    """One frame of an OpenAI stream."""
    delta = {"content": text} if text else {}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024"}
    return b"data: " + json.dumps({**body, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


USAGE = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024","choices":[],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}\n\n'
)
DONE = b"data: [DONE]\n\n"
STREAM = (chunk("he"), chunk("y"), chunk(finish="stop"), USAGE, DONE)
