"""Policies are tested with what serves them: routes, fallbacks, budgets, gates, keys; and what is not met is told at its place."""

from typing import Any

import pytest
from tests.rehearsal.policies import FILE, POLICY, complaints, one, rehearse, with_tests

from orchvynt.language.document.section import fields_of
from orchvynt.language.document.tests import GivenEntry

GPT = {"model": "gpt-4o"}
STREAM = {"model": "gpt-4o", "stream": True}
NO_ANSWER: dict[str, Any] = {"refused": "all_providers_failed", "status": 503}

ROUTES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"model": "gpt-4o-mini", "provider": "openai", "tier": 1, "rule": "", "gates": [], "budgets": [], "status": 200, "run": ""}),
    ({"workload": "classification", "model": "gpt-4o"}, {"model": "gpt-4o-mini", "rule": "cheap", "gates": []}),
    ({"workload": "classification"}, {"model": "small"}),
    ({"workload": "synthesis"}, {"model": "gpt-4o", "rule": "floor", "rejected": ["gpt-4o-mini"]}),
    ({"model": "small", "stream": True}, {"model": "gpt-4o-mini", "status": 200, "refused": ""}),
    ({"model": "claude", "stream": True}, {"model": "claude", "provider": "anthropic"}),
    ({"model": "mistral", "stream": True}, {"model": "mistral", "provider": "lab"}),
    ({"model": "spare"}, {"model": "spare", "provider": "second"}),
    ({"endpoint": "/v1/route", "workload": "classification"}, {"model": "gpt-4o-mini", "rule": "cheap"}),
    ({"endpoint": "/v1/route", "max_tokens": 3}, {"model": "gpt-4o-mini", "limited_by": ""}),
    ({"endpoint": "/v1/nothing"}, {"refused": "not_found", "status": 404}),
    ({"model": "nobody"}, {"refused": "model_not_found", "status": 404}),
    ({"run": "r-1", "agent": "a", "session": "s", "user": "u"}, {"run": "r-1"}),
    # In the policy's timezone: 05:30 in Berlin is still 04:30 in UTC.
    ({"at": "2025-07-01T05:30"}, {"rule": "night", "model": "mistral"}),
    ({"at": "2025-07-01T04:30Z"}, {"rule": ""}),
    ({"at": "2025-07-01T03:30+00:00"}, {"rule": "night"}),
]


@pytest.mark.parametrize(("given", "expect"), ROUTES)
def test_routes(given: dict[str, Any], expect: dict[str, Any]) -> None:
    item = one(given, expect)
    assert complaints(item) == []
    assert item.passed


# What each field of `given` lets an expression of the policy see.
FIELDS: list[tuple[str, Any, str]] = [
    ("workload", "translation", 'workload == "translation"'),
    ("workflow", "w", 'workflow == "w"'),
    ("agent", "a", 'agent == "a"'),
    ("run", "r", 'run == "r"'),
    ("session", "s", 'session == "s"'),
    ("user", "ana", 'user == "ana"'),
    ("flags", ["one", "two"], '"one" in flags && "two" in flags'),
    ("context", {"tier": "free", "ages": [1, 2], "name": "Zoë"}, 'context.tier == "free" && 2 in context.ages && context.name == "Zoë"'),
    ("min_quality", 0.75, "min_quality == 0.75"),
    ("model", "claude", 'requested_model == "claude"'),
    ("messages", [{"role": "system", "content": "be brief"}, {"role": "user", "content": "why?"}], 'input.text.contains("why?")'),
    ("tools", [{"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}], '"search" in tools'),
    ("stream", True, "stream"),
    ("max_tokens", 7, "max_output_tokens == 7"),
    ("response_format", {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}, "wants.json_schema"),
    ("endpoint", "/v1/route", 'endpoint == "/v1/route"'),
    ("at", "2025-01-18T23:30", "now.hour == 23 && now.weekday == 6"),
]


@pytest.mark.parametrize(("field", "value", "when"), FIELDS, ids=[field for field, _, _ in FIELDS])
def test_the_policy_sees_every_field_of_the_call(field: str, value: Any, when: str) -> None:
    policy = POLICY.replace("  rules:\n", f"  rules:\n    - {{name: seen, when: '{when}', use: gpt-4o}}\n")
    assert complaints(one({field: value}, {"rule": "seen"}, policy)) == []
    assert "seen" not in one({}, {"rule": "seen"}, policy).verdict


def test_every_field_of_the_call_is_tried() -> None:
    assert {field for field, _, _ in FIELDS} == set(fields_of(GivenEntry)) - {"key"}


CONSTRAINED = (
    POLICY
    + """\
constraints: [{when: 'context.residency == "eu"', regions: [eu]}]
"""
)


def test_constraints_bind_every_tier() -> None:
    european = {"model": "gpt-4o", "context": {"residency": "eu"}}
    assert complaints(one(european, {"model": "claude", "rejected": ["gpt-4o", "mistral"]}, CONSTRAINED)) == []
    assert complaints(one(european, NO_ANSWER, CONSTRAINED, anthropic={"status": 503})) == []
    assert complaints(one({"model": "gpt-4o"}, {"model": "gpt-4o"}, CONSTRAINED)) == []


# How openai fails → the trigger that leads to claude, for an answer in one body and for a stream.
FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"status": 429}, "rate_limit", "rate_limit"),
    ({"status": 429, "retry_after": "2s"}, "rate_limit", "rate_limit"),
    ({"status": 402}, "quota", "quota"),
    ({"status": 529}, "overloaded", "overloaded"),
    ({"status": 503}, "server_error", "server_error"),
    ({"status": 503, "message": "we are overloaded"}, "overloaded", "overloaded"),
    ({"status": 401}, "auth", "auth"),
    ({"echo_key": True}, "auth", "auth"),
    ({"status": 400, "message": "maximum context length exceeded"}, "context_length", "context_length"),
    ({"fault": "redirect"}, "malformed", "malformed"),
    ({"fault": "html_200"}, "malformed", "malformed"),
    ({"fault": "error_object_200"}, "malformed", "malformed"),
    ({"fault": "empty_200"}, "malformed", "malformed"),
    ({"fault": "bad_json"}, "malformed", "malformed"),
    ({"fault": "invalid_utf8"}, "malformed", "malformed"),
    ({"fault": "wrong_content_type"}, "malformed", "malformed"),
    ({"gzip": "corrupt"}, "malformed", "malformed"),
    ({"gzip": "bomb", "size": "32MiB"}, "malformed", "malformed"),
    ({"giant_header": "128KiB"}, "malformed", "malformed"),
    ({"giant_body": "20MiB"}, "malformed", ""),
    ({"fault": "close_before_byte"}, "connection", "connection"),
    ({"fault": "reset_before_byte"}, "connection", "connection"),
    ({"refuse_connections": True}, "connection", "connection"),
    ({"fault": "silent"}, "timeout", "timeout"),
    ({"fault": "pings_only"}, "timeout", "timeout"),
    ({"latency": "400s"}, "timeout", "timeout"),
    ({"stall_after": 0}, "timeout", "timeout"),
    ({"cut_after": 0}, "malformed", "cut"),
    ({"clean_end_without_terminal": 0}, "malformed", "cut"),
    ({"reset_after": 0}, "malformed", "cut"),
    ({"error_event_after": 0}, "server_error", "server_error"),
]


@pytest.mark.parametrize(("fault", "whole", "stream"), FAULTS, ids=[str(fault) for fault, _, _ in FAULTS])
def test_every_fault_leads_to_the_next_tier(fault: dict[str, Any], whole: str, stream: str) -> None:
    rescued = {"model": "claude", "tier": 2, "status": 200, "refused": ""}
    for given, trigger in ((GPT, whole), (STREAM, stream)):
        if trigger:
            assert complaints(one(given, {**rescued, "trigger": trigger}, openai=fault)) == []


@pytest.mark.parametrize("manner", ["one_byte_writes", "one_write", "crlf", "close_on_reuse"])
def test_ways_of_writing_change_nothing(manner: str) -> None:
    for given in (GPT, STREAM):
        assert complaints(one(given, {"model": "gpt-4o", "trigger": ""}, openai={"fault": manner})) == []


@pytest.mark.parametrize("fault", [{"cut_after": 1}, {"reset_after": 1}, {"error_event_after": 1}, {"stall_after": 1}])
def test_a_stream_that_breaks_after_content_ends_with_the_error(fault: dict[str, Any]) -> None:
    assert complaints(one(STREAM, {"model": "gpt-4o", "status": 200, "refused": "all_providers_failed"}, openai=fault)) == []


def test_tiers_fail_one_after_the_other() -> None:
    down: dict[str, dict[str, Any]] = {"openai": {"status": 503}, "anthropic": {"status": 429, "retry_after": "60s"}}
    assert complaints(one(GPT, {"model": "mistral", "tier": 3, "trigger": "rate_limit"}, **down)) == []
    assert complaints(one(GPT, NO_ANSWER, **down, lab={"fault": "html_200"})) == []
    assert complaints(one(GPT, {"model": "gpt-4o", "trigger": ""}, openai={"status": 503, "match": {"nth": 1}})) == []


def test_a_provider_is_told_from_another_at_the_same_address() -> None:
    assert complaints(one({"model": "spare"}, {"provider": "second"}, openai={"status": 503})) == []
    assert complaints(one({"model": "spare"}, {"provider": "openai", "tier": 2}, second={"status": 503})) == []


def test_the_providers_own_refusal_is_no_fallback() -> None:
    refused = {"refused": "invalid_request", "status": 400, "trigger": ""}
    assert complaints(one(GPT, refused, openai={"status": 400})) == []


def test_budgets_apply_limit_and_refuse() -> None:
    tiny = {"refused": "budget_exceeded", "status": 402, "budgets": ["tiny"]}
    assert complaints(one({**GPT, "workflow": "tiny"}, tiny)) == []
    assert complaints(one({**GPT, "workflow": "small"}, {"model": "gpt-4o", "budgets": ["small"], "limited_by": "small"})) == []
    assert complaints(one({**GPT, "workflow": "small", "max_tokens": 5}, {"budgets": ["small"], "limited_by": ""})) == []
    assert complaints(one(GPT, {"budgets": []})) == []


def test_gates_park_what_they_match() -> None:
    parked = {"model": "gpt-4o", "gates": ["financial"], "refused": "hitl_pending"}
    for given in (GPT, STREAM):
        assert complaints(one({**given, "flags": ["financial", "other"]}, {**parked, "status": 409})) == []
    assert complaints(one({**GPT, "endpoint": "/v1/route", "flags": ["financial"]}, {**parked, "status": 202})) == []
    assert one({**GPT, "flags": ["financial"]}, {"gates": ["financial"]}).outcome == "parked"


def test_gates_judge_the_scripted_answer() -> None:
    judged = {**GPT, "flags": ["judged"]}
    assert complaints(one(judged, {"gates": ["unsure"]}, openai={"text": "hm"})) == []
    assert complaints(one(judged, {"gates": [], "status": 200}, openai={"text": "yes"})) == []


def test_a_split_keeps_a_run_on_its_side() -> None:
    sides = set()
    for run in range(12):
        first, again = (one({"workflow": "halves", "run": f"r{run}"}, {"model": "gpt-4o", "rule": "halves"}) for _ in range(2))
        assert first == again
        sides.add(first.passed)
    assert sides == {True, False}


KEYS = (
    POLICY
    + """\
keys:
  - {name: doc-team, fixed: {workflow: small}, may_set: [run], require: [run], allow_models: [claude, mistral]}
"""
)


def test_a_key_says_who_calls_and_bounds_what_may_answer() -> None:
    team = {"key": "doc-team", "run": "r1"}
    assert complaints(one({**team, "model": "claude"}, {"model": "claude", "budgets": ["small"], "run": "r1"}, KEYS)) == []
    assert complaints(one({**team, "model": "gpt-4o"}, {"refused": "forbidden", "status": 403}, KEYS)) == []
    # Nobody named the default: the chain goes on to the first that may answer.
    assert complaints(one(team, {"model": "claude", "rejected": ["gpt-4o-mini", "gpt-4o"]}, KEYS)) == []
    assert complaints(one({"key": "doc-team"}, {"refused": "invalid_request", "status": 400}, KEYS)) == []
    assert complaints(one({**team, "agent": "x"}, {"refused": "forbidden", "status": 403}, KEYS)) == []


def test_without_a_key_the_caller_is_unrestricted() -> None:
    assert complaints(one(GPT, {"model": "gpt-4o", "budgets": [], "rejected": []}, KEYS)) == []


def test_what_is_not_met_is_told_where_it_is_expected() -> None:
    text = with_tests({"name": "wrong", "given": GPT, "providers": {"openai": {"status": 503}}, "expect": {"model": "gpt-4o", "tier": 1}})
    told = rehearse(text)
    (item,) = told.items
    line = text.splitlines()[-1]
    number, column, tier = len(text.splitlines()), line.rindex('"gpt-4o"') + 1, line.rindex("1") + 1
    verdict = "Asked gpt-4o; got claude, because openai answered 503 (2 tries); $0.000117."
    assert (told.passed, told.failures, item.passed, item.verdict) == (False, 1, False, verdict)
    assert [unmet.problem.text.splitlines()[0] for unmet in item.unmet] == [
        f"{FILE}:{number}:{column}: `model` is claude, expected gpt-4o",
        f"{FILE}:{number}:{tier}: `tier` is 2, expected 1",
    ]
    assert [(unmet.expectation, unmet.expected, unmet.happened) for unmet in item.unmet] == [("model", "gpt-4o", "claude"), ("tier", 1, 2)]
    assert item.unmet[0].problem.path == "tests[0].expect.model"
    excerpt = item.unmet[0].problem.excerpt.splitlines()
    assert excerpt[0][excerpt[1].index("^") :].startswith('"gpt-4o"')


def test_a_test_in_block_style_is_told_at_its_line() -> None:
    text = (
        POLICY
        + "tests:\n  - name: block\n    given:\n      model: gpt-4o\n    expect:\n      status: 200\n      gates:\n        - unsure\n"
    )
    (item,) = rehearse(text).items
    (unmet,) = item.unmet
    last = len(text.splitlines())
    assert (unmet.problem.line, unmet.problem.column) == (last, 9)


def test_a_behaviour_that_cannot_be_is_told_where_it_stands() -> None:
    text = with_tests({"given": GPT, "providers": {"openai": {"status": 302}}, "expect": {"status": 200}})
    (item,) = rehearse(text).items
    (unmet,) = item.unmet
    assert not item.passed
    assert unmet.problem.path == "tests[0].providers.openai"
    assert unmet.problem.message == "`status` is 302; give an error status, 400 to 599"


def test_each_test_begins_with_nothing() -> None:
    """The second would find openai's key resting after the first, and the budget spent."""
    down = {
        "given": {**GPT, "workflow": "small", "max_tokens": 100},
        "providers": {"openai": {"status": 401}},
        "expect": {"model": "claude"},
    }
    up = {"given": {**GPT, "workflow": "small", "max_tokens": 100}, "expect": {"model": "gpt-4o", "tier": 1}}
    told = rehearse(with_tests(down, up, down, up))
    assert [complaints(item) for item in told.items] == [[], [], [], []]


def test_the_same_file_gives_the_same_results() -> None:
    text = with_tests({"given": GPT, "providers": {"openai": {"status": 503}}, "expect": {"model": "claude"}})
    assert rehearse(text) == rehearse(text)


def test_long_waits_pass_in_virtual_time() -> None:
    item = one(GPT, {"model": "claude", "trigger": "timeout"}, openai={"fault": "silent"})
    assert item.passed
    assert 300_000 <= item.duration_ms < 300_100


def test_only_tests_whose_names_fit_are_run() -> None:
    text = with_tests({"name": "a", "expect": {"status": 200}}, {"name": "b", "expect": {"status": 500}})
    told = rehearse(text, "a")
    assert ([item.name for item in told.items], told.left_out, told.passed) == (["a"], 1, True)


def test_a_broken_policy_is_not_run() -> None:
    told = rehearse(with_tests({"expect": {"modle": "gpt-4o"}}))
    assert (told.passed, told.items) == (False, ())
    (error,) = [problem for problem in told.problems if problem.severity == "error"]
    assert "modle" in error.message


CHAINS = POLICY.replace(
    "  chains:\n",
    """\
  use: [{when: 'workflow == "triage"', chain: cheap}]
  breaker: {min_calls: 1, open_for: 1m}
  chains:
    cheap: {tiers: [mistral, claude], triggers: [status_503, policy]}
""",
)


def test_the_chain_of_the_workflow_serves() -> None:
    down = {"status": 503}
    found = one({**GPT, "workflow": "triage"}, {"model": "mistral", "tier": 2, "trigger": "status_503"}, CHAINS, openai=down)
    assert complaints(found) == []
    assert complaints(one(GPT, {"model": "claude", "trigger": "server_error"}, CHAINS, openai=down)) == []
    other = {"status": 500}
    assert complaints(one({**GPT, "workflow": "triage"}, NO_ANSWER, CHAINS, openai=other)) == []


def test_a_breaker_that_opens_ends_the_retries_in_virtual_time_as_well() -> None:
    patient = CHAINS.replace("max_retries: 1", "max_retries: 5")
    breaking = one(GPT, {"model": "claude", "trigger": "server_error"}, patient, openai={"status": 503})
    waiting = one(GPT, {"model": "claude", "trigger": "server_error"}, patient.replace("min_calls: 1,", ""), openai={"status": 503})
    assert complaints(breaking) == complaints(waiting) == []
    assert breaking.duration_ms < 100 < waiting.duration_ms


def test_a_tier_that_cannot_take_the_request_is_a_fallback_where_the_chain_names_policy() -> None:
    plain = CHAINS.replace(
        'mistral:     {provider: lab, model: "mistral:7b"',
        'mistral:     {provider: lab, model: "mistral:7b", capabilities: {images: false}',
    )
    asked = {
        "model": "mistral",
        "workflow": "triage",
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}],
    }
    assert complaints(one(asked, {"model": "claude", "trigger": "policy"}, plain)) == []
    [complaint] = complaints(one({**asked, "workflow": "x"}, {"trigger": "policy"}, plain))
    assert "no fallback was activated" in complaint
