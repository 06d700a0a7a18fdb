"""A plan that is remembered is the plan that would be made."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.decisions.routing_policies import asking, chosen, expression, planned, policy, rule

from orchvynt.decisions.routing.figures import nothing_observed
from orchvynt.decisions.routing.planned import Plan
from orchvynt.decisions.routing.plans import Plans
from orchvynt.language.snapshot import Constraint, Key, Model, Snapshot, Split
from orchvynt.model.invocation import Claims, Invocation

MINI = Key("small", allow_models=frozenset({"mini"}))
POLICIES = (
    policy(
        rule("cheap", 'workload == "classification"', use="mini"),
        rule("fails", "context.n / 0 > 1", use="claude"),
        rule("best", 'workload == "best"', choose=chosen(("gpt", "mini", "claude"))),
        rule("split", 'workload == "split"', split=Split((("gpt", 5_000), ("local", 5_000)), None)),
        tiers=("gpt", "claude", "mini"),
        keys=(MINI,),
        aliases={"fast": "mini"},
    ),
    policy(
        rule("rest", use="claude"),
        tiers=("mini", "claude"),
        keys=(MINI,),
        constraints=(Constraint(expression('user == "eu"'), frozenset({"eu"})),),
    ),
    policy(tiers=("local", "mini"), unknown_model="default", default="gpt", aliases={"fast": "mini"}),
)
ASKED = st.builds(
    lambda model, workload, user, floor, key, size, most, tools, choices: asking(
        model,
        Claims(workload=workload, user=user, min_quality=floor, context={"n": 1} if user else {}),
        key,
        input_text_bytes=size,
        max_output_tokens=most,
        tool_names=tools,
        choices=choices,
    ),
    st.sampled_from(["gpt", "mini", "local", "fast", "auto", "nobody knows"]),
    st.sampled_from(["", "classification", "best", "split"]),
    st.sampled_from(["", "eu"]),
    st.sampled_from([None, 0.8]),
    st.sampled_from(["", "small"]),
    st.sampled_from([10, 7_000, 8_192, 40_000, 900_000]),
    st.sampled_from([None, 500, 8_000]),
    st.sampled_from([(), ("look_up",)]),
    st.sampled_from([1, 2]),
)


@given(st.lists(st.tuples(st.sampled_from(POLICIES), ASKED), min_size=2, max_size=12))
def test_a_remembered_plan_is_the_one_that_would_be_made(met: list[tuple[Snapshot, Invocation]]) -> None:
    observed = nothing_observed()
    for made, asked in met:
        assert planned(made, asked, observed) == planned(made, asked)


def test_what_nothing_but_its_length_binds_is_planned_once() -> None:
    made, observed = POLICIES[2], nothing_observed()
    first = planned(made, asking("gpt"), observed)
    assert planned(made, asking("gpt"), observed) is first
    assert planned(made, asking("fast"), observed) is not first
    assert planned(made, asking("gpt", input_text_bytes=8_000), observed) is not first, "it may be too long for mini"
    assert planned(msgspec.structs.replace(made), asking("gpt"), observed) is not first, "another policy"


def test_names_that_callers_invent_are_not_remembered() -> None:
    made = policy(
        patterns=(("gpt-*", Model("gpt-*", POLICIES[0].models["gpt"].provider, "", None)),), unknown_model="default", default="gpt"
    )
    observed = nothing_observed()
    for name in ("gpt-9", "nobody knows"):
        assert planned(made, asking(name), observed) is not planned(made, asking(name), observed)


def test_a_memory_is_of_one_policy_and_says_what_fits() -> None:
    plans, one, other = Plans(), POLICIES[0], POLICIES[1]
    kept = Plan("", (), (), "", ())
    plans.keep(one, (0, "gpt", ""), 100, kept)
    assert plans.find(one, (0, "gpt", ""), 100) is kept
    assert plans.find(one, (0, "gpt", ""), 101) is None
    assert plans.find(other, (0, "gpt", ""), 1) is None
    plans.keep(other, (0, "mini", ""), 100, kept)
    assert plans.find(other, (0, "gpt", ""), 1) is None
