"""What people review, read out of a parked state: the request, where it is there, and the answer as they see it."""

from typing import Final

import msgspec

from orchvynt.lifecycle.state import State, decode
from orchvynt.model.chat import Reply

REQUEST: Final = "request"
ANSWER: Final = "answer"

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def contents_of(stored: bytes) -> dict[str, bytes]:
    """`request` as the caller sent it, and `answer` as JSON of text, tool calls and refusal; what a state does not hold is left out."""
    try:
        state = decode(stored)
    except msgspec.DecodeError:
        return {}
    return contents_in(state)


def contents_in(state: State) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if body := state.request or state.invocation.ask.body:
        found[REQUEST] = body
    if state.reply is not None:
        found[ANSWER] = answer_bytes(state.reply)
    return found


def answer_bytes(reply: Reply) -> bytes:
    calls = [{"name": call.name, "arguments": call.arguments} for call in reply.tool_calls]
    return _encode({"text": reply.text, "tool_calls": calls, "refusal": reply.refusal})
