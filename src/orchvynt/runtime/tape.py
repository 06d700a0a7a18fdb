"""What goes out under one idempotency key: one line towards the life, any number of callers behind it, each told all from the first byte.

The life sees a caller that does not leave, so its attempt runs to its end although whoever asked has timed out. It decides nothing.
"""

import sys
import traceback
from collections.abc import Callable
from typing import Final, Literal, Protocol

from orchvynt.model.invocation import Idempotency
from orchvynt.ports.caller import CallerLine, Headers, SharedHeaders

# What one write to a caller who comes late, or reads slowly, takes up at least.
REPLAYED_BYTES: Final = 65_536

End = Literal["", "answered", "ended", "aborted", "lost"]


class Room:
    """How many bytes one tape may keep of its answer, and all together of streams under way."""

    def __init__(self, answer_bytes_max: int, bytes_max: int) -> None:
        self.answer_bytes_max = answer_bytes_max
        self.bytes_max = bytes_max
        self.used = 0

    def take(self, count: int) -> bool:
        """False, and nothing is taken, where there is no room for so many."""
        if self.used + count > self.bytes_max:
            return False
        self.used += count
        return True

    def give_back(self, count: int) -> None:
        self.used -= count


class Keeper(Protocol):
    """Who answers for the tapes of all keys."""

    def ended(self, tape: "Tape") -> None:
        """The last word was said, and no caller has it yet."""
        ...

    def deserted(self, tape: "Tape") -> None:
        """No caller listens any more; the answer is still under way."""
        ...


class _Listener:
    """One caller; `at` is the part that it gets next."""

    __slots__ = ("at", "full", "line", "request_id", "started")

    def __init__(self, line: CallerLine, request_id: str) -> None:
        self.line = line
        self.request_id = request_id
        self.at = 0
        self.full = False
        self.started = False


class Tape:
    """Implements ports.caller.CallerLine. `replayable` until a stream outgrows its bounds: then it flows to who listens, and nobody
    can join it any more. `headers` are those that every caller is told; a caller's own `x-request-id` comes beside them."""

    __slots__ = (
        "_due",
        "_keeper",
        "_listeners",
        "_paused",
        "_room",
        "_soon",
        "_taken",
        "content_type",
        "end_of",
        "headers",
        "inv",
        "key",
        "on_drained",
        "on_full",
        "on_gone",
        "parts",
        "replayable",
        "size",
        "status",
        "streamed",
    )

    def __init__(self, key: Idempotency, inv: str, room: Room, soon: Callable[[Callable[[], None]], object], keeper: Keeper) -> None:
        self.key = key
        self.inv = inv
        self.status = 0
        self.headers: tuple[tuple[str, str], ...] = ()
        self.content_type = ""
        self.streamed = False
        self.parts: list[bytes] = []
        self.size = 0
        self.end_of: End = ""
        self.replayable = True
        self.on_gone: Callable[[], None] | None = None
        self.on_full: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self._room = room
        self._soon = soon
        self._keeper = keeper
        self._listeners: list[_Listener] = []
        self._taken = 0
        self._due = False
        self._paused = False

    @property
    def gone(self) -> bool:
        return self.end_of == "lost"

    @property
    def deserted(self) -> bool:
        return not self._listeners

    def listen(self, line: CallerLine, request_id: str) -> None:
        """One more caller: it gets what went out so far, then what follows."""
        listener = _Listener(line, request_id)
        self._listeners.append(listener)
        line.on_gone = lambda: self._left(listener)
        line.on_full = lambda: self._filled(listener)
        line.on_drained = lambda: self._drained(listener)
        if self.streamed:
            self._come_due()

    def lose(self) -> None:
        """Nobody wants this any more: the life hears that its caller has gone."""
        if not self.end_of:
            self.end_of = "lost"
            self._let_go()
            if self.on_gone is not None:
                self.on_gone()

    def answer(
        self, status: int, headers: Headers, body: bytes, content_type: str = "application/json", shared: SharedHeaders = ()
    ) -> None:
        if self.end_of:
            return
        self.status, self.headers, self.content_type = status, (*shared, *headers), content_type
        self.parts, self.size = [body], len(body)
        self.replayable = self.size <= self._room.answer_bytes_max
        self._end("answered")

    def start(self, status: int, headers: Headers, content_type: str) -> None:
        if not self.end_of:
            self.status, self.headers, self.content_type = status, tuple(headers), content_type
            self.streamed = True
            self._come_due()

    def write(self, data: bytes) -> None:
        if self.end_of or not data:
            return
        self.parts.append(data)
        self.size += len(data)
        if self.replayable:
            if self.size <= self._room.answer_bytes_max and self._room.take(len(data)):
                self._taken += len(data)
            else:
                self.replayable = False
                self._let_go()
                if self.deserted:
                    self._keeper.deserted(self)
        self._come_due()

    def end(self) -> None:
        self._end("ended")

    def abort(self) -> None:
        self._end("aborted")

    def _end(self, how: End) -> None:
        if self.end_of:
            return
        self.end_of = how
        # INVARIANT: what is kept of an answer is in the journal before a caller has all of it.
        self._keeper.ended(self)
        self._tell_all()
        if self.deserted:
            self._let_go()

    def _come_due(self) -> None:
        """Callers are told at the end of this turn of the loop: the last bytes of a stream and its end are said in one turn."""
        if not self._due:
            self._due = True
            self._soon(self._tell_all)

    def _tell_all(self) -> None:
        self._due = False
        for listener in list(self._listeners):
            try:
                self._tell(listener)
            except Exception:  # noqa: BLE001 - a loop top: one line that fails is cut, and the others still hear
                sys.stderr.write(f"orchvynt: a caller of {self.inv} could not be told\n{traceback.format_exc()}")
                self._forget(listener)
                listener.line.abort()
        self._shorten()

    def _tell(self, listener: _Listener) -> None:
        """All that one caller can take now. Its line may say from within that it is full, or drained."""
        line = listener.line
        if line.gone:
            self._forget(listener)
            return
        if self.end_of == "answered":
            self._forget(listener)
            headers = self._headers_for(listener)
            line.answer(self.status, headers, self.parts[0], self.content_type)
            return
        if self.streamed and not listener.started:
            listener.started = True
            line.start(self.status, self._headers_for(listener), self.content_type)
        while listener.at < len(self.parts) and not listener.full and not line.gone:
            line.write(self._next(listener))
        if self.end_of and listener.at == len(self.parts) and listener in self._listeners:
            self._forget(listener)
            if self.end_of == "ended":
                line.end()
            else:
                line.abort()

    def _next(self, listener: _Listener) -> bytes:
        """The parts that follow, of a handy size together."""
        start, size = listener.at, 0
        while listener.at < len(self.parts) and size < REPLAYED_BYTES:
            size += len(self.parts[listener.at])
            listener.at += 1
        return self.parts[start] if listener.at == start + 1 else b"".join(self.parts[start : listener.at])

    def _headers_for(self, listener: _Listener) -> Headers:
        return (*self.headers, ("x-request-id", listener.request_id)) if listener.request_id else self.headers

    def _shorten(self) -> None:
        """What is not to be replayed is dropped as soon as everybody has it; the slowest caller sets the pace."""
        if self.replayable or not self.streamed:
            return
        had = min((listener.at for listener in self._listeners), default=len(self.parts))
        del self.parts[:had]
        for listener in self._listeners:
            listener.at -= had
        full = any(listener.full for listener in self._listeners)
        if full and not self._paused and self.on_full is not None:
            self._paused = True
            self.on_full()
        elif self._paused and not full:
            self._paused = False
            if self.on_drained is not None:
                self.on_drained()

    def _filled(self, listener: _Listener) -> None:
        listener.full = True

    def _drained(self, listener: _Listener) -> None:
        listener.full = False
        self._come_due()

    def _left(self, listener: _Listener) -> None:
        self._forget(listener)
        if self._listeners:
            self._come_due()
        elif self.end_of:
            self._let_go()
        else:
            self._keeper.deserted(self)

    def _forget(self, listener: _Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        line = listener.line
        line.on_gone = line.on_full = line.on_drained = None
        if self.end_of and not self._listeners:
            self._let_go()

    def _let_go(self) -> None:
        self._room.give_back(self._taken)
        self._taken = 0
