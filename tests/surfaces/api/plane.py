"""The data plane on real sockets: the HTTP server, the endpoints and a whole runtime over a memory store; the provider is the test's."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.support.answers import STREAM, WHOLE
from tests.support.carrying import FakeCall, FakeUpstream, Runtime
from tests.surfaces.http.serving import QUICK, Peer

from orchvynt.adapters.clock import SystemClock
from orchvynt.decisions.identity.conversations import Conversations
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.dialects import registry
from orchvynt.language.snapshot import Snapshot
from orchvynt.model.faults import Fault
from orchvynt.ports.upstream import Address, UpstreamListener
from orchvynt.runtime.keyring import Issued, Keyring
from orchvynt.surfaces.api.endpoints import DataPlane
from orchvynt.surfaces.api.http.server import HttpServer
from orchvynt.surfaces.api.reception import Reception

CHAT: dict[str, Any] = {"model": "gpt", "messages": [{"role": "user", "content": "hello"}]}


class Obliging(FakeUpstream):
    """A provider that answers by itself, soon: whole, or as a stream where one is asked for."""

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
    ) -> FakeCall:
        call = super().send(address, path, headers, body, connect_ns, listener, shared, fresh)
        asyncio.get_running_loop().call_soon(self._answer)
        return call

    def _answer(self) -> None:
        arrival = self.arrivals[-1]
        if arrival.body.get("stream"):
            arrival.begins()
            arrival.streams(*STREAM)
        else:
            arrival.answers(WHOLE)


class Heard:
    """One response."""

    def __init__(self, status: int, fields: dict[bytes, bytes], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode(): value.decode() for name, value in fields.items()}
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error = self.json["error"]
        assert isinstance(error, dict)
        return error


class Plane:
    def __init__(self, runtime: Runtime, data_plane: DataPlane, server: HttpServer, port: int) -> None:
        self.runtime = runtime
        self.server = server
        self.data_plane = data_plane
        self.port = port

    async def ask(self, path: str, body: Any = None, method: str = "", **headers: str) -> Heard:
        """One request on a connection of its own. Header names are given with underscores."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        verb = method or ("POST" if data else "GET")
        fields = {"host": "x", "content-length": str(len(data)), **({"content-type": "application/json"} if data else {})}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        peer = await Peer.to(self.port)
        try:
            peer.send(f"{verb} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)
            return Heard(*await peer.response())
        finally:
            await peer.close()

    @property
    def keyring(self) -> Keyring:
        return self.data_plane.reception.keyring

    async def issue(self, name: str) -> str:
        """A fresh secret for a key, as the value of `authorization`."""
        issued = await self.keyring.issue(name, "token:test")
        assert isinstance(issued, Issued)
        return f"Bearer {issued.secret}"

    async def chat(self, **headers: str) -> Heard:
        return await self.ask("/v1/chat/completions", CHAT, **headers)


def _refusal(fault: Fault) -> bytes:
    return registry.caller("openai_chat").error(fault, "")


@asynccontextmanager
async def serving(policy: Snapshot, obliging: bool = True, subjects_max: int = 1_000) -> AsyncIterator[Plane]:
    runtime = Runtime(policy, upstream=Obliging() if obliging else None)
    keyring = Keyring(runtime.store, runtime.clock)
    reception = Reception(keyring, Conversations(1), Subjects(subjects_max))
    data_plane = DataPlane(
        runtime.carrier,
        runtime.reviewing,
        runtime.repeating,
        runtime.policies,
        runtime.store,
        runtime.ids,
        runtime.tasks,
        reception,
        runtime.shedding,
        runtime.peers,
        runtime.following,
    )
    server = HttpServer(data_plane.handle, _refusal, QUICK, SystemClock(), runtime.shedding, data_plane.door.turn_away)
    port = await server.start("127.0.0.1", 0)
    try:
        yield Plane(runtime, data_plane, server, port)
    finally:
        await server.drain(0.0)
        await runtime.tasks.stop()


def play(
    policy: Snapshot, scenario: Callable[[Plane], Coroutine[Any, Any, None]], obliging: bool = True, subjects_max: int = 1_000
) -> None:
    """Runs a scenario against a plane of its own. Whatever the loop would only log fails the test."""
    complaints: list[dict[str, Any]] = []

    async def played() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with serving(policy, obliging, subjects_max) as plane:
            await asyncio.wait_for(scenario(plane), 30)

    asyncio.run(played())
    assert complaints == [], complaints
