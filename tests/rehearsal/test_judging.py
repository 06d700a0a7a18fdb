"""Each expectation against what happened: held, not held, and in which words."""

from typing import Any

import msgspec
import pytest

from orchvynt.rehearsal.happened import Happened
from orchvynt.rehearsal.judging import MEASURES, differences

ANSWERED = Happened(
    model="claude", provider="anthropic", tier=2, rule="cheap", triggers=("rate_limit", "server_error"), gates=("money", "tone"),
    budgets=("company", "team"), status=200, rejected=("mistral", "gpt-4o"), run="r1", limited_by="team", routed=True, outcome="parked",
)  # fmt: skip
NOTHING = Happened(status=404, refused="model_not_found", routed=True)
BREACHED = Happened(budgets=("company", "team"), breached=("team",), refused="budget_exceeded", status=402, routed=True)
ALIASES = {"smart": "claude", "small": "mistral"}

HOLD: list[tuple[Happened, str, Any]] = [
    (ANSWERED, "model", "claude"),
    (ANSWERED, "model", "smart"),
    (ANSWERED, "provider", "anthropic"),
    (ANSWERED, "tier", 2),
    (ANSWERED, "rule", "cheap"),
    (NOTHING, "rule", ""),
    (ANSWERED, "trigger", "rate_limit"),
    (ANSWERED, "trigger", "server_error"),
    (ANSWERED, "trigger", ["rate_limit", "server_error"]),
    (NOTHING, "trigger", ""),
    (ANSWERED, "gates", ["tone", "money"]),
    (NOTHING, "gates", []),
    (ANSWERED, "budgets", ["team"]),
    (ANSWERED, "budgets", ["team", "company"]),
    (NOTHING, "budgets", []),
    (BREACHED, "budgets", ["team"]),
    (NOTHING, "refused", "model_not_found"),
    (ANSWERED, "refused", ""),
    (ANSWERED, "status", 200),
    (ANSWERED, "rejected", ["mistral"]),
    (ANSWERED, "rejected", ["small", "gpt-4o"]),
    (NOTHING, "rejected", []),
    (ANSWERED, "run", "r1"),
    (NOTHING, "run", ""),
    (ANSWERED, "limited_by", "team"),
    (ANSWERED, "limited_by", "budget:team"),
    (NOTHING, "limited_by", ""),
]
FAIL: list[tuple[Happened, str, Any, str]] = [
    (ANSWERED, "model", "gpt-4o", "`model` is claude, expected gpt-4o"),
    (NOTHING, "model", "gpt-4o", "nobody answered, expected gpt-4o"),
    (ANSWERED, "provider", "openai", "`provider` is anthropic, expected openai"),
    (ANSWERED, "tier", 1, "`tier` is 2, expected 1"),
    (NOTHING, "tier", 1, "nobody answered, expected 1"),
    (ANSWERED, "rule", "", "`rule` is cheap, expected none"),
    (NOTHING, "rule", "cheap", "no rule matched, expected cheap"),
    (ANSWERED, "trigger", "timeout", "`trigger` is [rate_limit, server_error], expected timeout"),
    (ANSWERED, "trigger", ["server_error", "rate_limit"], "`trigger` is [rate_limit, server_error], expected [server_error, rate_limit]"),
    (NOTHING, "trigger", "timeout", "no fallback was activated, expected timeout"),
    (ANSWERED, "gates", [], "`gates` is [money, tone], expected []"),
    (ANSWERED, "gates", ["money"], "`gates` is [money, tone], expected money"),
    (NOTHING, "gates", ["money"], "no gate matched, expected money"),
    (ANSWERED, "budgets", [], "`budgets` is [company, team], expected []"),
    (ANSWERED, "budgets", ["other"], "`budgets` is [company, team], expected other"),
    (BREACHED, "budgets", ["company"], "`budgets` is team, expected company"),
    (NOTHING, "budgets", ["team"], "no budget applied, expected team"),
    (ANSWERED, "refused", "budget_exceeded", "it was not refused, expected budget_exceeded"),
    (NOTHING, "refused", "budget_exceeded", "`refused` is model_not_found, expected budget_exceeded"),
    (NOTHING, "status", 200, "`status` is 404, expected 200"),
    (ANSWERED, "rejected", ["claude"], "`rejected` is [mistral, gpt-4o], expected claude"),
    (ANSWERED, "rejected", [], "`rejected` is [mistral, gpt-4o], expected []"),
    (NOTHING, "rejected", ["claude"], "no model was rejected, expected claude"),
    (ANSWERED, "run", "r2", "`run` is r1, expected r2"),
    (NOTHING, "run", "r2", "it belongs to no run, expected r2"),
    (ANSWERED, "limited_by", "company", "`limited_by` is team, expected company"),
    (NOTHING, "limited_by", "company", "nothing limited the output, expected company"),
    (ANSWERED, "colour", "red", "there is no expectation `colour`"),
]


@pytest.mark.parametrize(("happened", "name", "expected"), HOLD)
def test_what_happened_was_expected(happened: Happened, name: str, expected: Any) -> None:
    assert differences({name: expected}, happened, ALIASES) == []


@pytest.mark.parametrize(("happened", "name", "expected", "said"), FAIL)
def test_what_happened_was_not_expected(happened: Happened, name: str, expected: Any, said: str) -> None:
    found = differences({name: expected}, happened, ALIASES)
    assert [(one.name, one.expected, one.message) for one in found] == [(name, expected, said)]


def test_every_expectation_is_tried_both_ways() -> None:
    assert {name for _, name, _ in HOLD} == set(MEASURES)
    assert {name for _, name, _, _ in FAIL} - {"colour"} == set(MEASURES)


def test_several_expectations_fail_apart_and_in_their_order() -> None:
    found = differences({"tier": 1, "model": "claude", "rule": "dear"}, ANSWERED, {})
    assert [one.name for one in found] == ["tier", "rule"]


def test_a_request_that_never_was_routed_meets_nothing_by_accident() -> None:
    malformed = Happened(status=400, refused="invalid_request")
    (found,) = differences({"gates": []}, malformed, {})
    assert found.name == ""
    assert found.message == "the request was refused (400 invalid_request) before it was routed, and the test does not expect that"
    assert differences({"refused": "invalid_request", "gates": []}, malformed, {}) == []
    assert differences({"status": 400}, malformed, {}) == []
    assert differences({"gates": []}, msgspec.structs.replace(malformed, routed=True), {}) == []


def test_a_gate_that_looks_at_requests_is_met_by_its_name_alone() -> None:
    parked = Happened(status=409, refused="hitl_pending", gates=("asked",))
    assert differences({"gates": ["asked"]}, parked, {}) == []
    assert [one.name for one in differences({"gates": ["other"]}, parked, {})] == ["gates"]
