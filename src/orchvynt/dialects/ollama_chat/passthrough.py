"""Relays a stream of Ollama's to a caller of the same API: the provider's own lines, byte for byte, and what can be learned from them.

Withheld are blank lines, error lines, log probabilities that the caller did not ask for, and the line with `done: true`: it is the
terminal marker.
"""

from orchvynt.dialects.deltas import Began, Collector, Delta, Ended, Failed
from orchvynt.dialects.hiding import NAME
from orchvynt.dialects.ollama_chat.errors import error_line
from orchvynt.dialects.ollama_chat.logprobs import without_logprobs
from orchvynt.dialects.ollama_chat.stream import OllamaReader, ReadLine
from orchvynt.dialects.ollama_chat.writing import LineWriter, PartWriter
from orchvynt.dialects.relaying import add_said, note
from orchvynt.dialects.shapes import Logprobs, Notes, Seen
from orchvynt.model.chat import Reply
from orchvynt.model.faults import Fault
from orchvynt.model.turns import Digest, Said


class LineRelay:
    """Implements shapes.Relay for a provider and a caller of this same wire format."""

    __slots__ = ("_began", "_collector", "_done", "_hides", "_part", "_reader", "_said", "_seen")

    def __init__(self, reader: OllamaReader, part: PartWriter, collect: bool, digest: bool = False, logprobs: Logprobs = "") -> None:
        self._hides = logprobs == "hidden"
        self._reader = reader
        self._part = part
        self._collector = Collector() if collect else None
        self._said = Said() if digest else None
        self._seen = Seen()
        self._began: Began | None = None
        self._done = b""

    @property
    def seen(self) -> Seen:
        return self._seen

    def feed(self, data: bytes) -> bytes:
        if self._seen.terminal or self._seen.failure is not None:
            return b""
        return b"".join([self._pass(line) for line in self._reader.read(data)])

    def end_of_input(self) -> bytes:
        if self._seen.terminal or self._seen.failure is not None:
            return b""
        return self._pass(self._reader.read_rest())

    def finish(self, notes: Notes) -> bytes:  # noqa: ARG002  # no line of this API has a place for notes
        """The provider's own last line."""
        return self._done

    def fail(self, fault: Fault, invocation: str) -> bytes:
        return error_line(fault, invocation)

    def reply(self) -> Reply:
        if self._collector is None:
            raise ValueError("this relay was made without collect")
        return self._collector.reply()

    def forget(self) -> None:
        self._collector = None

    def handover(self) -> LineWriter:
        return LineWriter(self._part, self._began)

    def said(self) -> Digest:
        if self._said is None:
            raise ValueError("this relay was made without digest")
        return self._said.digest()

    def _pass(self, read: ReadLine) -> bytes:
        """What of one line may go to the caller now: all of it, or nothing."""
        line, deltas = read
        for delta in deltas:
            self._take(delta)
        last = deltas[-1] if deltas else None
        if isinstance(last, Failed):
            return b""
        if self._hides and NAME in line:
            if all(isinstance(delta, Began) for delta in deltas):
                # It came for the sake of tokens whose text is held back; without them there would be no such line.
                return b""
            line = without_logprobs(line)
        if isinstance(last, Ended):
            self._done = line
            return b""
        return line

    def _take(self, delta: Delta) -> None:
        note(self._seen, delta)
        if isinstance(delta, Began):
            self._began = delta
        if self._collector is not None:
            self._collector.add(delta)
        if self._said is not None:
            add_said(self._said, delta, ids=False)
