"""What binds every candidate of a plan: keys, constraints, min_quality, capabilities. Each with its numbers, and the refusal in the end."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decisions.routing_policies import asking, chosen, names, planned, policy, reasons, rule

from orchvynt.decisions.routing.figures import nothing_observed
from orchvynt.language.snapshot import Constraint, Key, Split
from orchvynt.model.invocation import Claims, Invocation

EVERY = ("gpt", "claude", "mini")
DOCS = Key("doc-team", allow_models=frozenset(["gpt", "claude"]))
EU = frozenset(["eu"])


def of(asked: Invocation, *rules: Any, **more: Any) -> Any:
    return planned(policy(*rules, tiers=more.pop("tiers", EVERY), **more), asked)


def test_a_key_uses_no_model_that_it_may_not() -> None:
    found = of(asking(key="doc-team"), rule("all", use="mini"), keys=(DOCS,))
    assert names(found) == ["gpt", "claude"]
    assert [candidate.tier for candidate in found.candidates] == [1, 2]
    assert reasons(found) == {"mini": "key doc-team may not use it"}


def test_a_caller_that_names_a_model_its_key_may_not_use_is_told_so() -> None:
    fault = of(asking("mini", key="doc-team"), keys=(DOCS,)).refusal
    assert (fault.code, fault.status, fault.param, fault.should_retry) == ("forbidden", 403, "model", False)
    assert fault.message == "The key doc-team may not use mini."
    assert "claude, gpt" in fault.help
    by_default = of(asking("auto", key="doc-team"), keys=(DOCS,), default="mini")
    assert names(by_default) == ["gpt", "claude"], "`auto` names no model"


def test_a_key_may_use_what_its_pattern_says_and_an_unknown_key_nothing() -> None:
    assert names(of(asking("mini", key="k"), keys=(Key("k", allow_models=frozenset(["m*", "claude"])),))) == ["mini", "claude"]
    assert of(asking("mini", key="k"), keys=(Key("k", allow_models=None),)).refusal is None
    fault = of(asking("auto", key="gone"), keys=(DOCS,)).refusal
    assert (fault.code, fault.status) == ("forbidden", 403)


def test_a_constraint_binds_the_routed_model_and_every_tier() -> None:
    bound = (Constraint(rule("x", 'context.residency == "eu"').when, EU),)
    eu = asking("gpt", Claims(context={"residency": "eu"}))
    found = of(eu, constraints=bound)
    assert names(found) == ["claude"]
    assert reasons(found) == {"gpt": "region us is not in eu", "mini": "region us is not in eu"}
    assert names(of(asking("gpt"), constraints=bound)) == ["gpt", "claude", "mini"]
    fault = of(eu, constraints=bound, tiers=("mini",)).refusal
    assert (fault.code, fault.status) == ("forbidden", 403)
    assert "gpt: region us is not in eu; mini: region us is not in eu" in fault.message
    unknown = of(asking("local", Claims(context={"residency": "eu"})), constraints=bound, tiers=())
    assert reasons(unknown) == {"local": "its region, which is unknown, is not in eu"}


def test_a_constraint_that_fails_binds() -> None:
    broken = (Constraint(rule("x", "context.n + 1 > 2").when, EU),)
    found = of(asking("gpt", Claims(context={"n": "two"})), constraints=broken)
    assert names(found) == ["claude"]
    assert "the condition of this constraint failed" in reasons(found)["gpt"]


def test_constraints_add_up_and_one_without_a_condition_always_binds() -> None:
    fault = of(asking(), constraints=(Constraint(None, EU), Constraint(None, frozenset(["us"])))).refusal
    assert (fault.code, len(fault.detail["rejected"])) == ("forbidden", 3)


def test_min_quality_is_a_floor_for_the_workload() -> None:
    found = of(asking("mini", Claims(min_quality=0.9)))
    assert names(found) == ["claude"]
    assert reasons(found) == {"mini": "min_quality 0.9 > 0.79", "gpt": "min_quality 0.9 > 0.88"}
    assert names(of(asking("mini", Claims(min_quality=0.9, workload="classification")))) == ["gpt", "claude"]
    fault = of(asking("mini", Claims(min_quality=1.0))).refusal
    assert (fault.code, fault.status, fault.param) == ("unsupported", 400, "min_quality")
    unmeasured = of(asking("local", Claims(min_quality=0.9)), tiers=())
    assert unmeasured.candidates[0].unmeasured == ("quality", "context")


def test_measured_quality_counts_for_the_floor() -> None:
    observed = nothing_observed()
    for _ in range(200):
        observed.scores.add("openai", "mini", "", 1.0)
        observed.scores.add("openai", "gpt", "", 0.2)
    found = planned(policy(tiers=EVERY), asking("gpt", Claims(min_quality=0.9)), observed)
    assert names(found) == ["claude", "mini"]


@pytest.mark.parametrize(
    ("ask", "left", "why"),
    [
        ({"image_count": 1, "input_text_bytes": 0}, ["gpt", "mini"], {"claude": "no images"}),
        ({"tool_names": ("f",)}, ["gpt", "claude", "mini"], {}),
        ({"wants_json_schema": True}, ["gpt", "claude", "mini"], {}),
        ({"input_text_bytes": 60_000}, ["gpt", "claude"], {"mini": "context 8192 < 12000"}),
        ({"max_output_tokens": 9_000}, ["gpt", "claude"], {"mini": "context 8192 < 9001"}),
        ({"max_output_tokens": 5_000, "choices": 2}, ["gpt", "claude"], {"mini": "context 8192 < 10001"}),
        ({"input_text_bytes": 20_000}, ["gpt", "claude", "mini"], {}),
    ],
)
def test_what_a_request_needs(ask: dict[str, Any], left: list[str], why: dict[str, str]) -> None:
    found = of(asking("gpt", **ask))
    assert names(found) == left
    assert reasons(found) == why


def test_escaped_text_is_not_longer_than_it_is() -> None:
    """A client that writes `\\u4f60` for each character sends twice the bytes of the same tokens."""
    body = b'"' + b"\\u4f60" * 10_000 + b'"'
    assert names(of(asking("mini", body=body, input_text_bytes=len(body)), tiers=())) == ["mini"]


def test_what_nobody_knows_passes_and_is_marked() -> None:
    found = of(asking("claude", tool_names=("f",), wants_json_schema=True), tiers=("local",))
    assert [(one.model, one.unmeasured) for one in found.candidates] == [
        ("claude", ("json_schema",)),
        ("local", ("context", "tools", "json_schema")),
    ]


@pytest.mark.parametrize(
    ("ask", "code", "param"),
    [({"image_count": 1}, "unsupported", "messages"), ({"input_text_bytes": 9_000_000}, "context_length", "messages")],
)
def test_what_no_model_can_take_is_refused_before_anything_is_sent(ask: dict[str, Any], code: str, param: str) -> None:
    fault = of(asking("claude", **ask), tiers=("claude",)).refusal
    assert (fault.code, fault.status, fault.param) == (code, 400, param)
    assert fault.help
    assert "claude" in fault.message


def test_the_last_filter_decides_what_is_said() -> None:
    """Of two models the key allows one, and that one takes no images: the caller is told of the images."""
    only = Key("k", allow_models=frozenset(["claude"]))
    fault = of(asking("auto", key="k", image_count=1), keys=(only,), tiers=("gpt", "claude")).refusal
    assert (fault.code, fault.param) == ("unsupported", "messages")
    assert [one["model"] for one in fault.detail["rejected"]] == ["gpt", "claude"]


WAYS = (
    rule("use", 'workload == "use"', use="mini"),
    rule("choose", 'workload == "choose"', choose=chosen(("gpt", "mini", "claude"), "quality > 0.8")),
    rule("split", 'workload == "split"', split=Split((("gpt", 5_000), ("claude", 5_000)), None)),
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["use", "choose", "split", "none"]),
    st.sampled_from(["gpt", "mini", "claude", "local", "auto"]),
    st.sets(st.sampled_from(["gpt", "mini", "claude", "local"])),
    st.sets(st.sampled_from(["eu", "us"]), min_size=1),
    st.sampled_from([None, 0.85, 0.9]),
    st.sampled_from([0, 1]),
    st.sampled_from([10, 60_000, 2_000_000]),
    st.permutations(["gpt", "mini", "claude", "local"]),
)
def test_whatever_routes_nobody_is_asked_that_a_filter_rejects(
    workload: str, model: str, allowed: set[str], regions: set[str], floor: float | None, images: int, size: int, tiers: list[str]
) -> None:
    made = policy(
        *WAYS,
        tiers=tuple(tiers),
        keys=(Key("k", allow_models=frozenset(allowed)),),
        constraints=(Constraint(None, frozenset(regions)),),
    )
    found = planned(made, asking(model, Claims(workload=workload, min_quality=floor), "k", image_count=images, input_text_bytes=size))
    assert (found.refusal is None) == bool(found.candidates)
    assert [one.tier for one in found.candidates] == list(range(1, len(found.candidates) + 1))
    for candidate in found.candidates:
        asked = made.models[candidate.model]
        assert asked.name in allowed
        assert asked.region in regions
        assert floor is None or asked.quality is None or asked.quality >= floor
        assert not images or asked.capabilities.images is not False
        assert not asked.context_window or size // 5 <= asked.context_window
    if found.refusal is not None:
        assert found.refusal.status in (400, 403, 503)
        assert found.refusal.help
