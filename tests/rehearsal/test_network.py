"""A connection in memory keeps what asyncio promises of TCP: order, back-pressure, orderly ends, resets."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rehearsal.test_virtual_time import NOON, Nobody

from orchvynt.rehearsal.network import HIGH_WATER_BYTES, MemoryTransport, connect
from orchvynt.rehearsal.virtual_time import VirtualClock, VirtualLoop


class Side(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.writable = True
        self.lost: list[Exception | None] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


def between(scenario: Callable[[Side, Side], Coroutine[Any, Any, None]]) -> None:
    async def life() -> None:
        near, far = Side(), Side()
        transport, protocol = connect(asyncio.get_running_loop(), near, far)
        assert isinstance(transport, MemoryTransport)
        assert protocol is near
        assert transport.get_protocol() is near
        await scenario(near, far)

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(VirtualClock(NOON), Nobody())) as runner:
        runner.run(life())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=20), st.lists(st.booleans(), max_size=20))
def test_what_is_written_arrives_once_and_in_order(pieces: list[bytes], pauses: list[bool]) -> None:
    async def scenario(near: Side, far: Side) -> None:
        for number, piece in enumerate(pieces):
            near.transport.write(piece)
            if number < len(pauses):
                far.transport.pause_reading() if pauses[number] else far.transport.resume_reading()
            await asyncio.sleep(0)
        far.transport.resume_reading()
        near.transport.close()
        await settle()
        assert b"".join(far.heard) == b"".join(pieces)
        assert (near.lost, far.lost) == ([None], [None])

    between(scenario)


def test_a_slow_reader_stops_the_writer_until_it_has_caught_up() -> None:
    async def scenario(near: Side, far: Side) -> None:
        far.transport.pause_reading()
        near.transport.write(b"x" * HIGH_WATER_BYTES)
        assert near.writable
        near.transport.write(b"x")
        assert not near.writable
        assert not far.transport.is_reading()
        far.transport.resume_reading()
        await settle()
        assert near.writable
        assert sum(map(len, far.heard)) == HIGH_WATER_BYTES + 1

    between(scenario)


def test_an_orderly_end_comes_after_what_was_written_before_it() -> None:
    async def scenario(near: Side, far: Side) -> None:
        far.transport.pause_reading()
        near.transport.write(b"last words")
        near.transport.close()
        near.transport.write(b"too late")
        await settle()
        assert (far.heard, far.lost) == ([], [])
        far.transport.resume_reading()
        await settle()
        assert (far.heard, far.lost) == ([b"last words"], [None])
        assert far.transport.is_closing()

    between(scenario)


def test_a_reset_loses_what_has_not_arrived() -> None:
    async def scenario(near: Side, far: Side) -> None:
        near.transport.write(b"lost")
        near.transport.abort()
        near.transport.abort()
        await settle()
        assert far.heard == []
        assert [type(error) for error in far.lost] == [ConnectionResetError]
        assert near.lost == [None]

    between(scenario)


def test_a_reader_that_closes_in_the_middle_hears_no_more() -> None:
    class Hasty(Side):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.close()

    async def life() -> None:
        near, far = Side(), Hasty()
        connect(asyncio.get_running_loop(), near, far)
        near.transport.write(b"one")
        near.transport.write(b"two")
        await settle()
        assert (far.heard, far.lost, near.lost) == ([b"one"], [None], [None])

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(VirtualClock(NOON), Nobody())) as runner:
        runner.run(life())
