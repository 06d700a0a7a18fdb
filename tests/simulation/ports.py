"""What stands between the machine and its world: journal, store, provider and callers, each of which can die with its process.

INVARIANT: after its death a process has no effect: every port of it refuses, and no loop runs it any more.
"""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from orchvynt.model.facts import AnyFact
from orchvynt.ports.caller import Headers, SharedHeaders
from orchvynt.ports.journal import Journal, JournalUnavailableError
from orchvynt.ports.upstream import Address, Upstream, UpstreamCall, UpstreamListener


class Killed(SystemExit):
    """`kill -9`: passes every `except Exception`, and ends the event loop at once."""


class Mortality:
    """Whether a process lives. `passes` is called at each boundary, and kills at the one that was chosen."""

    def __init__(self, boundary: str, nth: int, killed: Callable[[], None]) -> None:
        self.dead = False
        self.where = ""
        self._boundary = boundary
        self._left = nth
        self._killed = killed

    def passes(self, boundary: str) -> None:
        self.check()
        if boundary == self._boundary:
            self._left -= 1
            if self._left == 0:
                self.kill(boundary)

    def kill(self, where: str) -> None:
        self.dead, self.where = True, where
        self._killed()
        raise Killed

    def check(self) -> None:
        if self.dead:
            raise Killed


class MortalJournal:
    """Implements ports.journal.Journal over a real one. `full` says whether the disk is."""

    def __init__(
        self, inner: Journal, mortality: Mortality, full: Callable[[], bool], written: Callable[[Sequence[AnyFact]], None]
    ) -> None:
        self._inner = inner
        self._mortality = mortality
        self._full = full
        self._written = written

    def append(self, facts: Sequence[AnyFact]) -> None:
        self.append_all((facts,))

    def append_all(self, records: Sequence[Sequence[AnyFact]]) -> None:
        self._mortality.passes("append:before")
        if self._full():
            raise JournalUnavailableError("No space left on device")
        self._inner.append_all(records)
        for facts in records:
            if facts:
                self._written(facts)
        self._mortality.passes("append:after")


class MortalStore:
    """Implements ports.store.Store over a real one: each call is a boundary. `through` runs a coroutine of the store to its end."""

    def __init__(self, inner: Any, mortality: Mortality, through: Callable[[Any], Any] | None = None) -> None:
        self._inner = inner
        self._mortality = mortality
        self._through = through

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(method):
            # What it is, and what it has counted: nothing is done, so nobody dies of it.
            return method

        async def call(*given: Any, **named: Any) -> Any:
            self._mortality.passes("store")
            await asyncio.sleep(0)
            made = method(*given, **named)
            found = self._through(made) if self._through is not None else await made
            self._mortality.passes("apply" if name == "add_policy" else "store")
            return found

        return call


class MortalUpstream:
    """Implements ports.upstream.Upstream over the real client."""

    def __init__(self, inner: Upstream, mortality: Mortality) -> None:
        self._inner = inner
        self._mortality = mortality

    def send(
        self,
        address: Address,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        connect_ns: int,
        listener: UpstreamListener,
        shared: tuple[tuple[str, str], ...] = (),
        fresh: bool = False,
    ) -> UpstreamCall:
        self._mortality.passes("send:before")
        call = self._inner.send(address, path, headers, body, connect_ns, listener, shared, fresh)
        self._mortality.passes("send:after")
        return call


class SimulatedLine:
    """Implements ports.caller.CallerLine. `heard(how)` is called once, with the last word or with the caller's departure."""

    def __init__(self, mortality: Mortality, heard: Callable[["SimulatedLine", str], None]) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.over = False
        self.on_gone: Callable[[], None] | None = None
        self.on_full: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self._mortality = mortality
        self._heard: Final = heard

    @property
    def gone(self) -> bool:
        return self.over

    def answer(
        self, status: int, headers: Headers, body: bytes, content_type: str = "application/json", shared: SharedHeaders = ()
    ) -> None:
        self._mortality.passes("answer")
        if not self.over:
            self.status, self.headers, self.body = status, dict((*shared, *headers)), body
            self._end("answered")

    def start(self, status: int, headers: Headers, content_type: str) -> None:
        self._mortality.passes("answer")
        if not self.over:
            self.status, self.headers = status, dict(headers)

    def write(self, data: bytes) -> None:
        self._mortality.passes("data")
        if not self.over:
            self.body += data

    def end(self) -> None:
        self._mortality.passes("answer")
        if not self.over:
            self._end("ended")

    def abort(self) -> None:
        self._mortality.check()
        if not self.over:
            self._end("aborted")

    def leave(self) -> None:
        """The caller closes its connection."""
        if not self.over:
            self._end("left")
            if self.on_gone is not None:
                self.on_gone()

    def lose(self) -> None:
        """The process at the other end died."""
        if not self.over:
            self._end("reset")

    def _end(self, how: str) -> None:
        self.over = True
        self._heard(self, how)
