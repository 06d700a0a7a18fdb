"""What serves the crowd: one process, several workers on one file, or replicas on one PostgreSQL. How each of them is struck at a moment,
and how it comes back. Who asks is told by a process that is there, and is left alone by one that dies (OSError, HTTPException)."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

from tests.support.away import caught_up
from tests.support.postgres import Server
from tests.support.relay import Relay, When
from tests.support.serving import TOKEN, Reply, Serving
from tests.support.workers import Working, is_there, until

WORKERS: Final = 4
REPLICAS: Final = 3
# What is down stays down for so long at most: the others go on meanwhile.
DOWN_S: Final = 1.5
# It takes a third of a second, and longer on a busy machine.
HEARD_S: Final = 1.5
CUTS: Final[tuple[tuple[bytes, When], ...]] = (
    (b"BEGIN", "before"),
    (b"COMMIT", "before"),
    (b"COMMIT", "behind"),
    (b"", "before"),
    (b"", "behind"),
)
# Below the range from which systems take the ports of connections: after a kill nobody else has it.
PORTS: Final = (20_000, 30_000)

Span = tuple[int, int]


class Site(Protocol):
    """`strikes` names what may be struck. `spans` are the times (ns UTC) in which something was dead, or the store away, so that what one
    process knew was not known to the others. Else all know within `heard_s` what one was asked: who has no key waits for so long."""

    folder: Path
    strikes: tuple[str, ...]
    spans: list[Span]
    heard_s: float

    @property
    def url(self) -> str: ...

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply: ...

    def admin(self, path: str, body: Any = None, method: str = "", token: str = TOKEN) -> Reply: ...

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]: ...

    async def strike(self, what: str, moment: Awaitable[None]) -> float:
        """Strikes as soon as the moment has come. Gives after how many seconds all serve again, and all that was left is in the store."""
        ...


class Alone(Serving):
    """One process on SQLite."""

    strikes: tuple[str, ...] = ("the process",)
    heard_s: float = 0.05

    def __init__(self, folder: Path, policy: str) -> None:
        super().__init__(folder, policy)
        self.port, self.admin_port = _free_port(), _free_port()
        self.spans: list[Span] = []

    async def strike(self, what: str, moment: Awaitable[None]) -> float:
        await moment
        self.kill()
        began = time.monotonic()
        await asyncio.to_thread(self.start)
        return time.monotonic() - began


class Workers(Working):
    """Several workers on one SQLite."""

    strikes: tuple[str, ...] = ("one worker", "the worker that answers operators", "none: all are replaced", "all workers", "their parent")
    heard_s: float = HEARD_S

    def __init__(self, folder: Path, policy: str, chance: random.Random) -> None:
        super().__init__(folder, policy, arguments=("--workers", str(WORKERS)))
        self.port, self.admin_port = _free_port(), _free_port()
        self.spans: list[Span] = []
        self._chance = chance

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """All at once: without their parent they would finish what is open first."""
        pids = list(self.processes()) if kind is None else []
        self.kill()
        for pid in filter(is_there, pids):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(map(is_there, pids)))
        super().__exit__(kind, error, trace)

    async def strike(self, what: str, moment: Awaitable[None]) -> float:
        one, leading, replaced, everybody, parent = self.strikes
        before = set(await asyncio.to_thread(self.serving, WORKERS))
        leader = await asyncio.to_thread(self.leader)
        await moment
        began, began_ns = time.monotonic(), time.time_ns()
        struck = {one: {self._chance.choice(sorted(before - {leader}))}, leading: {leader}, everybody: before}.get(what, set())
        for pid in struck:
            os.kill(pid, signal.SIGKILL)
        if what == replaced:
            self.replace()
            struck = before
        elif what == parent:
            self.kill()
            # Who finishes what is open lets go of the port last.
            await asyncio.to_thread(until, lambda: not any(map(is_there, before)))
            await asyncio.to_thread(self.start)
            struck = before
        await asyncio.to_thread(until, lambda: not struck & set(self.serving(WORKERS)))
        self.spans.append((began_ns, time.time_ns()))
        return time.monotonic() - began


class Replicas:
    """Several processes on one PostgreSQL, behind a relay that can cut each connection to it. Whoever asks is sent to one that is there."""

    strikes: tuple[str, ...] = ("one replica", "one replica, and the store", "connections to the store", "the store", "all replicas")
    heard_s: float = HEARD_S

    def __init__(self, folder: Path, policy: str, postgres: Server, chance: random.Random) -> None:
        self.folder = folder
        self.spans: list[Span] = []
        self._postgres, self._chance = postgres, chance
        self._relay = Relay(postgres.port, b"COMMIT")
        self._ends = ExitStack()
        self._ends.callback(self._relay.close)
        place = postgres.fresh()
        self._ends.callback(postgres.give_back, place)
        url = urlsplit(place)._replace(netloc=f"postgres@127.0.0.1:{self._relay.port}").geturl()
        self._all: list[Serving] = []
        self._down: set[Serving] = set()
        for number in range(REPLICAS):
            (own := folder / f"replica{number}").mkdir()
            one = Serving(own, policy, arguments=("--store", url))
            one.port, one.admin_port = _free_port(), _free_port()
            self._all.append(one)

    def __enter__(self) -> Self:
        for one in self._all:
            self._ends.enter_context(one)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ends.__exit__(kind, error, trace)

    def _one(self) -> Serving:
        """Any that is there; of several nobody minds which, so this draws from no seed."""
        return random.choice([one for one in self._all if one not in self._down] or self._all)

    @property
    def url(self) -> str:
        return self._one().url

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        return self._one().ask(path, body, headers)

    def admin(self, path: str, body: Any = None, method: str = "", token: str = TOKEN) -> Reply:
        return self._one().admin(path, body, method, token)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._one().command(*arguments)

    async def strike(self, what: str, moment: Awaitable[None]) -> float:
        one, both, cut, store, _ = self.strikes
        victims = [] if what in (cut, store) else [self._chance.choice(self._all)] if what in (one, both) else self._all
        await moment
        began, began_ns = time.monotonic(), time.time_ns()
        self._kill(victims)
        if what in (store, both):
            await asyncio.to_thread(self._postgres.stop, "immediate")
        if what == cut:
            await self._cut()
        await asyncio.sleep(self._chance.random() * DOWN_S)
        if what in (store, both):
            await asyncio.to_thread(self._postgres.start)
        for victim in victims:
            await asyncio.to_thread(victim.start)
            self._down.discard(victim)
        for one_of_all in self._all:
            await asyncio.to_thread(caught_up, one_of_all)
        self.spans.append((began_ns, time.time_ns()))
        return time.monotonic() - began

    def _kill(self, victims: Iterable[Serving]) -> None:
        for victim in victims:
            self._down.add(victim)
            victim.kill()

    async def _cut(self) -> None:
        """Several connections, each at another stage of what it says."""
        for word, when in self._chance.sample(CUTS, 3):
            self._relay.word, self._relay.cut = word, when
            await asyncio.sleep(self._chance.random() * 0.3)
        self._relay.cut = None


def _free_port() -> int:
    """By no seed: two runs of one seed may stand side by side, and neither takes the other's while its server is down."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(*PORTS)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
