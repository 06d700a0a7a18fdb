"""Writes answers to callers of Ollama's APIs: whole, as a whole stream, or delta by delta. `part` knows which API.

How long an answer took is left out: nothing here knows it, and the fields are optional.
"""

from collections.abc import Callable, Sequence
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
    ThoughtAdded,
    UsageReported,
    deltas_of,
)
from orchvynt.dialects.ollama_chat.errors import error_line
from orchvynt.dialects.ollama_chat.wire import instant_text
from orchvynt.dialects.shapes import Notes
from orchvynt.dialects.translation import logprobs_told
from orchvynt.model.chat import Finish, Reply, TokenLogprob, ToolCall
from orchvynt.model.faults import Fault
from orchvynt.model.usage import Usage

MALFORMED_ARGUMENTS: Final = "malformed_arguments"
"""Arguments are an object in this API. A model's text that is none stands in one under this name, so that no tool takes it for a call
without arguments."""

REASONS: Final[dict[Finish, str]] = {"stop": "stop", "tool_calls": "stop", "length": "length", "content_filter": "content_filter"}
PARAGRAPH: Final = "\n\n"
"""Between what a model said and its refusal."""

PartWriter = Callable[[str, str, Sequence[ToolCall]], dict[str, Any]]

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def chat_part(content: str, thinking: str, calls: Sequence[ToolCall]) -> dict[str, Any]:
    """Where `/api/chat` has what a model wrote."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = [_call(call, index) for index, call in enumerate(calls)]
    return {"message": message}


def generate_part(content: str, thinking: str, calls: Sequence[ToolCall]) -> dict[str, Any]:
    """Where `/api/generate` has it."""
    told: dict[str, Any] = {"response": content}
    if thinking:
        told["thinking"] = thinking
    if calls:
        told["tool_calls"] = [_call(call, index) for index, call in enumerate(calls)]
    return told


def write_answer(part: PartWriter, reply: Reply) -> bytes:
    """A whole answer. The same reply gives the same bytes. A refusal is text here, a paragraph of its own."""
    thinking = "".join([thought.text for thought in reply.thoughts])
    refusal = PARAGRAPH + reply.refusal if reply.text and reply.refusal else reply.refusal
    said = part(reply.text + refusal, thinking, reply.tool_calls)
    return _encode(_named(reply.model, reply.created_s) | said | _done(reply.finish, reply.usage) | _logprobs(reply.logprobs))


def write_stream(part: PartWriter, reply: Reply, notes: Notes) -> bytes:
    """The same answer as lines, with everything that a live stream has."""
    writer = LineWriter(part)
    return b"".join([writer.write(delta) for delta in deltas_of(reply)]) + writer.finish(notes)


class LineWriter:
    """Implements shapes.DeltaWriter: deltas of any provider as lines of JSON, the last with `done: true`.

    Tool calls are whole in this API, so they wait for the provider's terminal marker; of an attempt that broke off none goes out.
    `began` is given where the stream was begun already, by lines that passed as they were.
    """

    __slots__ = ("_arguments", "_calls", "_finish", "_is_begun", "_named", "_part", "_spoke", "_usage")

    def __init__(self, part: PartWriter, began: Began | None = None) -> None:
        self._part = part
        # What every line begins with; an instant is not written anew for each.
        self._named = _named(began.model, began.created_s) if began else _named("", 0)
        self._is_begun = began is not None
        self._calls: dict[int, CallBegan] = {}
        self._arguments: dict[int, list[str]] = {}
        self._finish: Finish = ""
        self._usage: Usage | None = None
        # Whether the latest line was the model's text.
        self._spoke = False

    def write(self, delta: Delta) -> bytes:
        match delta:
            case TextAdded():
                self._spoke = True
                return self._line(self._part(delta.text, "", ()) | _logprobs(delta.logprobs))
            case RefusalAdded():
                apart, self._spoke = PARAGRAPH if self._spoke else "", False
                return self._line(self._part(apart + delta.text, "", ()))
            case ThoughtAdded():
                return self._line(self._part("", delta.text, ()))
            case ArgumentsAdded():
                self._arguments.setdefault(delta.index, []).append(delta.text)
            case CallBegan():
                self._calls.setdefault(delta.index, delta)
            case Began():
                self._begin(delta)
            case Finished():
                self._finish = delta.finish
            case UsageReported():
                self._usage = delta.usage
            case Ended() if self._calls:
                return self._line(self._part("", "", self._whole_calls()))
            case _:
                # Failures are the relay's.
                pass
        return b""

    def finish(self, notes: Notes) -> bytes:  # noqa: ARG002  # no line of this API has a place for notes
        """The line that says that the answer is whole, how it ended and what was used, if somebody knows."""
        return _encode(self._named | self._part("", "", ()) | _done(self._finish, self._usage)) + b"\n"

    def fail(self, fault: Fault, invocation: str) -> bytes:
        return error_line(fault, invocation)

    def _begin(self, began: Began) -> None:
        """A provider that goes on with an answer begins one of its own; the caller's has begun."""
        if not self._is_begun:
            self._named = _named(began.model, began.created_s)
            self._is_begun = True
        self._calls.clear()
        self._arguments.clear()

    def _whole_calls(self) -> list[ToolCall]:
        return [ToolCall(call.id, call.name, "".join(self._arguments.get(index, ()))) for index, call in sorted(self._calls.items())]

    def _line(self, part: dict[str, Any]) -> bytes:
        return _encode(self._named | part | {"done": False}) + b"\n"


def _named(model: str, created_s: int) -> dict[str, Any]:
    return {"model": model, "created_at": instant_text(created_s)}


def _done(finish: Finish, usage: Usage | None) -> dict[str, Any]:
    told: dict[str, Any] = {"done": True}
    if finish:
        told["done_reason"] = REASONS[finish]
    if usage is not None:
        told |= {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens}
    return told


def _logprobs(told: tuple[TokenLogprob, ...]) -> dict[str, Any]:
    return {"logprobs": logprobs_told(told)} if told else {}


def _call(call: ToolCall, index: int) -> dict[str, Any]:
    told: dict[str, Any] = {"id": call.id} if call.id else {}
    return told | {"function": {"index": index, "name": call.name, "arguments": _arguments(call.arguments)}}


def _arguments(text: str) -> object:
    if not text.strip():
        return {}
    try:
        return _decode_object(text)
    except (msgspec.MsgspecError, RecursionError):
        return {MALFORMED_ARGUMENTS: text}
