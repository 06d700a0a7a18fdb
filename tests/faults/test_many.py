"""Every tier fails, rests or is too late: what the caller hears, and who is asked again, by the providers' own ledger."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import explained_of, judge, was_whole
from tests.faults.table import Cell
from tests.faults.world import RESCUE, SAID, World, opened, policy, script
from tests.faults.world_rows import MANY
from tests.support.outside import Heard, chat

ALONE = ["all-rest", "alone", "too-late"]
WITH_NEXT_TIER = [name for name in of_chapters(MANY) if name not in ALONE]
PATIENT = {"connect": "300ms", "first_token": "15s", "answer": "15s", "invocation": "1500ms"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(tmp_path_factory.mktemp("many"), script(), lambda provider: policy(provider, runnable(*WITH_NEXT_TIER))) as world:
        yield world


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Models without a next tier."""
    told = script()
    told["answers"] += [{"match": {"provider": cell.name}, **cell.row.answer} for cell in runnable("too-late")]
    cells = runnable(*ALONE)
    with opened(tmp_path_factory.mktemp("alone"), told, lambda provider: policy(provider, cells, timeouts=PATIENT, alone=True)) as world:
        yield world


def all_failed(heard: Heard) -> list[Any]:
    """The attempts that the refusal lists."""
    assert (heard.status, heard.json["error"]["code"]) == (503, "all_providers_failed")
    assert int(heard.headers["retry-after"]) <= 300
    return list(heard.json["error"]["attempts"])


def keep_well(world: World) -> None:
    """The next tier is shared: it answers far more often than a cell breaks it, so that no cell meets the outage of another."""
    for _ in range(8):
        was_whole(chat(world.server, "rescue"), RESCUE)


@meets("all-fail")
def test_a_total_outage_lists_every_attempt(world: World, cell: Cell) -> None:
    keep_well(world)
    world.provider.fault(cell.name, cell.fault)
    world.provider.fault("rescue", cell.fault)
    since = world.provider.ledger().last
    heard = world.ask(cell)
    world.provider.fault("rescue", None)
    attempts = all_failed(heard)
    assert attempts[0]["model"] == cell.name
    assert "rescue" in json.dumps(heard.json["error"]), "asked, or named as one that is not asked for now"
    assert {(attempt["trigger"], attempt["upstream_status"]) for attempt in attempts} == {("server_error", 500)}
    assert all("ms" in attempt for attempt in attempts)
    assert len(attempts) <= 4
    assert [attempt["model"] for attempt in attempts] == world.arrivals(since)
    explained_of(world, heard)
    assert world.held == 0


@meets("all-rest")
def test_those_that_rest_are_not_asked(alone: World, cell: Cell) -> None:
    alone.provider.fault(cell.name, cell.fault)
    since = alone.provider.ledger().last
    for attempts in (1, 0):
        heard = alone.ask(cell)
        assert [attempt["trigger"] for attempt in all_failed(heard)] == ["rate_limit"] * attempts
        assert (abs(int(heard.headers["retry-after"]) - 30) < 5, heard.headers["x-should-retry"]) == (True, "true")
        explained_of(alone, heard)
    assert alone.arrivals(since) == [cell.name]
    assert alone.held == 0


@meets("alone")
def test_a_lonely_model_is_waited_for(alone: World, cell: Cell) -> None:
    alone.provider.fault(cell.name, cell.fault, times=1)
    since = alone.provider.ledger().last
    judge(alone, cell, alone.ask(cell), since)
    first, second = alone.provider.ledger().where(since=since).arrivals
    assert second.at - first.at >= 1_000_000_000, "no early retry, by the provider's own clock"


@meets("silent-last")
def test_a_silent_model_is_asked_again_only_when_nobody_else_answers(world: World, cell: Cell) -> None:
    keep_well(world)
    world.provider.fault(cell.name, cell.fault, times=1)
    was_whole(world.ask(cell), RESCUE)
    since = world.provider.ledger().last
    was_whole(world.ask(cell), RESCUE)
    assert world.arrivals(since) == ["rescue"]
    world.provider.fault("rescue", {"status": 500})
    since = world.provider.ledger().last
    heard = world.ask(cell)
    world.provider.fault("rescue", None)
    judge(world, cell, heard, since)


@meets("too-late")
def test_a_call_that_takes_too_long_is_ended_and_says_what_it_tried(alone: World, cell: Cell) -> None:
    heard = alone.ask(cell)
    assert heard.headers["x-should-retry"] == "true"
    assert [attempt["model"] for attempt in all_failed(heard)] == [cell.name]
    explained_of(alone, heard)
    assert alone.held == 0


@pytest.mark.parametrize(("wait", "retry"), [(30, "true"), (300, "false")])
def test_all_tiers_rest_and_the_caller_hears_for_how_long(tmp_path: Path, wait: int, retry: str) -> None:
    [cell, *_] = runnable("all-rest")
    with opened(tmp_path, script(), lambda provider: policy(provider, [cell])) as world:
        world.provider.fault("*", {"status": 429, "retry_after": wait})
        for attempts in (2, 0):
            heard = world.ask(cell)
            assert [attempt["trigger"] for attempt in all_failed(heard)] == ["rate_limit"] * attempts
            assert (abs(int(heard.headers["retry-after"]) - wait) < 5, heard.headers["x-should-retry"]) == (True, retry)
        assert world.provider.ledger().totals.arrivals == 2


def test_a_rest_lasts_as_long_as_the_provider_said(tmp_path: Path) -> None:
    """Also when an answer that was under way before the 429 arrives after it."""
    [cell, *_] = runnable("all-rest")
    told = script()
    told["answers"].append({"match": {"last_user": "slow"}, "text": SAID, "latency": "600ms"})
    with opened(tmp_path, told, lambda provider: policy(provider, [cell], timeouts={})) as world, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(world.ask, cell, "slow")
        while not world.provider.ledger().arrivals:
            time.sleep(0.01)
        world.provider.fault(cell.name, {"status": 429, "retry_after": 30}, times=1)
        assert world.ask(cell).headers["x-orchvynt-tier"] == "2"
        assert world.ask(cell).headers["x-orchvynt-attempts"] == "1"
        assert slow.result().headers["x-orchvynt-tier"] == "1"
        assert world.ask(cell).headers["x-orchvynt-tier"] == "2", "no early retry"
        assert len(world.provider.ledger().where(provider=cell.name).arrivals) == 2
