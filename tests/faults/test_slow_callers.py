"""The caller opens thousands of connections, or never finishes what it began to say: nobody else notices, and it is told to go."""

import resource
import socket
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest
from tests.faults.cells import meets, runnable
from tests.faults.judging import judge
from tests.faults.table import Cell
from tests.faults.world import World, bounded, opened, policy, script
from tests.support.outside import hear

CONNECTIONS: Final = 5_000
HALF_HEAD: Final = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow: "
HALF_BODY: Final = (
    b'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"model": '
)


class Crowd(NamedTuple):
    """A server with thousands of connections that say nothing or half a head, and one for each of the two slow ones."""

    world: World
    slow: dict[str, socket.socket]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    idle: list[socket.socket] = []
    try:
        with opened(tmp_path_factory.mktemp("crowd"), script(), lambda provider: policy(provider, runnable("idle"))) as world:

            def connected(said: bytes = b"") -> socket.socket:
                caller = socket.create_connection(("127.0.0.1", world.server.port), 5)
                idle.append(caller)
                caller.sendall(said)
                return caller

            with bounded(world.server):
                for number in range(CONNECTIONS):
                    connected(HALF_HEAD if number % 2 else b"")
            slow = {"slow-header": connected(HALF_HEAD), "slow-body": connected(HALF_BODY)}
            yield Crowd(world, slow)
    finally:
        for caller in idle:
            caller.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@meets("idle")
def test_idle_connections_hurt_nobody(crowd: Crowd, cell: Cell) -> None:
    world = crowd.world
    since = world.provider.ledger().last
    judge(world, cell, world.ask(cell), since)
    assert world.server.ask("/health/ready").status == 200
    assert world.server.admin("/status").status == 200


@meets("slow-header", "slow-body")
def test_who_never_finishes_is_told_to_go(crowd: Crowd, cell: Cell) -> None:
    world = crowd.world
    arrivals = world.provider.ledger().totals.arrivals
    began = time.monotonic()
    heard = hear(crowd.slow[cell.row.name], wait=60)
    assert (heard.status, heard.json["error"]["code"], heard.ended) == (408, "timeout", "whole")
    assert time.monotonic() - began < 55
    assert world.provider.ledger().totals.arrivals == arrivals
