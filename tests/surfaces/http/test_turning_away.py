"""Requests that are turned away before anything is done with them: what they are told, and how their connections rest."""

import asyncio
from dataclasses import dataclass, field

import msgspec
import pytest
from tests.support.loops import LOOPS, run, until
from tests.surfaces.http.serving import BODY, LENGTH, MS, POST, QUICK, WHOLE, Handler, Peer, echo, refuse

from orchvynt.adapters.clock import SystemClock
from orchvynt.surfaces.api.http import answers
from orchvynt.surfaces.api.http.house import Turned
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.http.server import HttpServer

SAID = b'{"no": true}'


@dataclass
class Door:
    """A guard and who it turns away: everybody, as long as it is `shut`."""

    guarded_from: int = 0
    rest_ns: int = 100 * MS
    shut: bool = True
    asked: list[bool] = field(default_factory=list)

    def turn_away(self, request: Request, late: bool) -> Turned | None:
        self.asked.append(late)
        return Turned(answers.head(503, "application/json", [("retry-after", "1")]), SAID) if self.shut else None


class House:
    """A server with a door."""

    def __init__(self, door: Door, limits: Limits = QUICK) -> None:
        self.handler = Handler(echo)
        self.server = HttpServer(self.handler, refuse, limits, SystemClock(), door, door.turn_away)
        self.port = 0
        self.beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "House":
        self.port = await self.server.start("127.0.0.1", 0)
        self.beating = asyncio.create_task(self.beat())
        return self

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            self.server.wake(0)

    async def __aexit__(self, *_: object) -> None:
        assert self.beating is not None
        self.beating.cancel()
        await self.server.drain(0.0)
        assert (self.server.connections_open, self.server.requests_open, self.server.bodies.bytes) == (0, 0, 0)


@pytest.mark.parametrize("loop", LOOPS)
def test_it_hears_why_and_its_connection_stays(loop: str) -> None:
    async def scenario() -> None:
        door = Door()
        async with House(door) as house:
            peer = await Peer.to(house.port)
            peer.send(WHOLE)
            status, fields, body = await peer.response()
            assert (status, fields[b"retry-after"], body) == (503, b"1", SAID)
            assert b"date" in fields
            assert b"connection" not in fields
            assert house.handler.seen == []
            assert house.server.requests_total == 1
            door.shut = False
            peer.send(WHOLE)
            assert (await peer.response())[2] == BODY
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_comes_while_it_rests_is_read_afterwards_and_known_as_late(loop: str) -> None:
    async def scenario() -> None:
        door = Door(rest_ns=300 * MS)
        async with House(door, Limits()) as house:
            hasty, patient = await Peer.to(house.port), await Peer.to(house.port)
            for peer in (hasty, patient):
                peer.send(WHOLE)
                assert (await peer.response())[0] == 503
            hasty.send(WHOLE)
            await asyncio.sleep(0.05)
            assert len(door.asked) == 2, "nothing is read of it"
            assert (await hasty.response())[0] == 503
            await asyncio.sleep(0.4)
            patient.send(WHOLE)
            assert (await patient.response())[0] == 503
            assert door.asked == [False, False, True, False]
            await hasty.close()
            await patient.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_requests_in_one_write_are_answered_in_their_order(loop: str) -> None:
    async def scenario() -> None:
        door = Door(rest_ns=50 * MS)
        async with House(door) as house:
            peer = await Peer.to(house.port)
            peer.send(WHOLE * 3)
            assert [(await peer.response())[0] for _ in range(3)] == [503] * 3
            peer.send(WHOLE[: len(WHOLE) // 2])
            await asyncio.sleep(0.1)
            door.shut = False
            peer.send(WHOLE[len(WHOLE) // 2 :] + WHOLE)
            assert [(await peer.response())[0] for _ in range(2)] == [200] * 2
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_below_the_guarded_number_nobody_is_asked(loop: str) -> None:
    async def scenario() -> None:
        door = Door(guarded_from=2)
        async with House(door) as house:
            house.handler = house.server.handle = Handler(None)
            peers = [await Peer.to(house.port) for _ in range(3)]
            for number, peer in enumerate(peers[:2], 1):
                peer.send(WHOLE)
                await until(lambda number=number: house.server.requests_open == number)  # type: ignore[misc]
            assert door.asked == []
            peers[2].send(WHOLE)
            assert (await peers[2].response())[0] == 503
            for _, line in house.handler.seen:
                line.answer(200, (), b"")
            assert [(await peer.response())[0] for peer in peers[:2]] == [200, 200]
            for peer in peers:
                await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("head", "field", "closes"),
    [
        (b"POST /x HTTP/1.0\r\nHost: x\r\n", b"close", True),
        (b"POST /x HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n", b"keep-alive", False),
        (POST + b"Connection: close\r\n", b"close", True),
    ],
)
def test_the_connection_ends_if_the_caller_says_so(loop: str, head: bytes, field: bytes, closes: bool) -> None:
    async def scenario() -> None:
        async with House(Door()) as house:
            peer = await Peer.to(house.port)
            peer.send(head + LENGTH + b"\r\n" + BODY)
            status, fields, body = await peer.response()
            assert (status, fields[b"connection"], body) == (503, field, SAID)
            if closes:
                assert await peer.rest() == b""
            await peer.close()
            await until(lambda: house.server.connections_open == 0)

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_so_many_are_read_again_before_their_time_as_there_is_room_for(loop: str) -> None:
    """Those first whose time is up first."""

    async def scenario() -> None:
        door = Door(rest_ns=3_600_000 * MS)
        async with House(door) as house:
            peers = [await Peer.to(house.port) for _ in range(5)]
            for peer in reversed(peers):
                peer.send(WHOLE)
                assert (await peer.response())[0] == 503
                door.rest_ns -= MS
            assert house.server.resting == 5
            for peer in peers:
                peer.send(WHOLE)
            door.shut = False
            house.server.wake(2)
            assert house.server.resting == 3
            for peer in peers[:2]:
                assert (await peer.response())[0] == 200
            assert door.asked == [False] * 5 + [True] * 2
            house.server.wake(1_000)
            for peer in peers[2:]:
                assert (await peer.response())[0] == 200
            for peer in peers:
                await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_leaves_while_it_rests_is_noticed(loop: str) -> None:
    async def scenario() -> None:
        async with House(Door(rest_ns=100 * MS)) as house:
            peers = [await Peer.to(house.port) for _ in range(3)]
            for peer in peers:
                peer.send(WHOLE)
                assert (await peer.response())[0] == 503
            peers[0].reset()
            await peers[1].close()
            await until(lambda: house.server.connections_open == 1)
            await peers[2].close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_bodies_of_all_requests_have_one_bound(loop: str) -> None:
    """Two that are half there fill it; a third is told so, and when one of the two has its answer there is room again."""
    part = 40_000

    async def scenario() -> None:
        door = Door(guarded_from=1 << 62)
        async with House(door, Limits(bodies_bytes_max=100_000)) as house:
            server = house.server
            peers = [await Peer.to(house.port) for _ in range(3)]
            for number, peer in enumerate(peers[:2], 1):
                peer.send(POST + b"Content-Length: 50000\r\n\r\n")
                await asyncio.sleep(0.05)
                peer.send(b"x" * part)
                await until(lambda number=number: server.bodies.bytes == number * part)  # type: ignore[misc]
            peers[2].send(POST + b"Content-Length: 50000\r\n\r\n")
            await asyncio.sleep(0.05)
            peers[2].send(b"x" * part)
            status, fields, body = await peers[2].response()
            assert (status, fields[b"retry-after"], fields[b"connection"]) == (503, b"1", b"close")
            assert msgspec.json.decode(body)["error"]["code"] == "overloaded"
            assert server.bodies.bytes == 2 * part
            peers[0].send(b"x" * 10_000)
            assert (await peers[0].response())[0] == 200
            await until(lambda: server.bodies.bytes == part)
            peers[1].reset()
            await until(lambda: server.bodies.bytes == 0)
            for peer in (peers[0], peers[2]):
                await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_a_large_request_took_up_is_free_once_it_is_turned_away(loop: str) -> None:
    async def scenario() -> None:
        async with House(Door(), Limits()) as house:
            peer = await Peer.to(house.port)
            peer.send(POST + b"Content-Length: 600000\r\n\r\n" + b"x" * 300_000)
            await until(lambda: house.server.bodies.bytes > 0)
            peer.send(b"x" * 300_000)
            assert (await peer.response())[0] == 503
            assert house.server.bodies.bytes == 0
            await peer.close()

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_idle_connections_make_room_before_all_places_are_taken(loop: str) -> None:
    async def scenario() -> None:
        limits = Limits(connections_max=20, sweep_ns=20 * MS)
        async with House(Door(shut=False), limits) as house:
            busy = await Peer.to(house.port)
            house.server.handle = Handler(None)
            busy.send(WHOLE)
            await until(lambda: house.server.requests_open == 1)
            house.server.handle = Handler(echo)
            idle = [await Peer.to(house.port) for _ in range(18)]
            for peer in idle:
                peer.send(WHOLE)
                assert (await peer.response())[0] == 200
            await until(lambda: house.server.connections_open <= 16)
            late = [await Peer.to(house.port) for _ in range(3)]
            for peer in late:
                peer.send(WHOLE)
                assert (await peer.response())[0] == 200
            assert house.server.requests_open == 1, "who waits for an answer is not idle"
            assert house.server.refusals == {}
            for peer in (busy, *idle, *late):
                await peer.close()

    run(loop, scenario)
