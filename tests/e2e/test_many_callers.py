"""A thousand callers at once on hard budgets: never over by the provider's own ledger, nobody refused without need, and nearly all spent.

`make parallel` runs the same with more calls and writes a report.
"""

import pytest
from tests.e2e.conftest import Serve
from tests.support.crowd import ANSWER, bill, books, mixed, never_over, no_false_refusal, statuses, storm, worth
from tests.support.policies import three_tiers

from orchvynt.testing.scripted import ScriptedProvider

CALLS = 1_000


@pytest.fixture
def slow_provider(scripted_provider: ScriptedProvider) -> ScriptedProvider:
    """Its answers overlap."""
    scripted_provider.script({"answers": [{"text": ANSWER, "latency": "50ms", "frames": 4}]})
    return scripted_provider


@pytest.mark.parametrize("count", [1, 20, 500])
def test_a_thousand_on_a_budget_for_some(serve: Serve, slow_provider: ScriptedProvider, count: int) -> None:
    calls = mixed(CALLS, seed=count)
    limit = worth(calls, count)
    budget = f"budgets: [{{name: all, scope: global, limit: {{tokens: {limit}}}, window: day}}]"
    server = serve(three_tiers(slow_provider, budget, tiers="gpt-4o"))
    told = storm([server.port], calls)
    found = books(server, slow_provider)
    assert set(statuses(told)) <= {200, 402}
    assert all(one.whole for one in told if one.status == 200)
    assert found.billed_tokens <= limit
    assert found.lines["all", "*"]["settled_tokens"] == found.billed_tokens
    never_over(found)
    no_false_refusal(told, found)
    if count >= 20:
        assert found.billed_tokens >= limit * 95 // 100


NESTED = """budgets:
  - {{name: company, scope: global, limit: {{usd: {usd}}}, window: month}}
  - {{name: flow, scope: workflow, limit: {{tokens: {flow}}}, window: day}}
  - {{name: per-run, scope: run, limit: {{tokens: {run}}}}}
  - {{name: one-call, scope: invocation, limit: {{tokens: 400, usd: 0.01}}}}
"""


def test_budgets_within_budgets_hold_all_at_once(serve: Serve, slow_provider: ScriptedProvider) -> None:
    """The company's has room for two of three calls, each workflow's for half of its own, each run's for more than its share of that."""
    calls = mixed(CALLS // 2, seed=4, headers=(("x-orchvynt-workflow", "w{n}"), ("x-orchvynt-run", "r{n}")))
    tokens = sum(map(bill, calls))
    # At 2.50 and 10 USD per million, and never more than 10 for a token.
    policy = NESTED.format(usd=f"{tokens * 0.000005:.6f}", flow=tokens // 16, run=tokens // 14)
    server = serve(three_tiers(slow_provider, policy, tiers="gpt-4o"))
    told = storm([server.port], calls)
    found = books(server, slow_provider)
    assert set(statuses(told)) == {200, 402}
    never_over(found)
    no_false_refusal(told, found)
    for name in ("company", "flow", "per-run"):
        spent = sum(line["settled_tokens"] for (budget, _), line in found.lines.items() if budget == name)
        assert spent == found.billed_tokens, name


def test_callers_that_leave_are_never_refunded(serve: Serve, slow_provider: ScriptedProvider) -> None:
    calls = mixed(CALLS // 2, seed=5, leaving=0.4)
    limit = worth(calls, 150)
    budget = f"budgets: [{{name: all, scope: global, limit: {{tokens: {limit}, usd: 1}}, window: day}}]"
    server = serve(three_tiers(slow_provider, budget, tiers="gpt-4o"))
    told = storm([server.port], calls)
    # They may be on record a moment after they left.
    found = books(server, slow_provider)
    for _ in range(100):
        if not found.lines["all", "*"]["held_tokens"]:
            break
        found = books(server, slow_provider)
    assert set(statuses(told)) <= {0, 200, 402}
    never_over(found)
    no_false_refusal(told, found)
    assert found.billed_tokens <= found.lines["all", "*"]["settled_tokens"] <= limit


def test_judges_are_held_for_like_all_others(serve: Serve, slow_provider: ScriptedProvider) -> None:
    """Each answer is judged by another model, on the same budget: with it, too, nothing is ever over."""
    answers = [{"match": {"provider": "anthropic"}, "text": "1", "latency": "20ms"}, {"text": ANSWER, "latency": "50ms", "frames": 4}]
    slow_provider.script({"answers": answers})
    calls = mixed(CALLS // 5, seed=8)
    limit = 8 * worth(calls, 20)
    policy = f"""budgets: [{{name: all, scope: global, limit: {{tokens: {limit}}}, window: day}}]
gates:
  - {{name: g, stage: output, when: 'confidence < 0.5', confidence: {{from: "judge:claude", unknown: pass}}, reviewers: people}}
groups: {{people: {{members: [ana@example.com]}}}}
"""
    server = serve(three_tiers(slow_provider, policy, tiers="gpt-4o"))
    told = storm([server.port], calls)
    found = books(server, slow_provider)
    assert set(statuses(told)) <= {200, 402}
    assert found.billed_tokens <= limit
    assert found.lines["all", "*"]["settled_tokens"] == found.billed_tokens
    never_over(found)
