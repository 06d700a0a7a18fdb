"""Virtual time: it passes only when all else waits, in the order of the timers, and takes none of the machine's."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.rehearsal.virtual_time import NANOS, StandstillError, VirtualClock, VirtualLoop

NOON = 1_700_000_000 * NANOS
Result = TypeVar("Result")


class Nobody:
    """A network in which nobody listens."""

    def accept(self, host: str, port: int) -> asyncio.Protocol:
        raise ConnectionRefusedError(host, port)


def run(clock: VirtualClock, life: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock, Nobody())) as runner:
        return runner.run(life())


def test_a_day_takes_as_long_as_what_happens_in_it() -> None:
    clock = VirtualClock(NOON)

    async def life() -> None:
        for _ in range(24):
            await asyncio.sleep(3_600)

    run(clock, life)
    assert clock.now() - NOON == clock.monotonic() == 86_400 * NANOS


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20))
def test_timers_come_in_their_order_and_never_early(waits_ns: list[int]) -> None:
    clock = VirtualClock(NOON)
    seen: list[tuple[int, int]] = []

    async def one(wait_ns: int) -> None:
        await asyncio.sleep(wait_ns / NANOS)
        seen.append((clock.monotonic(), wait_ns))

    async def life() -> None:
        await asyncio.gather(*(one(wait_ns) for wait_ns in waits_ns))

    run(clock, life)
    # The loop counts in floats of seconds: what it rounds is far below a microsecond.
    assert all(-1 <= at - wait_ns < 1_000 for at, wait_ns in seen)
    assert [at for at, _ in seen] == sorted(at for at, _ in seen)


def test_what_looks_by_itself_is_called_at_its_instant_before_later_timers() -> None:
    clock = VirtualClock(NOON)
    looks: list[int] = []

    async def life() -> list[int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.watch(lambda: (clock.monotonic() // NANOS + 1) * NANOS, lambda: looks.append(clock.monotonic()))
        await asyncio.sleep(3.5)
        return list(looks)

    assert run(clock, life) == [1 * NANOS, 2 * NANOS, 3 * NANOS]


def test_no_time_passes_while_something_can_be_done() -> None:
    clock = VirtualClock(NOON)

    async def life() -> None:
        for _ in range(1_000):
            await asyncio.sleep(0)

    run(clock, life)
    assert clock.monotonic() == 0


def test_a_world_in_which_everybody_waits_says_so() -> None:
    async def life() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StandstillError):
        run(VirtualClock(NOON), life)


def test_nobody_is_reached_outside() -> None:
    async def life() -> None:
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, "192.0.2.1", 80)

    with pytest.raises(ConnectionRefusedError):
        run(VirtualClock(NOON), life)
