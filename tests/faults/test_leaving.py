"""The caller goes away, or does not read: the provider is closed, what it did is paid for, and nobody else waits."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from tests.faults.caller_rows import LEAVES
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import was_whole
from tests.faults.table import Cell
from tests.faults.world import RESCUE, World, bounded, opened, policy
from tests.support.outside import books_balance, chat, of_kind

from orchvynt.testing.scripted import ScriptedProvider

ABORT: Final = struct.pack("ii", 1, 0)
LEAVING: Final = [name for name in of_chapters(LEAVES) if name != "leaves-waiting"]
READERS: Final = 8
LONG: Final = "word " * 200_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    answers: list[Any] = [
        {"match": {"provider": "rescue"}, "text": RESCUE},
        {"match": {"last_user": "late"}, "latency": "20s"},
        {"match": {"last_user": "long"}, "text": "word " * 500, "frames": 500, "frame_interval": "20ms"},
        {"match": {"last_user": "much"}, "text": LONG},
    ]
    cells = runnable(*of_chapters(LEAVES), "reads-slowly")

    def write(provider: ScriptedProvider) -> dict[str, Any]:
        # Without a next tier, so that a retry waits for as long as the provider asks.
        return policy(provider, cells, timeouts={}, alone=True)

    with opened(tmp_path_factory.mktemp("leaving"), {"answers": answers}, write) as world:
        yield world


def asking(world: World, cell: Cell, text: str, buffer: int = 0, **options: Any) -> socket.socket:
    """Sends a request and leaves the answer unread."""
    body = {"model": cell.name, "messages": [{"role": "user", "content": text}], "stream": cell.streams, **options}
    data = json.dumps(body).encode()
    caller = socket.socket()
    if buffer:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    caller.connect(("127.0.0.1", world.server.port))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    caller.sendall(head.encode() + data)
    return caller


def wait_for_charge(world: World, since: int) -> Any:
    """The bill of the one arrival since then: written when the provider's connection ends."""
    until = time.monotonic() + 5
    while not (charges := world.provider.ledger().where(since=since).charges) and time.monotonic() < until:
        time.sleep(0.02)
    [charge] = charges
    return charge


def wait_for_nothing_held(world: World) -> None:
    until = time.monotonic() + 5
    while world.held and time.monotonic() < until:
        time.sleep(0.05)
    assert world.held == 0


@meets(*LEAVING)
def test_a_caller_that_leaves(world: World, cell: Cell) -> None:
    aborts, amid = cell.row.name.startswith("aborts"), cell.row.name.endswith("amid")
    since = world.provider.ledger().last
    with asking(world, cell, "long" if amid else "late", max_tokens=600) as caller:
        until = time.monotonic() + 10
        while not world.provider.ledger().where(since=since).arrivals and time.monotonic() < until:
            time.sleep(0.01)
        if amid and cell.streams:
            assert caller.recv(1 << 16)
        time.sleep(0.05)
        if aborts:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    assert wait_for_charge(world, since).how == "gone", "the attempt is closed, though the answer would take seconds"
    [arrival] = world.provider.ledger().where(since=since).arrivals
    explained = books_balance(world.server, world.provider, arrival.client_request_id)
    assert explained["outcome"] == "cancelled"
    assert [detail["usage"]["estimated"] for detail in of_kind(explained, "attempt_settled")] == [True]
    assert world.held == 0


@meets("leaves-waiting")
def test_a_caller_that_leaves_between_two_attempts_asks_nobody_else(world: World, cell: Cell) -> None:
    world.provider.fault(cell.name, {"status": 429, "retry_after": 1})
    since = world.provider.ledger().last
    with asking(world, cell, "hello"):
        until = time.monotonic() + 10
        while not world.provider.ledger().where(since=since).arrivals and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.2)
    wait_for_nothing_held(world)
    [arrival] = world.provider.ledger().where(since=since).arrivals
    time.sleep(1.2)
    assert world.server.explain(arrival.client_request_id)["outcome"] == "cancelled"
    assert world.arrivals(since) == [cell.name]


@meets("reads-slowly")
def test_a_slow_reader_holds_up_nobody_and_fills_no_memory(world: World, cell: Cell) -> None:
    if cell.streams:
        world.provider.fault(cell.name, {"giant_body": "32MiB"})
    was_whole(chat(world.server, "rescue"), RESCUE)
    with bounded(world.server):
        slow = [asking(world, cell, "much", buffer=4096) for _ in range(READERS)]
        time.sleep(1)
        assert world.server.ask("/health/ready").status == 200
        was_whole(chat(world.server, "rescue"), RESCUE)
        for caller in slow:
            caller.close()
    wait_for_nothing_held(world)
