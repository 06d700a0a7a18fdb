"""Relays an Anthropic stream to an Anthropic caller: the provider's own frames, byte for byte, and what can be learned from them.

Withheld are the terminal marker and error events; and until the marker came, the frames that say how the answer ended.
"""

from orchvynt.dialects.anthropic_messages.errors import error_event
from orchvynt.dialects.anthropic_messages.stream import AnthropicReader
from orchvynt.dialects.anthropic_messages.writing import MessageWriter, Place, closing
from orchvynt.dialects.deltas import LAST, Began, Collector, Delta, Ended, Finished, OtherAdded, RefusalAdded
from orchvynt.dialects.frames import FRAME_BYTES_MAX, EventFrames, FrameTooLargeError, is_void
from orchvynt.dialects.opening import STREAM_STATUS, Opening
from orchvynt.dialects.outcomes import malformed
from orchvynt.dialects.relaying import add_said, note
from orchvynt.dialects.shapes import Notes, Seen
from orchvynt.model.chat import Reply
from orchvynt.model.faults import Fault
from orchvynt.model.turns import Digest, Said


class MessageRelay:
    """Implements shapes.Relay for a provider and a caller of this same wire format."""

    __slots__ = ("_collector", "_ending", "_ending_bytes", "_frames", "_late", "_opening", "_passed", "_reader", "_said", "_seen")

    def __init__(self, collect: bool, digest: bool = False) -> None:
        self._seen = Seen()
        self._collector = Collector() if collect else None
        self._said = Said() if digest else None
        self._opening = Opening()
        self._frames = EventFrames()
        self._reader = AnthropicReader()
        self._passed = True
        # How the answer ended and what follows: it goes out after the terminal marker has come, or never.
        self._ending: list[bytes] = []
        self._ending_bytes = 0
        self._late: list[Delta] = []

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
        passed: list[bytes] = []
        try:
            for frame in self._frames.feed(data):
                self._take(frame, passed)
                if seen.terminal or seen.failure is not None:
                    break
        except FrameTooLargeError as error:
            seen.failure = malformed(STREAM_STATUS, str(error))
        return b"".join(passed)

    def end_of_input(self) -> bytes:
        seen = self._seen
        if seen.terminal or seen.failure is not None:
            return b""
        if not self._opening.is_open:
            seen.failure = self._opening.end_of_input()
            return b""
        for delta in self._reader.end_of(self._frames.rest):
            self._learn(delta)
        return b"".join(self._ending) if seen.terminal else b""

    def finish(self, notes: Notes) -> bytes:
        return closing(notes)

    def fail(self, fault: Fault, invocation: str) -> bytes:
        return error_event(fault, invocation)

    def reply(self) -> Reply:
        if self._collector is None:
            raise ValueError("this relay was made without collect")
        return self._collector.reply()

    def forget(self) -> None:
        self._collector = None

    def handover(self) -> MessageWriter:
        seen, reader = self._seen, self._reader
        if not reader.began:
            return MessageWriter()
        place = Place(reader.begun, reader.open_kind, calls={call: block for block, call in reader.calls.items()})
        return MessageWriter(Began(seen.response_id, seen.response_model), place)

    def said(self) -> Digest:
        if self._said is None:
            raise ValueError("this relay was made without digest")
        return self._said.digest()

    def _take(self, frame: bytes, passed: list[bytes]) -> None:
        """Looks into one frame, and passes it on, keeps it, or withholds it."""
        if not frame.strip(b"\r\n"):
            # A frame of nothing but line ends goes where its predecessor went.
            if self._passed:
                self._pass(frame, passed)
            return
        if b"{" not in frame and is_void(frame):
            self._passed = False
            return
        ends = False
        for delta in self._reader.frame(frame):
            ends = ends or type(delta) is Finished
            if type(delta) is RefusalAdded:
                # It stands in the same event as the stop reason.
                self._late.append(delta)
                continue
            self._learn(delta)
            if isinstance(delta, Ended):
                passed += self._ending
            if type(delta) in LAST:
                self._passed = False
                return
        if self._reader.is_void_ping(frame):
            # It means nothing, and no client should have to read it.
            self._passed = False
            return
        self._passed = True
        if ends:
            self._keep(frame)
        else:
            self._pass(frame, passed)

    def _learn(self, delta: Delta) -> None:
        seen = self._seen
        if isinstance(delta, Ended):
            for late in self._late:
                self._learn(late)
        note(seen, delta)
        if type(delta) is OtherAdded:
            # Here it is content like any other.
            seen.started = True
        if self._collector is not None:
            self._collector.add(delta)
        if self._said is not None:
            add_said(self._said, delta)

    def _pass(self, frame: bytes, passed: list[bytes]) -> None:
        if self._ending:
            self._keep(frame)
        else:
            passed.append(frame)

    def _keep(self, frame: bytes) -> None:
        self._ending.append(frame)
        self._ending_bytes += len(frame)
        if self._ending_bytes > FRAME_BYTES_MAX:
            raise FrameTooLargeError
