"""What people review, read out of a parked state: the request, where it is there, and the answer as they see it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from orchvynt.lifecycle.state import State, decode
from orchvynt.model.chat import Reply
from orchvynt.model.facts import AnyFact, ReviewConcluded, ReviewDecided, ReviewOpened

REQUEST: Final = "request"
ANSWER: Final = "answer"
DECIDED_ANSWER: Final = "decided answer"
FINAL_ANSWER: Final = "final answer"

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def reviewed(record: Sequence[AnyFact], review: str) -> dict[str, bytes]:
    """Everything that was looked at in one review: the request, the answer, and what a decision or the end made of it, where it differs."""
    found: dict[str, bytes] = {}
    for fact in record:
        if not isinstance(fact, ReviewOpened | ReviewDecided | ReviewConcluded) or fact.review != review or not fact.state:
            continue
        contents = contents_of(fact.state)
        if isinstance(fact, ReviewOpened):
            found |= contents
        elif ANSWER in contents and contents[ANSWER] not in found.values():
            found[DECIDED_ANSWER if isinstance(fact, ReviewDecided) else FINAL_ANSWER] = contents[ANSWER]
    return found


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
