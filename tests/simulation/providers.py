"""The providers of a plan: the production's scripted provider over connections in memory, with books that tell what is written."""

import asyncio
import errno
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from tests.simulation.plan import Behaviour, Outage, Plan

from orchvynt.rehearsal.network import MemoryTransport
from orchvynt.rehearsal.providers import behaviour
from orchvynt.scripted.connection import Connection, Request
from orchvynt.scripted.ledger import Arrived, Charge
from orchvynt.scripted.performing import Performance
from orchvynt.scripted.player import Player
from orchvynt.scripted.script import Answer, Match, Script, Text

PATHS: Final = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "lab": "/api/chat"}
HOSTS: Final = {"api.openai.com": "openai", "api.anthropic.com": "anthropic", "lab": "lab"}
NANOS: Final = 1_000_000_000


class ToldBooks:
    """Implements scripted.ledger.Books."""

    def __init__(self, told: Callable[[Arrived | Charge], None]) -> None:
        self._told = told
        self._last = 0

    def next_number(self) -> int:
        self._last += 1
        return self._last

    def append(self, entry: Arrived | Charge) -> None:
        self._told(entry)


class Providers:
    """Implements virtual_time.Network. Connections outlive the process that opened them until `cut_off`."""

    def __init__(self, plan: Plan, now: Callable[[], int], told: Callable[[Arrived | Charge], None]) -> None:
        self._plan = plan
        self._now = now
        self._player = Player(script_of(plan.behaviours), ToldBooks(told), now)
        self._open: set[Connection] = set()

    def accept(self, host: str, port: int) -> asyncio.Protocol:
        """Raises OSError while nobody listens there."""
        name = HOSTS[host]
        if any(self._away(outage, name) for outage in self._plan.outages):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

        def begin(request: Request, line: Connection) -> Performance:
            return self._player.begin(msgspec.structs.replace(request, target=PATHS[name]), line, name)

        connection = Connection(begin, self._open.discard)
        self._open.add(connection)
        return connection

    def _away(self, outage: Outage, name: str) -> bool:
        return outage.provider == name and outage.since <= self._now() - self._plan.start < outage.until

    def cut_off(self) -> None:
        """The process at the other end is dead: what it had written still arrives, then the connections end. Needs a running loop."""
        for connection in list(self._open):
            transport = connection._transport
            assert isinstance(transport, MemoryTransport)
            for data in list(transport._inbox):
                connection.data_received(data)
            transport._closing = True
            connection.connection_lost(ConnectionResetError("Connection reset by peer"))
        self._open.clear()


def script_of(behaviours: Iterable[Behaviour]) -> Script:
    answers: list[Answer] = []
    for one in behaviours:
        says: dict[str, object] = {
            "text": "word " * one.output_tokens if one.output_tokens else "",
            "latency": one.latency_s,
            "frame_interval": one.pace_s,
            "frames": one.frames,
        }
        if isinstance(one.usage, tuple):
            says["usage"] = {"input": one.usage[0], "output": one.usage[1]}
        elif one.usage is not None:
            says["usage"] = one.usage
        mark = Text(contains=f"#{one.call}#")
        healthy = behaviour(one.provider, says)
        if one.fault:
            nth = 1 if one.once else None
            faulty = behaviour(one.provider, {**says, **one.fault})
            answers.append(msgspec.structs.replace(faulty, match=Match(provider=one.provider, last_user=mark, nth=nth)))
        answers.append(msgspec.structs.replace(healthy, match=Match(provider=one.provider, last_user=mark)))
    return Script(answers=answers)
