"""Callers that connect while the loop is busy: they are taken together, by whichever socket they come, and never after it was closed."""

import asyncio
import socket
import time

import pytest
from tests.support.loops import LOOPS, run, until
from tests.surfaces.http.serving import BODY, WHOLE, Handler, Peer, echo, refuse

from orchvynt.adapters.clock import SystemClock
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.server import HttpServer

CROWD = 300


def server() -> HttpServer:
    return HttpServer(Handler(echo), refuse, Limits(), SystemClock())


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def connected(port: int, count: int) -> list[socket.socket]:
    """The kernel takes them; the loop does not know yet."""
    return [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]


@pytest.mark.parametrize("loop", LOOPS)
def test_all_who_wait_are_taken_within_a_few_turns_of_the_loop(loop: str) -> None:
    async def scenario() -> None:
        one = server()
        callers = connected(await one.start("127.0.0.1", 0), CROWD)
        taken = 0
        while one.connections_open < CROWD:
            await turns(1)
            taken += 1
            assert taken < CROWD // 4, "not one a turn"
        for caller in callers:
            caller.close()
        await until(lambda: one.connections_open == 0)
        await one.drain(1.0)

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_is_taken_beside_the_first_is_served_alike(loop: str) -> None:
    async def scenario() -> None:
        one = server()
        port = await one.start("127.0.0.1", 0)
        callers = connected(port, 20)
        peers = []
        for caller in callers:
            caller.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=caller)
            peers.append(Peer(reader, writer))
        for peer in peers:
            peer.send(WHOLE)
        assert {(await peer.response())[2] for peer in peers} == {BODY}
        handler = one.handle
        assert isinstance(handler, Handler)
        assert len({request.peer for request, _ in handler.seen}) == 20, "each is known by its own address"
        for peer in peers:
            await peer.close()
        await one.drain(1.0)

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_after_the_end_of_accepting_the_port_is_closed(loop: str) -> None:
    async def scenario() -> None:
        one = server()
        port = await one.start("127.0.0.1", 0)
        peer = await Peer.to(port)
        one.accept_no_more()
        deadline = time.monotonic() + 10
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    break
            assert time.monotonic() < deadline, "somebody still listens"
            await asyncio.sleep(0.01)
        peer.send(WHOLE)
        assert (await peer.response())[2] == BODY
        await peer.close()
        await one.drain(1.0)

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_comes_by_a_socket_of_another_is_taken_until_that_ends(loop: str) -> None:
    async def scenario() -> None:
        one = server()
        await one.start("127.0.0.1", 0)
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        end = await one.cover(listening.dup())
        callers = connected(port, 50)
        await until(lambda: one.connections_open == 50)
        end()
        await turns(5)
        late = connected(port, 1)
        await asyncio.sleep(0.05)
        assert one.connections_open == 50, "it is for whoever listens there"
        for caller in callers + late:
            caller.close()
        listening.close()
        await until(lambda: one.connections_open == 0)
        await one.drain(1.0)

    run(loop, scenario)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_is_gone_before_it_is_taken_is_nobodys_mishap(loop: str) -> None:
    async def scenario() -> None:
        said: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
        one = server()
        for caller in connected(await one.start("127.0.0.1", 0), 100):
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            caller.close()
        await asyncio.sleep(0.05)
        await until(lambda: one.connections_open == 0)
        await one.drain(1.0)
        assert said == []

    run(loop, scenario)
