"""Several processes on one store, as their callers and operators meet them: workers behind one port, or replicas with a port each.

Each has moments at which something of it is struck: processes by `kill -9`, PostgreSQL by an immediate stop, connections to it by a cut.
"""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

from tests.support.away import caught_up
from tests.support.postgres import Server
from tests.support.relay import Relay, When, relayed
from tests.support.serving import Serving, lasting_port
from tests.support.workers import Working, is_there, until

STAGES: Final[tuple[tuple[bytes, When], ...]] = (
    (b"BEGIN", "before"),
    (b"COMMIT", "before"),
    (b"COMMIT", "behind"),
    (b"", "before"),
    (b"", "behind"),
)
"""Where a connection to PostgreSQL is cut: by what is sent, and before it is heard or behind it."""
CUTS: Final = 6
AWAY_S_MAX: Final = 1.5


class Served(Protocol):
    """`servers` are its parts, `ports` take calls at present, `operated` answers operators, `lease_turns` is how often the store was asked
    for leases."""

    @property
    def servers(self) -> Sequence[Serving]: ...

    @property
    def ports(self) -> Sequence[int]: ...

    @property
    def operated(self) -> Serving: ...

    @property
    def lease_turns(self) -> int: ...


class Fleet(Served, Protocol):
    """`said` has its moments, each in words."""

    @property
    def said(self) -> Mapping[str, str]: ...

    async def strike(self, moment: str, chance: random.Random, when: Awaitable[None] | None = None) -> None:
        """Strikes as soon as `when` is over, or at any moment of a second. Returns when all serve again."""

    def whole(self) -> None:
        """Returns when all serve, nobody is left over, and the store is there."""


class Alone:
    """Implements Served: one process, which has the store to itself."""

    def __init__(self, server: Serving) -> None:
        self.operated = server

    @property
    def servers(self) -> Sequence[Serving]:
        return [self.operated]

    @property
    def ports(self) -> Sequence[int]:
        return [self.operated.port]

    @property
    def lease_turns(self) -> int:
        return int(self.operated.metric("orchvynt_lease_turns_total"))


class Workers(Alone):
    """Implements Fleet: `serve --workers N`."""

    said: Final = {
        "one": "one worker",
        "leader": "the worker that answers operators",
        "replaced": "none; all are replaced (SIGHUP)",
        "all": "all workers at once",
        "parent": "the parent, which workers outlive by a drain",
    }

    operated: Working

    def __init__(self, server: Working, count: int) -> None:
        super().__init__(server)
        self._count = count

    async def strike(self, moment: str, chance: random.Random, when: Awaitable[None] | None = None) -> None:
        server = self.operated
        before = set(await asyncio.to_thread(server.serving, self._count))
        leader = await asyncio.to_thread(server.leader)
        await (when or asyncio.sleep(chance.random()))
        struck = {
            "one": {chance.choice(sorted(before - {leader}))},
            "leader": {leader},
            "all": before,
        }.get(moment, set())
        for pid in struck:
            os.kill(pid, signal.SIGKILL)
        if moment == "replaced":
            server.replace()
            struck = before
        if moment == "parent":
            server.kill()
            # Who finishes what is open lets go of the port last.
            await asyncio.to_thread(until, lambda: not any(map(is_there, before)))
            await asyncio.to_thread(server.start)
        await asyncio.to_thread(until, lambda: not struck & set(server.serving(self._count)))

    def whole(self) -> None:
        self.operated.serving(self._count)
        caught_up(self.operated)


class Replicas:
    """Implements Fleet: servers of their own on one PostgreSQL, each behind a relay that can cut it off. `keeps_ports`: they come back
    where they were. Where thousands of connections come and go the old ports may be somebody's by then."""

    said: Final = {
        "one": "one replica, away for up to 1.5 s",
        "two": "two replicas, one after the other",
        "all": "all replicas at once",
        "database": "none; PostgreSQL is stopped at once, and started up to 1.5 s later",
        "cut": f"none; {CUTS} connections to PostgreSQL are cut, before or behind what is sent",
        "both": "one replica, while PostgreSQL is away",
    }

    def __init__(self, servers: list[Serving], relays: list[Relay], postgres: Server, keeps_ports: bool = False) -> None:
        self.servers: Sequence[Serving] = servers
        self._keeps_ports = keeps_ports
        self._relays = relays
        self._postgres = postgres

    @property
    def _alive(self) -> list[Serving]:
        return [server for server in self.servers if server.process is not None]

    @property
    def ports(self) -> Sequence[int]:
        return [server.port for server in self._alive]

    @property
    def operated(self) -> Serving:
        return self._alive[0]

    @property
    def lease_turns(self) -> int:
        return sum(Alone(server).lease_turns for server in self.servers)

    async def strike(self, moment: str, chance: random.Random, when: Awaitable[None] | None = None) -> None:
        await (when or asyncio.sleep(chance.random()))
        struck = chance.sample(self.servers, {"one": 1, "two": 2, "all": len(self.servers), "both": 1}.get(moment, 0))
        if moment in ("database", "both"):
            await asyncio.to_thread(self._postgres.stop, "immediate")
        for server in struck:
            server.kill()
            if moment == "two":
                await asyncio.sleep(chance.random() * AWAY_S_MAX / 2)
        if moment == "cut":
            await self._cut(chance)
        else:
            await asyncio.sleep(chance.random() * AWAY_S_MAX)
        if moment in ("database", "both"):
            await asyncio.to_thread(self._postgres.start)
        for server in struck:
            if not self._keeps_ports:
                server.port = server.admin_port = 0
            await asyncio.to_thread(server.start)
        await asyncio.to_thread(self.whole)

    async def _cut(self, chance: random.Random) -> None:
        for _ in range(CUTS):
            relay = chance.choice(self._relays)
            relay.word, relay.cut = chance.choice(STAGES)
            await asyncio.sleep(chance.random() * AWAY_S_MAX / CUTS)
        for relay in self._relays:
            relay.cut = None

    def whole(self) -> None:
        for server in self.servers:
            caught_up(server)
        until(lambda: all(self._sees_all(server) for server in self.servers))

    def _sees_all(self, server: Serving) -> bool:
        found = server.admin("/status")
        return found.status == 200 and [one["state"] for one in found.json["processes"]] == ["serving"] * len(self.servers)


@contextmanager
def alone(folder: Path, policy: str) -> Iterator[Served]:
    with Serving(folder, policy) as server:
        yield Alone(server)


@contextmanager
def workers(folder: Path, policy: str, count: int, store: tuple[str, ...] = (), keeps_ports: bool = False) -> Iterator[Fleet]:
    server = Working(folder, policy, arguments=("--workers", str(count), *store))
    if keeps_ports:
        server.port, server.admin_port = lasting_port(), lasting_port()
    with server:
        server.serving(count)
        yield Workers(server, count)


@contextmanager
def replicas(folder: Path, policy: str, count: int, postgres: Server, keeps_ports: bool = False) -> Iterator[Fleet]:
    url = postgres.fresh()
    with ExitStack() as ends:
        ends.callback(postgres.give_back, url)
        servers, relays = [], []
        for number in range(count):
            own = folder / f"replica{number}"
            own.mkdir()
            relay = Relay(postgres.port, b"")
            ends.callback(relay.close)
            relays.append(relay)
            server = Serving(own, policy, arguments=("--store", relayed(url, relay)))
            if keeps_ports:
                server.port, server.admin_port = lasting_port(), lasting_port()
            servers.append(ends.enter_context(server))
        fleet = Replicas(servers, relays, postgres, keeps_ports)
        fleet.whole()
        yield fleet
