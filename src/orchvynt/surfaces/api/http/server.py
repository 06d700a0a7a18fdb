"""The data plane's listening side: accepts connections, counts them, sweeps their deadlines, and drains them at the end."""

import asyncio
import heapq
import socket
import ssl
from collections.abc import Callable
from typing import Final, cast

from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Clock
from orchvynt.surfaces.api.http.accepting import Accepting
from orchvynt.surfaces.api.http.answers import date_field
from orchvynt.surfaces.api.http.bodies import Bodies
from orchvynt.surfaces.api.http.connection import Connection
from orchvynt.surfaces.api.http.house import Crowd, Guard, Guest, TurnAway, Unguarded, nobody
from orchvynt.surfaces.api.http.limits import SECOND, Limits
from orchvynt.surfaces.api.http.line import Line
from orchvynt.surfaces.api.http.request import Request

_BACKLOG: Final = 4096
# So many connections beyond the limit may linger to read their refusal; any more are reset.
_REFUSED_MAX: Final = 1024


class HttpServer:
    """`handle` is called for each whole request, in the loop, and must not raise; it answers through the line, now or later.

    `refuse` gives the JSON body for what this layer refuses by itself. `refusals` counts those by code. `guard` and
    `turn_away` keep out what is too much.
    """

    def __init__(
        self,
        handle: Callable[[Request, Line], None],
        refuse: Callable[[Fault], bytes],
        limits: Limits,
        clock: Clock,
        guard: Guard | None = None,
        turn_away: TurnAway = nobody,
    ) -> None:
        self.handle = handle
        self.refuse = refuse
        self.limits = limits
        self.guard = guard or Unguarded()
        self.turn_away = turn_away
        self.monotonic = clock.monotonic
        self.draining = False
        self.date = b""
        self.requests_open = 0
        self.requests_total = 0
        self.bodies = Bodies(limits.bodies_bytes_max)
        self.late: set[Guest] = set()
        self.connections_total = 0
        self.refusals: dict[str, int] = {}
        self._clock = clock
        self._date_second = -1
        self._connections: set[Guest] = set()
        self._accepting = Accepting(self._guest)
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._empty: asyncio.Event | None = None
        # Who rests, and until when at most; of one instant, the first to rest first.
        self._resting: list[tuple[int, int, Guest]] = []
        self._rested_total = 0

    @property
    def connections_open(self) -> int:
        return len(self._connections)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listens, and gives the port (the one that was found, for port 0). Raises OSError if the address cannot be had."""
        loop = asyncio.get_running_loop()
        return self._started(loop, await loop.create_server(self._first_guest, host, port, backlog=_BACKLOG, ssl=tls), tls)

    async def start_from(self, listening: socket.socket) -> int:
        """Accepts from a socket that others may accept from, too. Gives the port."""
        loop = asyncio.get_running_loop()
        return self._started(loop, await loop.create_server(self._first_guest, sock=listening, backlog=_BACKLOG))

    def _guest(self) -> asyncio.Protocol:
        # It does what a Protocol does, and is none: compiled code wants no Python class above it.
        return cast(asyncio.Protocol, Connection(self))

    def _first_guest(self) -> asyncio.Protocol:
        self._accepting.one_came()
        return self._guest()

    def _started(self, loop: asyncio.AbstractEventLoop, server: asyncio.Server, tls: ssl.SSLContext | None = None) -> int:
        assert self._server is None, "started twice"
        self._server = server
        self._accepting.add(server, tls)
        self._sweep(loop)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def cover(self, listening: socket.socket) -> Callable[[], None]:
        """Accepts from this socket, too, until what it gives is called."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._first_guest, sock=listening, backlog=_BACKLOG)
        self._accepting.add(server)
        return lambda: self._accepting.close(server)

    def accept_no_more(self) -> None:
        """What waits in the kernel is for others, that accept from the same sockets."""
        self._accepting.close_all()

    def close_idle(self) -> None:
        """Connections on which nothing is asked are closed."""
        for guest in list(self._connections):
            guest.drain()

    def close_after_answers(self) -> None:
        """From now on each answer says that it is its connection's last. Connections are still accepted: a closed port would reset
        those that wait in the kernel, with what they have sent."""
        self.draining = True

    async def drain(self, timeout: float) -> bool:  # noqa: ASYNC109 -- a bound on waiting for others, after which they are cut; not a cancellation
        """Answers what is open for at most `timeout` seconds, then cuts it. True if nothing had to be cut."""
        self.draining = True
        self.accept_no_more()
        self._empty = asyncio.Event()
        self.close_idle()
        whole = await self._emptied(timeout)
        if not whole:
            for guest in list(self._connections):
                guest.drop()
            await self._emptied(1.0)
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        return whole

    async def _emptied(self, timeout: float) -> bool:  # noqa: ASYNC109 -- as above
        if not self._connections:
            return True
        assert self._empty is not None
        try:
            await asyncio.wait_for(self._empty.wait(), timeout)
        except TimeoutError:
            return False
        return True

    # What connections say.

    def opened(self, guest: Guest) -> Crowd:
        self._connections.add(guest)
        self.connections_total += 1
        count = len(self._connections)
        if count <= self.limits.connections_max:
            return "welcome"
        return "full" if count <= self.limits.connections_max + _REFUSED_MAX else "overrun"

    def closed(self, guest: Guest) -> None:
        self._connections.discard(guest)
        if self._empty is not None and not self._connections:
            self._empty.set()

    def refused(self, fault: Fault) -> None:
        self.refusals[fault.code] = self.refusals.get(fault.code, 0) + 1

    def rests(self, guest: Guest) -> None:
        self._rested_total += 1
        heapq.heappush(self._resting, (self.monotonic() + self.guard.rest_ns, self._rested_total, guest))

    # What the guard says.

    @property
    def resting(self) -> int:
        return len(self._resting)

    def wake(self, most: int) -> None:
        """Reads so many of those who rest, those first whose time is up first, and all whose time is up."""
        resting, now = self._resting, self.monotonic()
        woken: list[Guest] = []
        while resting and (len(woken) < most or resting[0][0] <= now):
            woken.append(heapq.heappop(resting)[2])
        if not woken:
            return
        self.late.update(woken)
        for guest in woken:
            guest.wake()
        # After one more turn of the loop: in it is read what the kernel has of them.
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self.late.clear)

    def _make_room(self, now: int) -> None:
        """Where nearly all places are taken, idle connections go, those first that would go first anyway: nobody keeps others out by
        opening many. Who has just come may still be about to say something."""
        most, count = self.limits.connections_max, len(self._connections)
        if count <= most - most // 10:
            return
        young = range(now + self.limits.header_ns - SECOND, now + self.limits.header_ns + 1)
        idle = sorted((guest for guest in self._connections if guest.deadline not in young), key=lambda guest: guest.deadline)
        for guest in idle[: count - (most - most // 5)]:
            guest.drain()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        second = self._clock.now() // SECOND
        if second != self._date_second:
            self._date_second = second
            self.date = date_field(second * SECOND)
        now = self.monotonic()
        due = [guest for guest in self._connections if guest.deadline <= now]
        paused = [guest for guest in self._connections if guest.paused]
        for guest in due:
            guest.expire(now)
        self._make_room(now)
        for guest in paused:
            guest.drop_if_gone()
        self._sweeper = loop.call_later(self.limits.sweep_ns / SECOND, self._sweep, loop)
