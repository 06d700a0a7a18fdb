"""The caller asks again: what waits for a person is joined, and what merely looks alike is not."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.faults.caller_rows import REPEATS
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import explained_of, was_whole
from tests.faults.table import Cell
from tests.faults.world import SAID, World, opened, policy, script

NAMES = of_chapters(REPEATS)
GATE = {
    "name": "reviewed",
    "stage": "output",
    "when": '"review" in flags',
    "reviewers": "people",
    "wait": {"up_to": "0s"},
}
# Reasons are texts of people: whatever stands in them is neither markup nor a statement.
REASON = "looked at it'; DROP TABLE facts; -- <script>alert(1)</script> \u202e {{7*7}}"
PEOPLE = {"people": {"members": ["ana@example.com"]}}


OFTEN = {"x-orchvynt-flags": "often"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    def write(provider: Any) -> dict[str, Any]:
        limits = [
            {
                "name": f"one-{cell.name}",
                "scope": "agent",
                "when": f'"often" in flags && requested_model == "{cell.name}"',
                "limit": {"invocations": 1},
                "window": "hour",
            }
            for cell in runnable("asks-too-often")
        ]
        return policy(provider, runnable(*NAMES), timeouts={}, gates=[GATE], groups=PEOPLE, rate_limits=limits)

    with opened(tmp_path_factory.mktemp("repeats"), script(), write) as world:
        yield world


@meets("asks-in-review")
def test_a_client_that_asks_again_joins_what_waits(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    flagged = {"x-orchvynt-flags": "review", "authorization": "Bearer agent-1"}
    told = [world.ask(cell, headers={**flagged, "x-stainless-retry-count": str(count)}) for count in range(3)]
    assert {(heard.status, heard.json["error"]["code"]) for heard in told} == {(409, "hitl_pending")}
    assert len({heard.json["error"]["review_id"] for heard in told}) == 1
    assert all(SAID.encode() not in heard.body for heard in told), "nobody has looked at it yet"
    review = told[0].json["error"]["review_id"]
    assert world.server.admin(f"/reviews/{review}/decisions", {"decision": "approve", "reason": REASON}).status == 200
    assert REASON in json.dumps(world.server.explain(review), ensure_ascii=False), "a reason is kept as it was given"
    again = [world.ask(cell, headers={**flagged, "x-stainless-retry-count": "3"}) for _ in range(2)]
    for heard in again:
        was_whole(heard, SAID)
    assert len({heard.headers["x-orchvynt-invocation"] for heard in again}) == 1
    assert world.arrivals(since) == [cell.name]
    explained_of(world, again[0])
    assert world.held == 0


@meets("asks-too-often")
def test_one_too_many_is_told_when_to_come_back(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    was_whole(world.ask(cell, headers=OFTEN), SAID)
    refused = [world.ask(cell, headers=OFTEN) for _ in range(3)]
    assert {(heard.status, heard.json["error"]["code"]) for heard in refused} == {(429, "rate_limited")}
    assert all(0 < int(heard.headers["retry-after"]) <= 3_600 for heard in refused)
    assert world.arrivals(since) == [cell.name]
    record = explained_of(world, refused[0])
    assert record["outcome"] == "refused"
    was_whole(world.ask(cell, headers={**OFTEN, "x-orchvynt-agent": "another"}), SAID)
    assert world.held == 0


@meets("five-equal")
def test_five_equal_calls_are_five_invocations(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    with ThreadPoolExecutor(5) as pool:
        heard = list(pool.map(lambda _: world.ask(cell), range(5)))
    for one in heard:
        was_whole(one, SAID)
        explained_of(world, one)
    assert len({one.headers["x-orchvynt-invocation"] for one in heard}) == 5
    assert world.arrivals(since) == [cell.name] * 5
    assert world.held == 0
