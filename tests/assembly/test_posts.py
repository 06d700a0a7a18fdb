"""What a worker is given of its parent: sockets that other processes accept from, too."""

import asyncio
import os
import socket

from tests.support.loops import run, until
from tests.surfaces.http.serving import QUICK, Handler, echo, refuse

from orchvynt.adapters.clock import SystemClock
from orchvynt.assembly.posts import AtWork
from orchvynt.assembly.settings import Settings
from orchvynt.assembly.worker_line import Cover, Line, Start
from orchvynt.surfaces.api.http.server import HttpServer


async def nothing() -> bytes:
    return b""


def test_no_worker_makes_the_others_wait_in_accept() -> None:
    """Whether accepting waits is said of a socket for all processes that have it, and Python's own `dup` says it anew."""

    async def scenario() -> None:
        listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        for each in listening:
            each.setblocking(False)
        descriptors = [os.dup(each.fileno()) for each in listening]
        mine, parents = socket.socketpair()
        post = AtWork(Start(Settings(), descriptors, descriptors[0], None), mine)
        assert post.data is not None
        assert not any(os.get_blocking(each.fileno()) for each in listening)
        server = HttpServer(Handler(echo), refuse, QUICK, SystemClock())
        await server.start_from(post.data)
        serving = asyncio.create_task(post.serve(server, nothing, lambda _: None))
        parent = Line(*await asyncio.open_connection(sock=parents))
        parent.send(Cover(descriptors[1], True))
        with socket.create_connection(listening[1].getsockname()):
            await until(lambda: server.connections_open == 1)
            assert not any(os.get_blocking(each.fileno()) for each in listening)
        parent.close()
        await serving
        await server.drain(1.0)
        for each in listening:
            each.close()

    run("uvloop", scenario)
