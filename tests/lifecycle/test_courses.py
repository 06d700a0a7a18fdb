"""A course that is found again is the one that would be decided anew: whatever the policy reads, and whoever asks."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import invocation

from orchvynt.decisions.budgets.applied import Applied
from orchvynt.decisions.routing.figures import nothing_observed
from orchvynt.language.compile import load
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.courses import KEPT_MAX, Courses, course_of
from orchvynt.lifecycle.foreseen import Course
from orchvynt.model.invocation import Claims, Invocation

HEAD = """
version: 1
providers:
  one: {kind: openai-compatible, base_url: "http://127.0.0.1:1/v1"}
models:
  small: {provider: one, price: {input: 1, output: 1}, context_window: 2000, capabilities: {tools: false}}
  large: {provider: one, price: {input: 2, output: 2}, context_window: 100000, quality: 0.9, capabilities: {tools: true}}
groups: {people: {members: [ana@example.com]}}
fallback:
  chains:
    default: {tiers: [small, large], triggers: [rate_limit]}
    careful: {tiers: [large], triggers: [rate_limit]}
"""
USE = """
  use: [{when: '"careful" in flags', chain: careful}]
"""
ROUTING = """
routing:
  rules:
    - {name: one-flow, when: 'workflow == "a" && !("x" in flags)', use: large}
    - {name: %s, when: '%s', use: small}
  default: small
"""
BUDGETS = """
budgets:
  - {name: all, scope: global, limit: {usd: 10}, window: day, on_breach: reject}
  - {name: some, scope: %s, limit: {tokens: 1000000}, window: day, when: '%s', on_breach: reject}
"""
GATES = """
gates:
  - {name: finish, stage: output, when: '"careful" in flags || output.finish == "length"', reviewers: people}
  - {name: calls, stage: tool_call, when: 'tool.name == "pay" && workflow == "a"', reviewers: people}
  - {name: flow, stage: output, when: '%s', reviewers: people}
"""
CONDITIONS = ('workload == "w"', "stream", 'context.tier == "gold"', "input.messages > 1", 'requested_model == "large"', '"x" in flags')


def policy(rule: str, budget: str, gate: str, scope: str) -> Snapshot:
    text = HEAD + USE + ROUTING % ("the-other", rule) + BUDGETS % (scope, budget) + GATES % gate
    found = load(text, "policy.yaml")
    assert found.snapshot is not None, [problem.message for problem in found.problems]
    return msgspec.structs.replace(found.snapshot, version=1)


POLICIES = [
    policy(rule, budget, gate, scope)
    for rule, budget, gate, scope in (
        (CONDITIONS[0], CONDITIONS[1], CONDITIONS[4], "global"),
        (CONDITIONS[2], CONDITIONS[3], CONDITIONS[1], "agent"),
        (CONDITIONS[5], CONDITIONS[4], CONDITIONS[0], "key"),
        (CONDITIONS[1], CONDITIONS[2], CONDITIONS[5], "workflow"),
    )
]


def asked(**said: Any) -> Invocation:
    made = invocation(said.pop("model", "small"), stream=said.pop("stream", False))
    ask = msgspec.structs.replace(made.ask, **said.pop("ask", {}))
    return msgspec.structs.replace(made, ask=ask, claims=Claims(**said))


INVOCATIONS = st.builds(
    lambda model, stream, messages, text, tools, limit, **claims: asked(
        model=model,
        stream=stream,
        ask={"message_count": messages, "input_text_bytes": text, "tool_names": tools, "max_output_tokens": limit},
        **claims,
    ),
    model=st.sampled_from(["small", "large", "auto", "nobody-knows"]),
    stream=st.booleans(),
    messages=st.integers(1, 2),
    text=st.sampled_from([10, 1_500, 90_000, 200_000]),
    tools=st.sampled_from([(), ("pay",), ("look", "pay")]),
    limit=st.sampled_from([None, 16, 5_000]),
    workflow=st.sampled_from(["", "a", "b"]),
    agent=st.sampled_from(["", "g"]),
    workload=st.sampled_from(["", "w"]),
    flags=st.sampled_from([(), ("x",), ("careful",), ("x", "careful")]),
    context=st.sampled_from([{}, {"tier": "gold"}, {"tier": "tin", "more": [1]}]),
    min_quality=st.sampled_from([None, None, 0.5]),
)


def decided(snapshot: Snapshot, made: Invocation) -> Course:
    return course_of(snapshot, made, RequestValues(made, made.at, lambda: "text", snapshot.timezone), nothing_observed(), 0)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(POLICIES), st.lists(INVOCATIONS, min_size=2, max_size=30))
def test_what_is_found_is_what_would_be_decided(snapshot: Snapshot, those: list[Invocation]) -> None:
    courses = Courses()
    for made in (*those, *those):
        fresh = decided(snapshot, made)
        found = courses.find(snapshot, made)
        if found is None:
            courses.keep(snapshot, made, fresh)
            continue
        assert found.plan == fresh.plan
        assert (found.choice, found.reads, found.gates, found.asks, found.plain) == (
            fresh.choice, fresh.reads, fresh.gates, fresh.asks, fresh.plain,
        )  # fmt: skip
        assert isinstance(found.applied, list)
        assert isinstance(fresh.applied, list)
        assert [one.number for one in found.applied] == [one.number for one in fresh.applied]
        assert not found.everybodys or found.applied == fresh.applied


def test_a_caller_that_asks_the_same_finds_what_came_of_it() -> None:
    snapshot, courses = POLICIES[0], Courses()
    first = asked(workflow="a")
    courses.keep(snapshot, first, decided(snapshot, first))
    again = courses.find(snapshot, asked(workflow="a", agent="another"))
    assert again is not None, "no condition reads the agent"
    assert again.plan.rule == "one-flow"
    assert courses.find(snapshot, asked(workflow="b")) is None


def test_budgets_of_one_subject_are_everybodys_and_others_are_not() -> None:
    everybodys = decided(POLICIES[0], asked())
    assert (everybodys.everybodys, everybodys.applied) == (True, [Applied(0, "*")])
    own = decided(POLICIES[2], asked(model="large"))
    assert (own.everybodys, own.applied) == (False, [Applied(0, "*"), Applied(1, "k")])


@pytest.mark.parametrize("rule", ["now.hour >= 12", "input.tokens_bound > 100", 'input.text == "hello"', 'detects("email")'])
def test_what_differs_from_call_to_call_is_decided_anew(rule: str) -> None:
    snapshot, courses = policy(rule, CONDITIONS[0], CONDITIONS[0], "global"), Courses()
    courses.keep(snapshot, asked(), decided(snapshot, asked()))
    assert courses.find(snapshot, asked()) is None


def test_what_is_measured_or_drawn_is_decided_anew() -> None:
    choosing = ROUTING.replace("use: large", "choose: {from: [small, large], prefer: latency}") % ("other", CONDITIONS[0])
    splitting = ROUTING.replace("use: large", "split: {small: 50%%, large: 50%%}") % ("other", CONDITIONS[0])
    for routing in (choosing, splitting):
        found = load(HEAD + routing, "policy.yaml")
        assert found.snapshot is not None, [problem.message for problem in found.problems]
        courses, made = Courses(), asked(workflow="a")
        courses.keep(found.snapshot, made, decided(found.snapshot, made))
        assert courses.find(found.snapshot, made) is None


def test_a_policy_that_is_applied_has_courses_of_its_own() -> None:
    old, courses = POLICIES[0], Courses()
    new = msgspec.structs.replace(old, version=2)
    for snapshot in (old, new, old):
        courses.keep(snapshot, asked(), decided(snapshot, asked()))
    assert courses.find(new, asked()) is not None
    assert courses.find(old, asked()) is None, "who is pinned to the older one does not push out the newer"


def test_it_is_bounded_and_gives_up_where_nothing_is_found_again() -> None:
    snapshot, courses = policy('run == "z"', CONDITIONS[0], CONDITIONS[0], "global"), Courses()
    course = decided(snapshot, asked())
    for number in range(KEPT_MAX + 1):
        courses.keep(snapshot, asked(run=f"r{number}"), course)
    assert courses.find(snapshot, asked(run="r1")) is None
    courses.keep(snapshot, asked(), course)
    assert courses.find(snapshot, asked()) is None
