"""The index of rules finds what a scan of all rules finds, in the same words; and evaluates far fewer."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decisions.routing_policies import asking, planned, policy, rule

from orchvynt.decisions.routing.planned import Plan
from orchvynt.language.rule_index import PLACES_MAX, candidates, index_rules
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Rule, RuleIndex, Snapshot
from orchvynt.model.invocation import Claims, Invocation

VALUES = ("", "a", "b", "c")
CONDITIONS = (
    *(f'{name} == "{value}"' for name in ("workload", "workflow", "context.tier", "requested_model") for value in VALUES),
    'workload == "a" && workflow == "b"',
    'context.tier == "a" && context.n > 1',
    'workflow == "a" && 1 / context.n > 0',
    "1 / context.n > 0",
    'context.tier.inner == "a" && workload == "b"',
    'workload == "a" || workflow == "b"',
    'workload == "a" && workload == "b"',
    "stream",
    "true",
)
CONTEXTS: tuple[dict[str, Any], ...] = (
    {},
    {"tier": "a"},
    {"tier": "b", "n": 0},
    {"tier": {"inner": "a"}, "n": 2},
    {"tier": ["a"], "n": "x"},
)

RULES = tuple(rule(text, text, use="gpt") for text in CONDITIONS)


def scanned(made: Snapshot) -> Snapshot:
    """The same policy with an index that rules nothing out."""
    rules = made.rules
    return msgspec.structs.replace(made, rule_index=RuleIndex(rules, tuple(range(len(rules))), ()))


def indexed(made: Snapshot) -> Snapshot:
    return msgspec.structs.replace(made, rule_index=index_rules(made.rules))


def told(found: Plan) -> tuple[object, ...]:
    return found.rule, found.rules, found.passed_over, found.candidates, found.rejected


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(RULES), max_size=30),
    st.sampled_from(VALUES),
    st.sampled_from(VALUES),
    st.sampled_from(CONTEXTS),
    st.sampled_from(["gpt", "claude"]),
)
def test_an_index_finds_what_a_scan_finds(rules: list[Rule], workload: str, workflow: str, context: dict[str, Any], model: str) -> None:
    asked = asking(model, Claims(workload=workload, workflow=workflow, context=context))
    made = policy(*rules)
    expected = planned(scanned(made), asked)
    assert told(planned(indexed(made), asked)) == told(expected)
    assert told(planned(made, asked)) == told(expected), "a snapshot without an index works, too"


def evaluated(index: RuleIndex, asked: Invocation) -> list[int]:
    return list(candidates(index, RequestValues(asked, asked.at, lambda: "")))


def test_ten_thousand_rules_are_one_look_up() -> None:
    rules = tuple(Rule(f"r{n}", RULES[0].when, "gpt", equalities=(("workflow", f"w{n}"), ("workload", "x"))) for n in range(10_000))
    index = index_rules(rules)
    assert [place for place, _ in index.places] == ["workflow"]
    assert evaluated(index, asking(claims=Claims(workflow="w77", workload="x"))) == [77]
    assert evaluated(index, asking(claims=Claims(workflow="other", workload="x"))) == []


def test_candidates_come_in_the_order_of_the_rules() -> None:
    rules = (
        Rule("0", None),
        Rule("1", None, equalities=(("workload", "a"),)),
        Rule("2", None, equalities=(("agent", "b"),)),
        Rule("3", None),
        Rule("4", None, equalities=(("workload", "a"),)),
        Rule("5", None),
    )
    index = index_rules(rules)
    assert evaluated(index, asking(claims=Claims(workload="a", agent="b"))) == [0, 1, 2, 3, 4, 5]
    assert evaluated(index, asking(claims=Claims(workload="a"))) == [0, 1, 3, 4, 5]
    assert evaluated(index, asking()) == [0, 3, 5]


def test_what_could_fail_or_costs_something_is_no_place() -> None:
    rules = (Rule("0", None, equalities=(("input.text", "x"), ("context.a.b", "x"))),)
    assert index_rules(rules) == RuleIndex(rules, (0,), ())


def test_places_are_bounded() -> None:
    rules = tuple(Rule(str(n), None, equalities=((f"context.k{n}", "x"),)) for n in range(40))
    index = index_rules(rules)
    assert (len(index.places), len(index.always)) == (PLACES_MAX, 40 - PLACES_MAX)
