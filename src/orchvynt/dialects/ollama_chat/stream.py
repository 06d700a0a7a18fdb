"""Reads Ollama's newline-delimited JSON into canonical deltas. The terminal marker is the line with `done: true`."""

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.deltas import (
    LAST,
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
from orchvynt.dialects.ollama_chat.wire import (
    Line,
    LineDecoder,
    answer_id,
    arguments_text,
    call_id,
    created_seconds,
    decode_chat_line,
    finish_from,
    usage_from,
)
from orchvynt.dialects.opening import CUT, STREAM_STATUS
from orchvynt.dialects.outcomes import failure_from_error, malformed
from orchvynt.dialects.translation import logprobs_from
from orchvynt.model.chat import TokenLogprob

ReadLine = tuple[bytes, list[Delta]]
"""A line as it came, with its end, and what it says."""


class OllamaReader:
    """Implements deltas.DeltaReader. `decode` knows which of Ollama's APIs it is."""

    __slots__ = ("_calls", "_decode", "_id", "_lines", "_logprobs")

    def __init__(self, decode: LineDecoder = decode_chat_line) -> None:
        self._decode = decode
        self._lines = LineFrames()
        self._id = ""
        self._calls = 0
        # Of tokens whose text Ollama holds back; they are of the next text, or of a thought.
        self._logprobs: tuple[TokenLogprob, ...] = ()

    def feed(self, data: bytes) -> list[Delta]:
        return [delta for _, deltas in self.read(data) for delta in deltas]

    def end_of_input(self) -> list[Delta]:
        return self.read_rest()[1]

    def read(self, data: bytes) -> list[ReadLine]:
        """The lines that `data` completes, up to the one that ends the stream."""
        found: list[ReadLine] = []
        try:
            for line in self._lines.feed(data):
                deltas = self._line(line.strip())
                found.append((line, deltas))
                if deltas and type(deltas[-1]) in LAST:
                    break
        except FrameTooLargeError as error:
            found.append((b"", [Failed(malformed(STREAM_STATUS, str(error)))]))
        return found

    def read_rest(self) -> ReadLine:
        """The last line may lack its line end; if it can be read it counts."""
        line = self._lines.rest
        if not line.strip():
            return line, [Failed(CUT if self._id else malformed(STREAM_STATUS, "the provider answered with an empty body"))]
        deltas = self._line(line.strip())
        last = deltas[-1] if deltas else None
        if isinstance(last, Ended) or (isinstance(last, Failed) and (last.by_event or not self._id)):
            return line, deltas
        # Half a line, or a whole one that is not the last: of neither does anything go to the caller.
        return line, [Failed(CUT)]

    def _line(self, line: bytes) -> list[Delta]:
        try:
            if not line.isascii():
                line.decode()
            told = self._decode(line)
        except BODY_ERRORS as error:
            return [Failed(malformed(STREAM_STATUS, f"a line of the stream cannot be read: {error}"))]
        if told.error and bytes(told.error) != b"null":
            return [Failed(failure_from_error(told.error, STREAM_STATUS), by_event=True)]
        message = told.said()
        if message is None or told.done_reason in ("load", "unload"):
            return [Failed(malformed(STREAM_STATUS, "a line of the stream has no message"))]
        deltas: list[Delta] = []
        if not self._id:
            self._id = answer_id(line)
            deltas.append(Began(id=self._id, model=told.model or "", created_s=created_seconds(told.created_at)))
        if told.logprobs:
            self._logprobs += logprobs_from(told.logprobs)
        if message.thinking:
            self._logprobs = ()
            deltas.append(ThoughtAdded(message.thinking))
        if message.content:
            deltas.append(TextAdded(message.content, self._logprobs))
            self._logprobs = ()
        for call in message.tool_calls or ():
            index = self._calls
            self._calls += 1
            deltas.append(CallBegan(index=index, id=call.id or call_id(self._id, index), name=call.function.name))
            deltas.append(ArgumentsAdded(index=index, text=arguments_text(call.function.arguments)))
        if told.done:
            deltas += self._done(told)
        return deltas

    def _done(self, told: Line) -> list[Delta]:
        deltas: list[Delta] = [Finished(finish_from(told.done_reason, self._calls > 0))]
        usage = usage_from(told)
        if usage is not None:
            deltas.append(UsageReported(usage))
        deltas.append(Ended())
        return deltas
