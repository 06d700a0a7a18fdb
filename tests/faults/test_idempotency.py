"""A caller names its request by a key: at once, again after it ran out of time, and with another body."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import explained_of, was_whole
from tests.faults.later_rows import NAMED
from tests.faults.table import Cell
from tests.faults.world import SAID, World, opened, policy, script

NAMES = of_chapters(NAMED)
AT_ONCE: Final = 50


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    def write(provider: Any) -> dict[str, Any]:
        return policy(provider, runnable(*NAMES), timeouts={})

    with opened(tmp_path_factory.mktemp("keys"), script(latency="300ms"), write) as world:
        yield world


def named(cell: Cell) -> dict[str, str]:
    return {"idempotency-key": f"key-of-{cell.name}", "authorization": "Bearer agent-1"}


@meets("key-at-once")
def test_fifty_at_once_are_one(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(lambda _: world.ask(cell, headers=named(cell)), range(AT_ONCE)))
    for heard in told:
        was_whole(heard, SAID)
    assert len({heard.headers["x-orchvynt-invocation"] for heard in told}) == 1
    assert len({heard.body for heard in told}) == 1, "answered identically"
    assert world.arrivals(since) == [cell.name]
    explained_of(world, told[0])
    assert world.held == 0


@meets("key-again")
def test_who_ran_out_of_time_gets_the_answer_that_it_paid_for(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    body = {"model": cell.name, "messages": [{"role": "user", "content": "hello"}], "stream": cell.streams}
    data = json.dumps(body).encode()
    fields = {"host": "x", "content-type": "application/json", "content-length": str(len(data)), **named(cell)}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection(("127.0.0.1", world.server.port), 5) as caller:
        caller.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode() + data)
        until = time.monotonic() + 10
        while not world.arrivals(since) and time.monotonic() < until:
            time.sleep(0.01)
    again = [world.ask(cell, headers=named(cell)) for _ in range(2)]
    for heard in again:
        was_whole(heard, SAID)
    assert len({(heard.headers["x-orchvynt-invocation"], heard.body) for heard in again}) == 1
    assert world.arrivals(since) == [cell.name]
    explained_of(world, again[0])
    assert world.held == 0


@meets("key-other-body")
def test_another_body_under_the_same_key_is_refused(world: World, cell: Cell) -> None:
    was_whole(world.ask(cell, headers=named(cell)), SAID)
    since = world.provider.ledger().last
    heard = world.ask(cell, "something else", headers=named(cell))
    assert (heard.status, heard.json["error"]["code"], world.arrivals(since)) == (422, "idempotency_mismatch", [])
    was_whole(world.ask(cell, headers=named(cell)), SAID)
    assert world.arrivals(since) == []
