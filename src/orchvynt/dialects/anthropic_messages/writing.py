"""Writes answers to callers of the Messages API: whole, as a whole stream, or delta by delta.

Order and shapes of events: platform.claude.com/docs/en/build-with-claude/streaming.
"""

from typing import Any, Final

import msgspec

from orchvynt.dialects.anthropic_messages.errors import error_event
from orchvynt.dialects.checks import BODY_ERRORS
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
    ThoughtSealed,
    ThoughtSigned,
    UsageReported,
    deltas_of,
)
from orchvynt.dialects.shapes import Notes
from orchvynt.model.chat import Finish, Reply, Thinking
from orchvynt.model.faults import Fault
from orchvynt.model.usage import Usage

NOTE_PREFIX: Final = "x-orchvynt-"
STOP_REASONS: Final[dict[Finish, str | None]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "": None,
}

_encode = msgspec.json.Encoder().encode
_decode_input = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _event(name: str, told: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + _encode({"type": name, **told}) + b"\n\n"


TERMINAL_MARKER: Final = _event("message_stop", {})
PING: Final = _event("ping", {})


def write_answer(reply: Reply) -> bytes:
    """A `message`. The same reply gives the same bytes."""
    content: list[dict[str, Any]] = [_thought(thought) for thought in reply.thoughts]
    if reply.text:
        content.append({"type": "text", "text": reply.text})
    content += [{"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments)} for call in reply.tool_calls]
    ending = _ending(Finished(reply.finish, reply.stop_sequence), reply.refusal)
    return _encode({**_message(reply.id, reply.model), "content": content, **ending, "usage": usage_body(reply.usage)})


def write_stream(reply: Reply, notes: Notes) -> bytes:
    """The same answer as events, with everything that a live stream has."""
    writer = MessageWriter()
    return b"".join(writer.write(delta) for delta in deltas_of(reply)) + writer.finish(notes)


def closing(notes: Notes) -> bytes:
    """The end of a whole stream: the notes as one SSE comment, then the terminal marker."""
    if not notes:
        return TERMINAL_MARKER
    told = " ".join(f"{NOTE_PREFIX}{name}={value}" for name, value in notes)
    # A line end within a note would begin another line of the stream.
    return b": " + told.replace("\r", " ").replace("\n", " ").encode() + b"\n\n" + TERMINAL_MARKER


def usage_body(usage: Usage | None) -> dict[str, Any]:
    """Anthropic's `input_tokens` leaves out what was read from a cache. Zeros where nobody counted: the fields are not optional."""
    told = usage or Usage()
    body: dict[str, Any] = {
        "input_tokens": told.input_tokens - told.cached_input_tokens - told.cache_written_tokens,
        "cache_creation_input_tokens": told.cache_written_tokens,
        "cache_read_input_tokens": told.cached_input_tokens,
        "output_tokens": told.output_tokens,
    }
    if told.cache_kept_tokens:
        short = told.cache_written_tokens - told.cache_kept_tokens
        body["cache_creation"] = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": told.cache_kept_tokens}
    if told.reasoning_tokens:
        body["output_tokens_details"] = {"thinking_tokens": told.reasoning_tokens}
    return body


class Place(msgspec.Struct):
    """Where a stream stands among its content blocks: how many began, and what the open one is (`call` counts tool calls from 0)."""

    begun: int = 0
    kind: str = ""
    call: int = -1
    calls: dict[int, int] = {}


class MessageWriter:
    """Implements shapes.DeltaWriter: deltas of any provider as the events of a message.

    `began` and `place` are given where the stream was begun already, by frames that passed as they were. Blocks stand one after the
    other; a part of an earlier tool call that comes late names that call's block.
    """

    __slots__ = ("_began", "_finished", "_late_calls", "_place", "_refusal", "_usage")

    def __init__(self, began: Began | None = None, place: Place | None = None) -> None:
        self._began = began
        self._place = place or Place()
        # A provider that goes on with an answer counts its tool calls anew.
        self._late_calls = len(self._place.calls)
        self._finished = Finished("")
        self._refusal: list[str] = []
        self._usage: Usage | None = None

    def write(self, delta: Delta) -> bytes:
        match delta:
            case Began():
                return self._begin(delta)
            case TextAdded():
                return self._block("text", {"text": ""}) + self._delta("text_delta", text=delta.text)
            case CallBegan():
                call = {"id": delta.id, "name": delta.name, "input": {}}
                return self._block("tool_use", call, self._late_calls + delta.index)
            case ArgumentsAdded():
                index = self._place.calls.get(self._late_calls + delta.index)
                return self._delta("input_json_delta", index, partial_json=delta.text) if index is not None else b""
            case ThoughtAdded():
                return self._block("thinking", {"thinking": "", "signature": ""}) + self._delta("thinking_delta", thinking=delta.text)
            case ThoughtSigned():
                signed = self._block("thinking", {"thinking": "", "signature": ""})
                return signed + self._delta("signature_delta", signature=delta.signature) + self._stop()
            case ThoughtSealed():
                return self._block("redacted_thinking", {"data": delta.data}) + self._stop()
            case RefusalAdded():
                self._refusal.append(delta.text)
            case Finished():
                self._finished = delta
            case UsageReported():
                self._usage = delta.usage
            case Ended():
                return self._end()
            case _:
                # What only callers of the provider's own dialect can take; failures are the relay's.
                pass
        return b""

    def finish(self, notes: Notes) -> bytes:
        return closing(notes)

    def fail(self, fault: Fault, invocation: str) -> bytes:
        return error_event(fault, invocation)

    def _begin(self, began: Began) -> bytes:
        """Once: a provider that goes on with an answer begins one of its own; the caller's has begun.

        What the input comes to is not known yet; the event at the end says it."""
        if self._began is not None:
            return b""
        self._began = began
        message = _message(began.id, began.model)
        message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage_body(None)}
        return _event("message_start", {"message": message})

    def _block(self, kind: str, block: dict[str, Any], call: int = -1) -> bytes:
        """The start of a block, unless one of this kind is open."""
        place = self._place
        if place.kind == kind and call == -1:
            return b""
        told = (b"" if self._began is not None else self._begin(Began("", ""))) + self._stop()
        index = place.begun
        place.begun += 1
        place.kind, place.call = kind, call
        if call >= 0:
            place.calls[call] = index
        return told + _event("content_block_start", {"index": index, "content_block": {"type": kind, **block}})

    def _delta(self, kind: str, index: int | None = None, **told: str) -> bytes:
        if index is None:
            index = self._place.begun - 1
        return _event("content_block_delta", {"index": index, "delta": {"type": kind, **told}})

    def _stop(self) -> bytes:
        if not self._place.kind:
            return b""
        self._place.kind = ""
        return _event("content_block_stop", {"index": self._place.begun - 1})

    def _end(self) -> bytes:
        """The end of the last block, then how the answer ended and what it used, which is one event of this API."""
        begun = b"" if self._began is not None else self._begin(Began("", ""))
        delta = _ending(self._finished, "".join(self._refusal))
        return begun + self._stop() + _event("message_delta", {"delta": delta, "usage": usage_body(self._usage)})


def _message(answer: str, model: str) -> dict[str, Any]:
    return {"id": answer, "type": "message", "role": "assistant", "model": model}


def _ending(finished: Finished, refusal: str) -> dict[str, Any]:
    if finished.stop_sequence:
        return {"stop_reason": "stop_sequence", "stop_sequence": finished.stop_sequence}
    refused = refusal or finished.finish == "content_filter"
    told: dict[str, Any] = {"stop_reason": "refusal" if refused else STOP_REASONS[finished.finish], "stop_sequence": None}
    if refused:
        told["stop_details"] = {"type": "refusal", "category": None, "explanation": refusal or None}
    return told


def _thought(thought: Thinking) -> dict[str, Any]:
    if thought.redacted:
        return {"type": "redacted_thinking", "data": thought.redacted}
    return {"type": "thinking", "thinking": thought.text, "signature": thought.signature}


def _input(arguments: str) -> dict[str, msgspec.Raw]:
    """The arguments as the object that the API always gives: empty where a model wrote no whole object."""
    try:
        return _decode_input(arguments) if arguments.strip() else {}
    except BODY_ERRORS:
        return {}
