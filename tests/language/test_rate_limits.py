"""The section `rate_limits`: what it becomes, what is wrong in it, and its change in words."""

import pytest
from tests.language.policies import SMALL

from orchvynt.language.compile import load
from orchvynt.language.diff import diff
from orchvynt.language.snapshot import Snapshot

SECOND = 1_000_000_000


def written(*limits: str) -> str:
    return SMALL + "rate_limits:\n" + "".join(f"  - {{{one}}}\n" for one in limits)


def compiled(*limits: str) -> Snapshot:
    loaded = load(written(*limits), "p.yaml")
    assert loaded.snapshot is not None, [problem.text for problem in loaded.problems]
    return loaded.snapshot


PER_AGENT = "name: per-agent, scope: agent, limit: {invocations: 60, tokens: 200000, concurrent: 10}"


def test_what_it_becomes() -> None:
    one, other = compiled(PER_AGENT, "name: r, by: 'context.customer', limit: {tokens: 5}, window: rolling 90s").rate_limits
    assert (one.name, one.scope, one.window_ns, one.invocations, one.tokens, one.concurrent) == (
        "per-agent", "agent", 60 * SECOND, 60, 200_000, 10,
    )  # fmt: skip
    assert (other.subject_of, other.window_ns, other.invocations, other.tokens) == ("context.customer", 90 * SECOND, None, 5)


@pytest.mark.parametrize(
    ("limits", "severity", "said"),
    [
        ((PER_AGENT, PER_AGENT), "error", "a rate limit named `per-agent` stands on line"),
        (("name: r, scope: agent, limit: {}",), "error", "the limit is empty"),
        (("name: r, scope: agent, limit: {invocations: 0}",), "error", "the number is between 1 and"),
        (("name: r, limit: {invocations: 1}",), "error", "`scope` is missing"),
        (("name: r, scope: agent, by: agent, limit: {invocations: 1}",), "error", "there are both `scope` and `by`"),
        (("name: r, scope: agent, limit: {invocations: 1}, enforce: observe",), "error", "not supported yet: `enforce`"),
        (("name: r, scope: agent, when: '1 == 2', limit: {invocations: 1}",), "error", "the condition of rate limit `r` is never true"),
        (("name: r, scope: agent, when: 'workflw == \"x\"', limit: {invocations: 1}",), "error", "workflw"),
        (
            ("name: r, scope: agent, when: 'workflow == \"x\"', limit: {invocations: 1}",),
            "warning",
            "rate limit `r` depends only on what callers may omit: workflow",
        ),
        (("name: r, scope: invocation, limit: {tokens: 1}",), "warning", "rate limit `r` never refuses anything"),
    ],
)
def test_what_is_wrong_is_said(limits: tuple[str, ...], severity: str, said: str) -> None:
    found = [problem for problem in load(written(*limits), "p.yaml").problems if said in problem.message]
    assert [problem.severity for problem in found] == [severity]


def test_its_change_in_words() -> None:
    none, one = compiled("name: other, scope: key, limit: {invocations: 1}"), compiled(PER_AGENT)
    assert diff(none, one) == [
        "rate limit other removed",
        "rate limit per-agent added: 60 invocations and 200,000 tokens in 1m, 10 at the same time per agent",
    ]
    more = compiled(PER_AGENT.replace("60", "90") + ", window: hour", "name: r, scope: run, limit: {concurrent: 1}")
    assert diff(one, more) == [
        "rate limit per-agent: window 1m → 1h",
        "rate limit per-agent: invocations 60 → 90",
        "rate limit r added: 1 at the same time per run",
    ]
    turned = compiled("name: r, scope: run, limit: {concurrent: 1}", PER_AGENT.replace("60", "90") + ", window: hour")
    assert diff(more, turned) == ["order of rate limits: per-agent, r → r, per-agent"]
