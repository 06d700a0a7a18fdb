"""A provider is down, comes back and is down again; and all are down for longer: what the breakers let through, by the ledger."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from tests.faults.cells import meets, runnable
from tests.faults.judging import explained_of, was_whole
from tests.faults.table import Cell
from tests.faults.world import RESCUE, SAID, World, opened, policy, script

NAMES = ["flaps", "all-open"]
PATIENCE_S: Final = 30.0
BREAKER: Final = {"window": "10s", "min_calls": 4, "open_for": "1s", "probes": 1}
CALLS_MAX: Final = 400


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    def write(provider: Any) -> dict[str, Any]:
        written = policy(provider, runnable(*NAMES))
        written["fallback"]["breaker"] = BREAKER
        return written

    with opened(tmp_path_factory.mktemp("flapping"), script(frame_interval=0), write) as world:
        yield world


def until_open(world: World, cell: Cell) -> None:
    """Calls until one of them does not reach the cell's provider any more."""
    for _ in range(CALLS_MAX):
        since = world.provider.ledger().last
        was_whole(world.ask(cell), RESCUE)
        if cell.name not in world.arrivals(since):
            return
    raise AssertionError(f"{CALLS_MAX} calls, and the broken provider is still asked")


@meets("flaps")
def test_a_provider_that_flaps_is_left_alone_and_taken_back(world: World, cell: Cell) -> None:
    for _ in range(2):
        world.provider.fault(cell.name, cell.fault)
        until_open(world, cell)
        # Half-open, and still down: of many at once one is the probe; all are answered.
        time.sleep(1.2)
        since = world.provider.ledger().last
        with ThreadPoolExecutor(8) as pool:
            for heard in pool.map(lambda _: world.ask(cell), range(8)):
                was_whole(heard, RESCUE)
                explained_of(world, heard)
        # On a machine that stands still for a second the breaker may be half-open again before the last of them.
        assert 1 <= world.arrivals(since).count(cell.name) <= 2
        world.provider.fault(cell.name, None)
        until = time.monotonic() + PATIENCE_S
        while (heard := world.ask(cell)).headers["x-orchvynt-model"] != cell.name:
            was_whole(heard, RESCUE)
            assert time.monotonic() < until, "it has been well for half a minute"
            time.sleep(0.05)
        was_whole(heard, SAID)
    assert world.held == 0


@meets("all-open")
def test_once_all_breakers_are_open_a_refusal_is_quick(world: World, cell: Cell) -> None:
    world.provider.fault(cell.name, cell.fault)
    world.provider.fault("rescue", cell.fault)
    try:
        for _ in range(CALLS_MAX):
            since = world.provider.ledger().last
            began = time.monotonic()
            heard = world.ask(cell)
            took = time.monotonic() - began
            assert (heard.status, heard.json["error"]["code"]) == (503, "all_providers_failed")
            if not world.arrivals(since):
                break
        else:
            raise AssertionError(f"{CALLS_MAX} calls, and the broken providers are still asked")
        # A second is what is promised; a busy machine gets some more.
        assert took < 3
        assert 1 <= int(heard.headers["retry-after"]) <= 120
        assert all(name in heard.body.decode() for name in (cell.name, "rescue")), "who was not asked is named"
    finally:
        world.provider.fault("rescue", None)
    until = time.monotonic() + PATIENCE_S
    while (heard := world.ask(cell)).status != 200:
        assert time.monotonic() < until, "the next tier has been well for half a minute"
        time.sleep(0.05)
    assert world.held == 0
