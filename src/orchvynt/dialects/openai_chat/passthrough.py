"""Relays an OpenAI stream to an OpenAI caller: the provider's own frames, byte for byte, and what can be learned from them.

Withheld are the terminal marker, error events, and the usage chunk and log probabilities of a caller that did not ask for them; and
until the marker came, the frames that say how the answer ended. This is the hot path of streams: one typed decode a frame, nothing
written anew.
"""

import msgspec

from orchvynt.dialects.deltas import Began
from orchvynt.dialects.frames import FRAME_BYTES_MAX, EventFrames, FrameTooLargeError, event_data, is_void
from orchvynt.dialects.openai_chat.answers import told_bytes
from orchvynt.dialects.openai_chat.chunks import DONE, ChunkError, read_chunk
from orchvynt.dialects.openai_chat.collecting import ChunkCollector
from orchvynt.dialects.openai_chat.ends import finish_from, usage_from
from orchvynt.dialects.openai_chat.errors import error_event
from orchvynt.dialects.openai_chat.logprobs import chunk_logprobs, hidden_frame
from orchvynt.dialects.openai_chat.wire import ChunkBody, FirstChunkBody, Told, UnmeteredChunkBody, seconds_from, text_of
from orchvynt.dialects.openai_chat.writing import ChunkWriter, closing
from orchvynt.dialects.opening import CUT, STREAM_STATUS, Opening, cut_by
from orchvynt.dialects.outcomes import malformed
from orchvynt.dialects.shapes import Logprobs, Notes, Seen
from orchvynt.model.chat import Reply
from orchvynt.model.faults import Fault
from orchvynt.model.turns import Digest, Said
from orchvynt.model.usage import Usage


class PassthroughRelay:
    """Implements shapes.Relay for a provider and a caller of this same wire format."""

    __slots__ = (
        "_collector",
        "_created_s",
        "_ending",
        "_ending_bytes",
        "_ending_told",
        "_ends",
        "_frames",
        "_hides_usage",
        "_logprobs",
        "_opening",
        "_passed",
        "_said",
        "_seen",
        "_usage",
        "_waiting",
        "_wants_usage",
    )

    def __init__(self, wants_usage: bool, collect: bool, digest: bool = False, logprobs: Logprobs = "") -> None:
        self._logprobs = logprobs
        self._seen = Seen()
        self._usage: Usage | None = None
        self._wants_usage = wants_usage
        self._collector = ChunkCollector() if collect else None
        self._said = Said() if digest else None
        self._opening = Opening()
        self._frames = EventFrames()
        self._passed = True
        self._hides_usage = False
        self._created_s = 0
        # Frames with a finish reason and what follows them: they go out after the terminal marker has come, or never. Nothing
        # overtakes them: whatever comes of a choice with such a frame waits too, and the other choices go on.
        self._ending: list[bytes] = []
        self._ending_bytes = 0
        self._ending_told: list[Told] = []
        self._waiting: set[int] = set()
        self._ends = False

    @property
    def seen(self) -> Seen:
        return self._seen

    def feed(self, data: bytes) -> bytes:
        seen = self._seen
        if seen.terminal or seen.failure is not None:
            return b""
        if not self._opening.is_open:
            data = self._opening.feed(data)
            seen.failure = self._opening.failure
        else:
            event = self._frames.lone(data)
            if event and not event.startswith(DONE):
                self._hides_usage = self._ends = False
                self._passed = self._read(b"", event)
                if not self._passed:
                    return b""
                return self._given(data) if self._hides_usage or self._ends or self._logprobs else data
        passed: list[bytes] = []
        try:
            for frame in self._frames.feed(data):
                if self._pass(frame):
                    passed.append(self._given(frame))
                if seen.terminal:
                    passed += self._ending
                if seen.terminal or seen.failure is not None:
                    break
        except FrameTooLargeError as error:
            seen.failure = malformed(STREAM_STATUS, str(error))
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def end_of_input(self) -> bytes:
        seen = self._seen
        if seen.terminal or seen.failure is not None:
            return b""
        if not self._opening.is_open:
            seen.failure = self._opening.end_of_input()
        elif event_data(self._frames.rest)[1].startswith(DONE):
            # The marker is whole even where the blank line after it is missing; of any other half frame nothing goes out.
            self._end()
            return b"".join(self._ending)
        else:
            seen.failure = CUT
        return b""

    def finish(self, notes: Notes) -> bytes:
        return closing(notes)

    def fail(self, fault: Fault, invocation: str) -> bytes:
        return error_event(fault, invocation)

    def reply(self) -> Reply:
        if self._collector is None:
            raise ValueError("this relay was made without collect")
        return self._collector.reply(self._seen, self._created_s)

    def forget(self) -> None:
        self._collector = None

    def handover(self) -> ChunkWriter:
        seen = self._seen
        return ChunkWriter(self._wants_usage, Began(seen.response_id, seen.response_model, self._created_s))

    def said(self) -> Digest:
        if self._said is None:
            raise ValueError("this relay was made without digest")
        return self._said.digest()

    def _pass(self, frame: bytes) -> bool:
        """Looks into one frame. Whether it goes to the caller."""
        name, data = event_data(frame)
        self._hides_usage = self._ends = False
        if not data:
            # A frame of nothing but line ends goes where its predecessor went; comments and other fields pass.
            self._passed = (self._passed or bool(frame.strip(b"\r\n"))) and not is_void(frame)
            self._ends = bool(self._ending)
        elif data.startswith(DONE):
            self._end()
            self._passed = False
        else:
            self._passed = self._read(name, data)
        return self._passed

    def _given(self, frame: bytes) -> bytes:
        """What of a frame that passes goes out now: without the count that the caller did not ask for, and nothing of what must wait."""
        if self._hides_usage:
            frame = _without_usage(frame)
        if self._logprobs == "hidden":
            frame = hidden_frame(frame, event_data(frame)[1])
        if not self._ends:
            return frame
        self._ending.append(frame)
        self._ending_bytes += len(frame)
        if self._ending_bytes > FRAME_BYTES_MAX:
            self._seen.failure = malformed(STREAM_STATUS, str(FrameTooLargeError()))
        return b""

    def _end(self) -> None:
        self._seen.terminal = True
        if self._collector is not None:
            for told in self._ending_told:
                self._collector.add(told)
        # Some providers count along with every chunk. Such a count is the whole one only when the stream is whole.
        self._seen.usage = self._seen.usage or self._usage

    def _read(self, name: bytes, data: bytes) -> bool:
        seen = self._seen
        try:
            chunk = read_chunk(name, data, bool(seen.response_id))
        except ChunkError as error:
            # An error event, or a frame that cannot be read: neither goes to the caller.
            seen.failure = cut_by(error.failure) if error.by_event and seen.started else error.failure
            return False
        if type(chunk) is ChunkBody:
            usage = chunk.usage
        else:
            self._name(chunk)
            usage = chunk.usage if isinstance(chunk, ChunkBody) else None
        self._hides_usage = usage is not None and not self._wants_usage
        if usage is not None:
            # A later count replaces an earlier one, an absurd one does not.
            self._usage = usage_from(usage) or self._usage
            if not chunk.choices:
                self._ends = bool(self._ending)
                seen.usage = self._usage
                # We asked for this chunk; the caller sees it only if it asked too.
                return self._wants_usage
        for choice in chunk.choices or ():
            if choice.finish_reason:
                seen.finish = finish_from(choice.finish_reason)
                self._ends = True
            elif self._waiting and (choice.index or 0) in self._waiting:
                self._ends = True
            told = choice.delta
            if told is not None:
                count = told_bytes(told)
                if count:
                    seen.output_bytes += count
                    seen.alive = True
                    if not seen.started:
                        seen.started = bool(told.content or told.tool_calls or told.refusal or told.function_call or told.audio)
                if told.audio:
                    seen.audible = True
                # Of several choices the reply is the first.
                if self._collector is not None and not choice.index:
                    if self._ends:
                        self._ending_told.append(told)
                    else:
                        self._collector.add(told)
                if self._said is not None and not choice.index:
                    _add(self._said, told)
        if self._logprobs and self._collector is not None:
            self._collector.weigh(chunk_logprobs(data))
        if self._ends:
            self._waiting.update(choice.index or 0 for choice in chunk.choices or ())
        if usage is not None and seen.finish:
            seen.usage = self._usage
        return True

    def _name(self, chunk: ChunkBody | UnmeteredChunkBody) -> None:
        """The first chunk that says so names the answer."""
        seen = self._seen
        if seen.response_id or not isinstance(chunk, FirstChunkBody | UnmeteredChunkBody):
            return
        seen.response_id = chunk.id or ""
        seen.response_model = chunk.model or seen.response_model
        self._created_s = self._created_s or seconds_from(chunk.created)


def _add(said: Said, told: Told) -> None:
    if told.content:
        said.add(text_of(told.content))
    if told.refusal:
        said.add(told.refusal)
    for call in told.tool_calls or ():
        if call.id:
            said.call(call.id)


def _without_usage(frame: bytes) -> bytes:
    """The same chunk without the count that the caller did not ask for; all other values stay the provider's bytes."""
    fields = msgspec.json.decode(event_data(frame)[1], type=dict[str, msgspec.Raw])
    fields.pop("usage", None)
    return b"data: " + msgspec.json.encode(fields) + b"\n\n"
