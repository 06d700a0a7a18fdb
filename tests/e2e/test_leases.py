"""A thousand callers on a budget that four processes spend: never over by the provider's own ledger, and nearly all of it spent."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.crowd import ANSWER, books, mixed, never_over, statuses, storm, worth
from tests.support.policies import three_tiers
from tests.support.workers import Working, until

from orchvynt.testing.scripted import ScriptedProvider

CALLS = 1_000
ENOUGH_FOR = 200


@pytest.mark.timeout(300)
def test_a_crowd_on_four_processes(store: tuple[str, ...], tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": ANSWER, "latency": "50ms", "frames": 4}]})
    calls = mixed(CALLS, seed=7)
    limit = worth(calls, ENOUGH_FOR)
    budget = f"budgets: [{{name: all, scope: global, limit: {{tokens: {limit}}}, window: month}}]"
    with Working(tmp_path, three_tiers(scripted_provider, budget, tiers="gpt-4o"), arguments=("--workers", "4", *store)) as server:
        server.serving(4)
        told = storm([server.port], calls)
        found = books(server, scripted_provider)
        assert set(statuses(told)) <= {200, 402}
        assert all(one.whole for one in told if one.status == 200)
        assert found.billed_tokens <= limit
        never_over(found)
        assert found.billed_tokens >= limit * 95 // 100
        line = found.lines["all", "*"]
        assert (line["settled_tokens"], line["held_tokens"]) == (found.billed_tokens, 0)
        assert 0 <= line["leased_tokens"] <= limit - found.billed_tokens


@pytest.mark.timeout(300)
def test_what_a_killed_process_had_is_not_lost_and_not_spent_twice(
    store: tuple[str, ...], tmp_path: Path, scripted_provider: ScriptedProvider
) -> None:
    scripted_provider.script({"answers": [{"text": ANSWER, "latency": "50ms", "frames": 4}]})
    calls = mixed(CALLS // 4, seed=9)
    limit = worth(calls, len(calls) // 2)
    budget = f"budgets: [{{name: all, scope: global, limit: {{tokens: {limit}}}, window: month}}]"
    with Working(tmp_path, three_tiers(scripted_provider, budget, tiers="gpt-4o"), arguments=("--workers", "2", *store)) as server:
        pids, leader = server.serving(2), server.leader()
        victim = next(pid for pid in pids if pid != leader)
        told = storm([server.port], calls[: len(calls) // 4])
        with ThreadPoolExecutor(1) as beside:
            arrived = len(scripted_provider.ledger().arrivals)
            further = beside.submit(storm, [server.port], calls[len(calls) // 4 :])
            # Some of its calls are at the provider then, and whoever takes over settles them.
            until(lambda: len(scripted_provider.ledger().arrivals) > arrived + 10)
            os.kill(victim, signal.SIGKILL)
            told += further.result()
        until(lambda: victim not in server.processes() and len(server.processes()) == 2)
        found = books(server, scripted_provider)
        assert set(statuses(told)) <= {0, 200, 402}
        assert found.billed_tokens <= found.lines["all", "*"]["settled_tokens"] <= limit
        never_over(found)
        # Whoever comes once it is buried spends what it had left.
        more = storm([server.port], mixed(len(calls), seed=10))
        found = books(server, scripted_provider)
        assert set(statuses(more)) <= {200, 402}
        assert found.lines["all", "*"]["settled_tokens"] >= limit * 95 // 100
        assert found.billed_tokens <= limit
