"""What serves the crowd: one process, several workers on one SQLite, or replicas on one PostgreSQL. Who asks is told by a process that is
there, and is left alone by one that dies (OSError, HTTPException)."""

import asyncio
import random
import subprocess
import time
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from tests.support import fleets
from tests.support.postgres import Server
from tests.support.serving import TOKEN, Reply, Serving, lasting_port

WORKERS: Final = 4
REPLICAS: Final = 3
# It takes a third of a second, and longer on a busy machine.
HEARD_S: Final = 1.5

Span = tuple[int, int]


class Site(Protocol):
    """`said` names what may be struck, each in words. `spans` are the times (ns UTC) in which something was dead, or the store away, so
    that what one process knew was not known to the others. Else all know within `heard_s` what one was asked: who has no key waits so
    long."""

    folder: Path
    spans: list[Span]

    @property
    def said(self) -> Mapping[str, str]: ...

    @property
    def heard_s(self) -> float: ...

    @property
    def url(self) -> str: ...

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply: ...

    def admin(self, path: str, body: Any = None, method: str = "", token: str = TOKEN) -> Reply: ...

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]: ...

    async def strike(self, what: str, moment: Awaitable[None]) -> float:
        """Strikes as soon as the moment has come. Gives after how many seconds all serve again, and all that was left is in the store."""
        ...


class Alone(Serving):
    """Implements Site: one process on SQLite."""

    said: Final = {"process": "the process"}
    heard_s: Final = 0.05

    def __init__(self, folder: Path, policy: str) -> None:
        super().__init__(folder, policy)
        self.port, self.admin_port = lasting_port(), lasting_port()
        self.spans: list[Span] = []

    async def strike(self, what: str, moment: Awaitable[None]) -> float:
        await moment
        self.kill()
        began = time.monotonic()
        await asyncio.to_thread(self.start)
        return time.monotonic() - began


class Several:
    """Implements Site: a fleet. Whoever asks is sent to any that is there."""

    heard_s: Final = HEARD_S

    def __init__(self, folder: Path, fleet: fleets.Fleet, chance: random.Random) -> None:
        self.folder = folder
        self.spans: list[Span] = []
        self._fleet = fleet
        self._chance = chance

    @property
    def said(self) -> Mapping[str, str]:
        return self._fleet.said

    def _one(self) -> Serving:
        """By no seed: nobody minds which."""
        servers = self._fleet.servers
        return random.choice([one for one in servers if one.process is not None] or servers)

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
        began_ns = 0

        async def struck() -> None:
            nonlocal began_ns
            await moment
            began_ns = time.time_ns()

        await self._fleet.strike(what, self._chance, struck())
        await asyncio.to_thread(self._fleet.whole)
        self.spans.append((began_ns, time.time_ns()))
        return (time.time_ns() - began_ns) / 1e9


@contextmanager
def workers(folder: Path, policy: str, chance: random.Random) -> Iterator[Site]:
    with fleets.workers(folder, policy, WORKERS, keeps_ports=True) as fleet:
        yield Several(folder, fleet, chance)


@contextmanager
def replicas(folder: Path, policy: str, postgres: Server, chance: random.Random) -> Iterator[Site]:
    with fleets.replicas(folder, policy, REPLICAS, postgres, keeps_ports=True) as fleet:
        yield Several(folder, fleet, chance)
