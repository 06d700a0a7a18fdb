"""Hard budgets that several processes spend: 4 workers on SQLite, and 3 replicas on PostgreSQL. Never over, nobody refused without need,
and nearly all of it spent; whoever is killed, and whatever is cut.

`make parallel` and `make worker-kills` do it again and again, and write reports.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.crowd import ANSWER, books, mixed, never_over, no_false_refusal, statuses, storm, worth
from tests.support.fleet_lives import BUDGETS, SCRIPT, FleetLives
from tests.support.fleets import Fleet, replicas, workers
from tests.support.policies import three_tiers

from orchvynt.testing.scripted import ScriptedProvider

CALLS = 1_000
ENOUGH_FOR = 200
STRUCK = {"workers": "all", "replicas": "both"}
Start = Callable[[str], Fleet]


@pytest.fixture(params=["workers", "replicas"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Puts several processes up with a policy."""
    with ExitStack() as running:

        def up(policy: str) -> Fleet:
            if request.param == "workers":
                return running.enter_context(workers(tmp_path, policy, 4))
            return running.enter_context(replicas(tmp_path, policy, 3, request.getfixturevalue("postgres")))

        yield up


@pytest.mark.timeout(300)
def test_a_crowd_on_several_processes(start: Start, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": ANSWER, "latency": "50ms", "frames": 4}]})
    calls = mixed(CALLS, seed=7)
    limit = worth(calls, ENOUGH_FOR)
    budget = f"budgets: [{{name: all, scope: global, limit: {{tokens: {limit}}}, window: month}}]"
    fleet = start(three_tiers(scripted_provider, budget, tiers="gpt-4o"))
    told = storm(fleet.ports, calls)
    found = books(fleet.operated, scripted_provider)
    assert set(statuses(told)) <= {200, 402}
    assert all(one.whole for one in told if one.status == 200)
    assert found.billed_tokens <= limit
    never_over(found)
    no_false_refusal(told, found)
    assert found.billed_tokens >= limit * 95 // 100
    line = found.lines["all", "*"]
    assert (line["settled_tokens"], line["held_tokens"]) == (found.billed_tokens, 0)
    assert 0 <= line["leased_tokens"] <= limit - found.billed_tokens
    assert fleet.lease_turns < len(calls)


@pytest.mark.timeout(300)
def test_struck_while_budgets_are_used_up(request: pytest.FixtureRequest, start: Start, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    lives = FleetLives(start(three_tiers(scripted_provider, BUDGETS, tiers="gpt-4o, claude")), scripted_provider, seed=3)
    lives.live(0, STRUCK[request.node.callspec.params["start"]])
    assert lives.told[402] > 0
    assert lives.auditor.found.arrivals > 0
