"""Reads Ollama's newline-delimited JSON into canonical deltas. The terminal marker is the line with `done: true`."""

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.deltas import (
    ArgumentsAdded,
    Began,
    CallBegan,
    Delta,
    Ended,
    Failed,
    Finished,
    TextAdded,
    ThoughtAdded,
    UsageReported,
)
from orchvynt.dialects.frames import FrameTooLargeError, LineFrames
from orchvynt.dialects.ollama_chat.wire import ChatLine, answer_id, arguments_text, call_id, created_seconds, finish_from, usage_from
from orchvynt.dialects.opening import CUT, STREAM_STATUS
from orchvynt.dialects.outcomes import failure_from_error, malformed
from orchvynt.dialects.translation import logprobs_from
from orchvynt.model.chat import TokenLogprob

_decode = msgspec.json.Decoder(ChatLine).decode


class OllamaReader:
    """Implements deltas.DeltaReader."""

    __slots__ = ("_calls", "_id", "_lines", "_logprobs")

    def __init__(self) -> None:
        self._lines = LineFrames()
        self._id = ""
        self._calls = 0
        # Of tokens whose text Ollama holds back; they are of the next text, or of a thought.
        self._logprobs: tuple[TokenLogprob, ...] = ()

    def feed(self, data: bytes) -> list[Delta]:
        deltas: list[Delta] = []
        try:
            for line in self._lines.feed(data):
                deltas += self._line(line)
                if deltas and isinstance(deltas[-1], Ended | Failed):
                    break
        except FrameTooLargeError as error:
            deltas.append(Failed(malformed(STREAM_STATUS, str(error))))
        return deltas

    def end_of_input(self) -> list[Delta]:
        """The last line may lack its line end; if it can be read it counts."""
        rest = self._lines.rest.strip()
        if not rest:
            return [Failed(CUT if self._id else malformed(STREAM_STATUS, "the provider answered with an empty body"))]
        deltas = self._line(rest)
        last = deltas[-1] if deltas else None
        if isinstance(last, Ended) or (isinstance(last, Failed) and (last.by_event or not self._id)):
            return deltas
        # Half a line, or a whole one that is not the last: of neither does anything go to the caller.
        return [Failed(CUT)]

    def _line(self, line: bytes) -> list[Delta]:
        try:
            if not line.isascii():
                line.decode()
            told = _decode(line)
        except BODY_ERRORS as error:
            return [Failed(malformed(STREAM_STATUS, f"a line of the stream cannot be read: {error}"))]
        if told.error and bytes(told.error) != b"null":
            return [Failed(failure_from_error(told.error, STREAM_STATUS), by_event=True)]
        if told.message is None or told.done_reason in ("load", "unload"):
            return [Failed(malformed(STREAM_STATUS, "a line of the stream has no message"))]
        deltas: list[Delta] = []
        if not self._id:
            self._id = answer_id(line)
            deltas.append(Began(id=self._id, model=told.model or "", created_s=created_seconds(told.created_at)))
        if told.logprobs:
            self._logprobs += logprobs_from(told.logprobs)
        if told.message.thinking:
            self._logprobs = ()
            deltas.append(ThoughtAdded(told.message.thinking))
        if told.message.content:
            deltas.append(TextAdded(told.message.content, self._logprobs))
            self._logprobs = ()
        for call in told.message.tool_calls or ():
            index = self._calls
            self._calls += 1
            deltas.append(CallBegan(index=index, id=call.id or call_id(self._id, index), name=call.function.name))
            deltas.append(ArgumentsAdded(index=index, text=arguments_text(call.function.arguments)))
        if told.done:
            deltas += self._done(told)
        return deltas

    def _done(self, told: ChatLine) -> list[Delta]:
        deltas: list[Delta] = [Finished(finish_from(told.done_reason, self._calls > 0))]
        usage = usage_from(told)
        if usage is not None:
            deltas.append(UsageReported(usage))
        deltas.append(Ended())
        return deltas
