"""Reads the Messages API's event stream into canonical deltas. Pings and unknown events are not progress, and mean nothing."""

from typing import Final

import msgspec

from orchvynt.dialects.anthropic_messages.answers import refusal_text
from orchvynt.dialects.anthropic_messages.wire import Event, ToldUsage, finish_from, merged_usage, told_usage, usage_from
from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.deltas import (
    ArgumentsAdded,
    Began,
    CallBegan,
    Delta,
    Ended,
    Failed,
    Finished,
    RefusalAdded,
    TextAdded,
    ThoughtAdded,
    UsageReported,
)
from orchvynt.dialects.frames import EventFrames, FrameTooLargeError, event_data
from orchvynt.dialects.opening import CUT, STREAM_STATUS, Opening
from orchvynt.dialects.outcomes import failure_from_error, malformed

_decode = msgspec.json.Decoder(Event).decode
_EMPTY_INPUTS: Final = (b"", b"{}", b"null")


class AnthropicReader:
    """Implements deltas.DeltaReader."""

    __slots__ = ("_calls", "_frames", "_opening", "_silent", "_usage")

    def __init__(self) -> None:
        self._opening = Opening()
        self._frames = EventFrames()
        self._usage: ToldUsage | None = None
        # Which tool call (counted from 0) a content block is; blocks are counted with the text ones between.
        self._calls: dict[int, int] = {}
        # The calls of which no argument has come.
        self._silent: set[int] = set()

    def feed(self, data: bytes) -> list[Delta]:
        if not self._opening.is_open:
            data = self._opening.feed(data)
            if self._opening.failure is not None:
                return [Failed(self._opening.failure)]
        deltas: list[Delta] = []
        try:
            for frame in self._frames.feed(data):
                deltas += self._frame(frame)
                if deltas and isinstance(deltas[-1], Ended | Failed):
                    break
        except FrameTooLargeError as error:
            deltas.append(Failed(malformed(STREAM_STATUS, str(error))))
        return deltas

    def end_of_input(self) -> list[Delta]:
        if not self._opening.is_open:
            return [Failed(self._opening.end_of_input())]
        name, data = event_data(self._frames.rest)
        # The marker is whole even where the blank line after it is missing; of any other half frame nothing goes out.
        if name == b"message_stop" and data:
            return [Ended()]
        return [Failed(CUT)]

    def _frame(self, frame: bytes) -> list[Delta]:
        name, data = event_data(frame)
        if not data or name == b"ping":
            return []
        if name == b"error":
            return [Failed(failure_from_error(data, STREAM_STATUS), by_event=True)]
        try:
            if not data.isascii():
                data.decode()
            event = _decode(data)
        except BODY_ERRORS as error:
            return [Failed(malformed(STREAM_STATUS, f"an event of the stream cannot be read: {error}"))]
        match event.type:
            case "content_block_delta":
                return self._block_delta(event)
            case "content_block_start":
                return self._block_start(event)
            case "content_block_stop":
                return self._block_stop(event)
            case "message_start":
                message = event.message
                if message is None:
                    return []
                # It knows the input; the output only the last message_delta knows, so what is said here is no usage yet.
                self._usage = told_usage(message.usage)
                return [Began(id=message.id or "", model=message.model or "")]
            case "message_delta":
                return self._message_delta(event)
            case "message_stop":
                return [Ended()]
            case "error":
                return [Failed(failure_from_error(data, STREAM_STATUS), by_event=True)]
            case _:
                return []

    def _block_start(self, event: Event) -> list[Delta]:
        block = event.content_block
        if block is None:
            return []
        if block.type == "text":
            return [TextAdded(block.text)] if block.text else []
        if block.type == "thinking":
            return [ThoughtAdded(block.thinking)] if block.thinking else []
        if block.type != "tool_use":
            return []
        index = self._calls.setdefault(event.index or 0, len(self._calls))
        self._silent.add(index)
        deltas: list[Delta] = [CallBegan(index=index, id=block.id or "", name=block.name or "")]
        # Usually an empty object whose text follows in parts.
        whole = bytes(block.input)
        if whole not in _EMPTY_INPUTS:
            self._silent.discard(index)
            deltas.append(ArgumentsAdded(index=index, text=whole.decode()))
        return deltas

    def _block_stop(self, event: Event) -> list[Delta]:
        """A call of a tool without parameters sends no part of its arguments; they are an empty object all the same."""
        index = self._calls.get(event.index or 0)
        if index is None or index not in self._silent:
            return []
        self._silent.discard(index)
        return [ArgumentsAdded(index=index, text="{}")]

    def _block_delta(self, event: Event) -> list[Delta]:
        delta = event.delta
        if delta is None:
            return []
        if delta.text:
            return [TextAdded(delta.text)]
        if delta.partial_json:
            index = self._calls.get(event.index or 0)
            if index is None:
                return []
            self._silent.discard(index)
            return [ArgumentsAdded(index=index, text=delta.partial_json)]
        return [ThoughtAdded(delta.thinking)] if delta.thinking else []

    def _message_delta(self, event: Event) -> list[Delta]:
        deltas: list[Delta] = []
        if event.delta is not None and event.delta.stop_reason:
            refusal = refusal_text(event.delta.stop_reason, event.delta.stop_details.explanation if event.delta.stop_details else None)
            if refusal:
                deltas.append(RefusalAdded(refusal))
            deltas.append(Finished(finish_from(event.delta.stop_reason)))
        self._usage = merged_usage(self._usage, told_usage(event.usage))
        usage = usage_from(self._usage)
        if usage is not None:
            deltas.append(UsageReported(usage))
        return deltas
