"""Reads an OpenAI stream, and those of providers that serve the same API, into canonical deltas. The terminal marker is `[DONE]` only.

Of several choices the first is canonical. What providers do differently with tool calls and names stands in `chunks`.
"""

from orchvynt.dialects.deltas import LAST, Began, Delta, Ended, Failed, Finished, TextAdded, UsageReported
from orchvynt.dialects.frames import EventFrames, FrameTooLargeError, event_data
from orchvynt.dialects.openai_chat.chunks import DONE, ChunkError, ToldParts, read_chunk
from orchvynt.dialects.openai_chat.ends import canonical_finish, usage_from
from orchvynt.dialects.openai_chat.logprobs import chunk_logprobs
from orchvynt.dialects.openai_chat.wire import ChunkBody, ChunkChoice, FirstChunkBody, UnmeteredChunkBody, seconds_from
from orchvynt.dialects.opening import CUT, STREAM_STATUS, Opening
from orchvynt.dialects.outcomes import malformed
from orchvynt.model.usage import Usage


class OpenAIReader:
    """Implements deltas.DeltaReader."""

    __slots__ = ("_began", "_counted", "_created_s", "_finished", "_frames", "_model", "_named", "_opening", "_parts", "_usage")

    def __init__(self) -> None:
        self._opening = Opening()
        self._frames = EventFrames()
        self._parts = ToldParts()
        self._named = False
        self._began = False
        self._model = ""
        self._created_s = 0
        self._finished = False
        self._usage: Usage | None = None
        self._counted = False

    def feed(self, data: bytes) -> list[Delta]:
        if not self._opening.is_open:
            data = self._opening.feed(data)
            if self._opening.failure is not None:
                return [Failed(self._opening.failure)]
        event = self._frames.lone(data)
        if event:
            return self._event(b"", event)
        deltas: list[Delta] = []
        try:
            for frame in self._frames.feed(data):
                deltas += self._event(*event_data(frame))
                if deltas and type(deltas[-1]) in LAST:
                    break
        except FrameTooLargeError as error:
            deltas.append(Failed(malformed(STREAM_STATUS, str(error))))
        return deltas

    def end_of_input(self) -> list[Delta]:
        if not self._opening.is_open:
            return [Failed(self._opening.end_of_input())]
        # The marker is whole even where the blank line after it is missing; of any other half frame nothing goes out.
        if event_data(self._frames.rest)[1].startswith(DONE):
            return self._end()
        return [Failed(CUT)]

    def _event(self, name: bytes, data: bytes) -> list[Delta]:
        if not data:
            return []
        if data.startswith(DONE):
            return self._end()
        try:
            chunk = read_chunk(name, data, self._named)
        except ChunkError as error:
            return [Failed(error.failure, by_event=error.by_event)]
        deltas: list[Delta] = []
        for choice in chunk.choices or ():
            if not choice.index:
                self._choice(choice, deltas)
        logprobs = chunk_logprobs(data)
        if logprobs:
            deltas = [TextAdded(delta.text, logprobs) if isinstance(delta, TextAdded) else delta for delta in deltas]
        told = chunk.usage if isinstance(chunk, ChunkBody) else None
        if told is not None:
            # A later count replaces an earlier one, an absurd one does not.
            self._usage = usage_from(told) or self._usage
            # Some providers count along with every chunk. Such a count is the whole one only when the answer is whole.
            if self._usage is not None and (self._finished or not chunk.choices):
                self._counted = True
                deltas.append(UsageReported(self._usage))
        if not isinstance(chunk, ChunkBody) or isinstance(chunk, FirstChunkBody):
            began = self._name(chunk, bool(deltas))
            if began is not None:
                deltas.insert(0, began)
        return deltas

    def _choice(self, choice: ChunkChoice, deltas: list[Delta]) -> None:
        if choice.delta is not None:
            deltas += self._parts.deltas(choice.delta)
        if choice.finish_reason:
            self._finished = True
            deltas.append(Finished(canonical_finish(choice.finish_reason, self._parts.has_calls)))

    def _name(self, chunk: FirstChunkBody | UnmeteredChunkBody, says_something: bool) -> Began | None:
        """The beginning: with the chunk that has an id, or nameless before the first content where none had one yet."""
        if self._named:
            return None
        self._model = chunk.model or self._model
        self._created_s = self._created_s or seconds_from(chunk.created)
        self._named = bool(chunk.id)
        if not self._named and (self._began or not says_something):
            return None
        self._began = True
        return Began(id=chunk.id or "", model=self._model, created_s=self._created_s)

    def _end(self) -> list[Delta]:
        if self._usage is None or self._counted:
            return [Ended()]
        return [UsageReported(self._usage), Ended()]
