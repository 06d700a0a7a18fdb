"""Writes answers to callers of the chat completions API: whole, as a whole stream, or delta by delta."""

from typing import Any, Final

import msgspec

from orchvynt.dialects.deltas import (
    ArgumentsAdded,
    Began,
    CallBegan,
    Delta,
    Ended,
    Finished,
    RefusalAdded,
    TextAdded,
    UsageReported,
    deltas_of,
)
from orchvynt.dialects.openai_chat.errors import error_event
from orchvynt.dialects.shapes import Notes
from orchvynt.dialects.translation import logprobs_told
from orchvynt.model.chat import Finish, Reply, TokenLogprob
from orchvynt.model.faults import Fault
from orchvynt.model.usage import Usage

TERMINAL_MARKER: Final = b"data: [DONE]\n\n"
NOTE_PREFIX: Final = "x-orchvynt-"

_encode = msgspec.json.Encoder().encode


def write_answer(reply: Reply) -> bytes:
    """`chat.completion`. The same reply gives the same bytes."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": reply.refusal or None}
    if not reply.text and (reply.tool_calls or reply.refusal):
        message["content"] = None
    if reply.tool_calls:
        message["tool_calls"] = [{"id": call.id, **_called(call.custom, call.name, call.arguments)} for call in reply.tool_calls]
    body: dict[str, Any] = {
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created_s,
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "logprobs": logprobs_body(reply.logprobs), "finish_reason": reply.finish or None}],
    }
    if reply.usage is not None:
        body["usage"] = usage_body(reply.usage)
    return _encode(body)


def write_stream(reply: Reply, wants_usage: bool, notes: Notes) -> bytes:
    """The same answer as chunks, with everything that a live stream has: role first, finish, usage if asked for, notes, marker."""
    writer = ChunkWriter(wants_usage)
    return b"".join(writer.write(delta) for delta in deltas_of(reply)) + writer.finish(notes)


def closing(notes: Notes) -> bytes:
    """The end of a whole stream: the notes as one SSE comment, then the terminal marker."""
    if not notes:
        return TERMINAL_MARKER
    told = " ".join(f"{NOTE_PREFIX}{name}={value}" for name, value in notes)
    # A line end within a note would begin another line of the stream.
    return b": " + told.replace("\r", " ").replace("\n", " ").encode() + b"\n\n" + TERMINAL_MARKER


def logprobs_body(told: tuple[TokenLogprob, ...]) -> dict[str, Any] | None:
    """`choices[].logprobs`. The tokens of a refusal are the refusing provider's own affair: no other API gives them."""
    if not told:
        return None
    return {"content": logprobs_told(told), "refusal": None}


def _called(custom: bool, name: str, text: str) -> dict[str, Any]:
    """What is called, as the API writes calls of functions and of custom tools."""
    if custom:
        return {"type": "custom", "custom": {"name": name, "input": text}}
    return {"type": "function", "function": {"name": name, "arguments": text}}


def usage_body(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


class ChunkWriter:
    """Implements shapes.DeltaWriter: deltas of any provider as `chat.completion.chunk` events.

    `began` is given where the stream was begun already, by frames that passed as they were.
    """

    __slots__ = ("_began", "_custom", "_finish", "_role_due", "_usage", "_wants_usage")

    def __init__(self, wants_usage: bool, began: Began | None = None) -> None:
        self._wants_usage = wants_usage
        self._began = began or Began(id="", model="")
        self._role_due = began is None
        self._custom: set[int] = set()
        self._finish: Finish = ""
        self._usage: Usage | None = None

    def write(self, delta: Delta) -> bytes:
        match delta:
            case TextAdded():
                return self._chunk({"content": delta.text}, logprobs=delta.logprobs)
            case ArgumentsAdded():
                part = {"custom": {"input": delta.text}} if delta.index in self._custom else {"function": {"arguments": delta.text}}
                return self._chunk({"tool_calls": [{"index": delta.index, **part}]})
            case CallBegan():
                if delta.custom:
                    self._custom.add(delta.index)
                return self._chunk({"tool_calls": [{"index": delta.index, "id": delta.id, **_called(delta.custom, delta.name, "")}]})
            case RefusalAdded():
                return self._chunk({"refusal": delta.text})
            case Finished():
                self._finish = delta.finish
            case Ended():
                return self._chunk({}, self._finish) if self._finish else b""
            case Began() if self._role_due:
                # A provider that goes on with an answer begins one of its own; the caller's has begun.
                self._began = delta
            case UsageReported():
                self._usage = delta.usage
            case _:
                # Thoughts are no content for callers of this API; failures are the relay's.
                pass
        return b""

    def finish(self, notes: Notes) -> bytes:
        """The chunk without choices that says what was used, if the caller asked and somebody knows; notes and marker."""
        if self._usage is None or not self._wants_usage:
            return closing(notes)
        return self._event([], usage_body(self._usage)) + closing(notes)

    def fail(self, fault: Fault, invocation: str) -> bytes:
        return error_event(fault, invocation)

    def _chunk(self, told: dict[str, Any], finish: str | None = None, logprobs: tuple[TokenLogprob, ...] = ()) -> bytes:
        if self._role_due:
            self._role_due = False
            told = {"role": "assistant", **told}
        return self._event([{"index": 0, "delta": told, "logprobs": logprobs_body(logprobs), "finish_reason": finish or None}])

    def _event(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        body: dict[str, Any] = {
            "id": self._began.id,
            "object": "chat.completion.chunk",
            "created": self._began.created_s,
            "model": self._began.model,
            "choices": choices,
        }
        if usage is not None:
            body["usage"] = usage
        return b"data: " + _encode(body) + b"\n\n"
