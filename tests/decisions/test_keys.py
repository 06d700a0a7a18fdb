"""A key's own claims against what its callers say: fixed wins, may_set bounds, require must be there."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.identity.claims import NOTHING, Told
from orchvynt.decisions.identity.keys import Bound, bind
from orchvynt.language.snapshot import Fixed, Key
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims

DOCS = Key(
    "doc-team",
    "docs-lead@example.com",
    Fixed(workflow="doc-analysis", flags=("audited",), context={"team": {"name": "docs"}}),
    may_set=frozenset({"agent", "run", "session", "workload", "flags"}),
    require=("run",),
    allow_models=frozenset({"gpt-4o"}),
)


def said(**claims: Any) -> Told:
    places = {name: f"x-orchvynt-{name}" for name in claims if name != "context"}
    places |= {f"context.{name}": "x-orchvynt-context" for name in claims.get("context", {})}
    return Told(Claims(**claims), places)


def held(key: Key, told: Told) -> Bound:
    found = bind(key, told)
    assert isinstance(found, Bound), found
    return found


def refused(key: Key, told: Told) -> Fault:
    found = bind(key, told)
    assert isinstance(found, Fault), found
    return found


def test_what_is_fixed_holds_and_a_contradiction_is_on_record() -> None:
    found = held(DOCS, said(workflow="support", run="r1", run_source="header", flags=("mine",), context={"team": {"name": "sales"}}))
    claims = found.claims
    assert (claims.workflow, claims.run, claims.run_source) == ("doc-analysis", "r1", "header")
    assert claims.flags == ("audited", "mine")
    assert claims.context == {"team": {"name": "docs"}}
    assert found.overruled == ("workflow: doc-analysis, not support", 'context.team: {"name":"docs"}, not {"name":"sales"}')


def test_saying_the_same_or_nothing_is_no_contradiction() -> None:
    assert held(DOCS, said(workflow="doc-analysis", run="r", flags=("audited",))).overruled == ()
    assert held(DOCS, said(run="r")).claims.workflow == "doc-analysis"


@pytest.mark.parametrize(
    ("claims", "claim", "param"),
    [
        ({"user": "ana"}, "user", "x-orchvynt-user"),
        ({"context": {"user_tier": "premium"}}, "context.user_tier", "x-orchvynt-context"),
        ({"context": {"Team": {"name": "docs"}}}, "context.Team", "x-orchvynt-context"),
        ({"min_quality": 0.1}, "min_quality", "x-orchvynt-min_quality"),
    ],
)
def test_what_a_key_may_not_set_is_refused_and_never_dropped(claims: dict[str, Any], claim: str, param: str) -> None:
    fault = refused(DOCS, said(run="r", **claims))
    assert (fault.code, fault.status, fault.param) == ("forbidden", 403, param)
    assert fault.detail == {"key": "doc-team", "claims": [claim]}
    assert claim in fault.message


def test_flags_that_a_key_may_not_set_are_refused_but_for_its_own() -> None:
    key = msgspec.structs.replace(DOCS, may_set=frozenset({"run"}))
    assert held(key, said(run="r", flags=("audited",))).claims.flags == ("audited",)
    assert refused(key, said(run="r", flags=("audited", "review"))).detail["claims"] == ["flags"]


@pytest.mark.parametrize("may", ["context", "context.user_tier"])
def test_context_may_be_allowed_whole_or_by_its_keys(may: str) -> None:
    key = msgspec.structs.replace(DOCS, may_set=frozenset({"run", may}))
    assert held(key, said(run="r", context={"user_tier": "free"})).claims.context == {"team": {"name": "docs"}, "user_tier": "free"}
    other = bind(key, said(run="r", context={"other": 1}))
    assert isinstance(other, Bound if may == "context" else Fault)


def test_a_key_without_may_set_lets_its_callers_say_everything_else() -> None:
    key = Key("open", fixed=Fixed(agent="bot"))
    claims = held(key, said(workflow="w", agent="x", user="u", parent="inv_1", context={"a": 1}, min_quality=0.4)).claims
    assert (claims.workflow, claims.agent, claims.user, claims.parent, claims.context) == ("w", "bot", "u", "inv_1", {"a": 1})
    assert claims.min_quality == 0.4


def test_a_parent_says_nothing_about_who_calls_and_needs_no_leave() -> None:
    assert held(DOCS, said(run="r", parent="inv_1")).claims.parent == "inv_1"


def test_a_fixed_quality_holds_in_both_directions() -> None:
    key = Key("k", fixed=Fixed(min_quality=0.8))
    for number in (0.1, 0.9):
        found = held(key, said(min_quality=number))
        assert (found.claims.min_quality, found.overruled) == (0.8, (f"min_quality: 0.8, not {number}",))
    assert held(key, NOTHING).claims.min_quality == 0.8


@pytest.mark.parametrize("source", ["traceparent", "session-id"])
def test_a_run_that_a_client_sends_by_itself_is_left_out_where_the_key_may_set_none(source: str) -> None:
    key = Key("k", may_set=frozenset({"agent"}))
    found = held(key, said(run="abc", run_source=source))
    assert (found.claims.run, found.claims.run_source) == ("", "")
    assert found.overruled == (f"run: (none), not abc ({source})",)
    assert refused(key, said(run="abc", run_source="header")).code == "forbidden"


def test_a_fixed_run_comes_from_the_key_and_a_trace_is_no_contradiction() -> None:
    key = Key("k", fixed=Fixed(run="nightly"))
    found = held(key, said(run="abc", run_source="traceparent"))
    assert (found.claims.run, found.claims.run_source, found.overruled) == ("nightly", "key", ())
    assert held(key, said(run="abc", run_source="header")).overruled == ("run: nightly, not abc",)


@pytest.mark.parametrize(
    ("require", "words"),
    [
        ("run", ["x-orchvynt-run", "orchvynt_run"]),
        ("workflow", ["x-orchvynt-workflow", "orchvynt_workflow", "/@WORKFLOW/AGENT"]),
        ("flags", ["x-orchvynt-flags", "orchvynt_flags"]),
        ("context", ["x-orchvynt-context", "orchvynt_context"]),
        ("context.user_tier", ["x-orchvynt-context", '{"user_tier": …}', "orchvynt_context"]),
        ("min_quality", ["x-orchvynt-min-quality", "orchvynt_min_quality"]),
    ],
)
def test_what_is_required_is_asked_for_with_every_way_to_say_it(require: str, words: list[str]) -> None:
    fault = refused(Key("k", require=(require,)), NOTHING)
    assert (fault.code, fault.param, fault.detail) == ("invalid_request", words[0], {"key": "k", "missing": [require]})
    assert all(word in fault.help for word in words)


def test_what_is_required_may_be_fixed_or_found() -> None:
    assert held(Key("k", fixed=Fixed(run="r"), require=("run",)), NOTHING).claims.run == "r"
    assert held(Key("k", require=("run",)), said(run="t", run_source="traceparent")).claims.run == "t"
    assert held(Key("k", require=("context.a",)), said(context={"a": 0})).claims.context == {"a": 0}
    assert isinstance(bind(Key("k", require=("context.a",)), said(context={"a": None})), Fault)


TEXTS = st.sampled_from(["", "docs", "Docs", "dосs", "support", "(none)"])
CLAIMS = st.builds(
    Claims,
    workflow=TEXTS, agent=TEXTS, run=TEXTS, session=TEXTS, workload=TEXTS, user=TEXTS,
    flags=st.lists(st.sampled_from(["a", "b", "A"]), max_size=3).map(tuple),
    context=st.dictionaries(st.sampled_from(["team", "tier"]), st.sampled_from(["docs", None, 1, {"x": 1}])),
    min_quality=st.sampled_from([None, 0.0, 0.5]),
)  # fmt: skip
FIXED = st.builds(
    Fixed,
    workflow=TEXTS, agent=TEXTS, run=TEXTS, session=TEXTS, workload=TEXTS, user=TEXTS,
    flags=st.lists(st.sampled_from(["a", "b"]), max_size=2).map(tuple),
    context=st.dictionaries(st.sampled_from(["team", "tier"]), st.sampled_from(["docs", {"x": 2}])),
    min_quality=st.sampled_from([None, 0.9]),
)  # fmt: skip


@settings(max_examples=200)
@given(CLAIMS, FIXED, st.none() | st.frozensets(st.sampled_from(["workflow", "agent", "run", "flags", "context", "user"])))
def test_nothing_that_is_said_gets_past_what_is_fixed(claims: Claims, fixed: Fixed, may_set: frozenset[str] | None) -> None:
    found = bind(Key("k", fixed=fixed, may_set=may_set), Told(claims))
    if isinstance(found, Fault):
        assert found.code == "forbidden"
        return
    for name in ("workflow", "agent", "run", "session", "workload", "user"):
        wanted = getattr(fixed, name) or getattr(claims, name)
        assert getattr(found.claims, name) == wanted
    assert set(fixed.flags) <= set(found.claims.flags)
    assert all(found.claims.context[name] == value for name, value in fixed.context.items())
    assert fixed.min_quality is None or found.claims.min_quality == fixed.min_quality
