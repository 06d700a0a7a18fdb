"""What each resource gives and changes, and that each change is on the audit."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lifecycle.explain import lives
from tests.surfaces.world import BAD, GOOD, NOW, OLD, SECOND, World, alert_line, budget_line, rate_limit_line, renamed

from orchvynt.ports.store import AuditRow
from orchvynt.runtime.control import ProviderLine
from orchvynt.surfaces.admin.asking import Row
from orchvynt.surfaces.admin.openapi import PARAMETER
from orchvynt.surfaces.admin.paging import page, sortable
from orchvynt.surfaces.admin.table import BESIDE, PREFIX, ROWS


def pages(world: World, path: str, limit: int) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    after = ""
    for _ in range(100):
        joined = "&" if "?" in path else "?"
        given_page = world.ask("GET", f"{path}{joined}limit={limit}{f'&after={after}' if after else ''}").json
        assert len(given_page["items"]) <= limit
        items += given_page["items"]
        if given_page["next"] is None:
            return items
        after = given_page["next"]
    raise AssertionError("the pages never end")


def test_apply_history_rollback(world: World) -> None:
    first = world.ask("POST", "/policies", "operator", {"yaml": GOOD, "message": "start", "expected_version": 0, "commit": "abc"})
    assert (first.status, first.json["version"], first.json["author"], first.json["commit"]) == (200, 1, "token:operator", "abc")
    second = world.ask("POST", "/policies", body={"yaml": OLD, "message": "second", "file": "my.yaml"}).json
    assert second["warnings"] == [{"file": "my.yaml", "line": 2, "column": 1, "message": "this is discouraged", "severity": "warning"}]
    late = world.ask("POST", "/policies", body={"yaml": GOOD, "message": "late", "expected_version": 1})
    assert (late.status, late.error["code"]) == (409, "conflict")
    assert world.ask("POST", "/policies/rollback", body={}).json["version"] == 3
    assert world.ask("POST", "/policies/2/rollback", body={"message": "again"}).json["message"] == "again"
    assert world.ask("POST", "/policies/rollback", body={"version": 99}).status == 404
    history = pages(world, "/policies", 3)
    assert [item["version"] for item in history] == [4, 3, 2, 1]
    assert [item["current"] for item in history] == [True, False, False, False]
    assert world.ask("GET", "/policies/3").json["yaml"] == GOOD
    whats = [(row.what, row.why) for row in world.audits]
    assert whats == [
        ("policy.apply", "start"),
        ("policy.apply", "second"),
        ("policy.apply refused", "late"),
        ("policy.rollback", "rollback to version 1"),
        ("policy.rollback", "again"),
        ("policy.rollback refused", ""),
    ]
    assert world.audits[0].who == "token:operator"
    assert world.audits[0].at == NOW


def test_a_policy_with_problems_is_refused_with_their_places(world: World) -> None:
    answer = world.ask("POST", "/policies", body={"yaml": BAD, "message": "m", "file": "team/policy.yaml"})
    assert (answer.status, answer.error["code"]) == (422, "policy_invalid")
    assert "team/policy.yaml:2:1: unknown field `modles`" in answer.error["message"]
    assert answer.error["detail"]["problems"][0]["line"] == 2
    assert world.policies == []
    assert world.audits[0].what == "policy.apply refused"
    checked = world.ask("POST", "/policies/validate", "viewer", {"yaml": BAD, "file": "x.yaml"}).json
    assert checked["valid"] is False
    assert checked["problems"][0]["file"] == "x.yaml"


def test_policies_are_compared_and_new_addresses_need_an_admin(world: World) -> None:
    assert world.ask("POST", "/policies", body={"yaml": GOOD, "message": "start"}).status == 200
    lab = GOOD + "# lab\n"
    change = world.ask("POST", "/policies/diff", "viewer", {"yaml": lab, "file": "next.yaml"}).json
    binding = "provider lab: new address http://lab:80"
    assert change == {
        "old": "version 1", "new": "next.yaml", "same": False, "words": ["# lab"], "bindings": [binding], "problems": []
    }  # fmt: skip
    assert world.ask("POST", "/policies/validate", "viewer", {"yaml": lab}).json["bindings"] == [binding]
    refused = world.ask("POST", "/policies", "operator", {"yaml": lab, "message": "m"})
    assert (refused.status, refused.error["code"]) == (403, "forbidden")
    assert world.audits[-1].what == "policy.apply refused"
    assert world.ask("POST", "/policies", "admin", {"yaml": lab, "message": "m"}).status == 200
    assert world.ask("POST", "/policies/diff", "viewer", {"old": 1, "new": 2}).json["words"] == ["# lab"]
    assert world.ask("POST", "/policies/diff", "viewer", {"new": 1}).json["old"] == "version 2"
    assert world.ask("POST", "/policies/diff", "viewer", {"old": 9}).status == 404
    assert world.ask("POST", "/policies/diff", "viewer", {"new": 1, "yaml": lab}).error["param"] == "new"
    assert world.ask("POST", "/policies/diff", "viewer", {"yaml": BAD}).json["problems"][0]["line"] == 2


def test_until_is_a_duration_and_versions_are_numbers(world: World) -> None:
    for until in ("soon", "0s", "-1h", "1.5h", "9999d", "1w", "h", "１h"):
        refused = world.ask("POST", "/policies", body={"yaml": GOOD, "message": "m", "until": until})
        assert (refused.status, refused.error["param"]) == (400, "until")
    applied = world.ask("POST", "/policies", body={"yaml": GOOD, "message": "m", "until": "90s"}).json
    assert applied["until"] == "2026-01-01T01:01:30.000000Z"
    assert [replica["version"] for replica in applied["replicas"]] == [1]
    for path, body in (
        ("/policies/diff", {"old": 10**30}),
        ("/policies/rollback", {"version": 0}),
        ("/policies/rollback", {"version": 10**12}),
    ):
        assert world.ask("POST", path, body=body).status == 400


def test_an_invocation_is_explained_by_any_reference(world: World) -> None:
    world.happened(lives.approved())
    for reference in ("inv_01", "last", "att_01.2", "rev_01.1", "req-1", "r1"):
        told = world.ask("GET", f"/invocations/{reference}", "viewer").json
        assert told["verdict"].startswith("Asked gpt-4o; got claude, because openai answered 429")
        assert len(told["timeline"]) == len(lives.approved())
    assert world.ask("GET", "/invocations/nobody").error["param"] == "reference"


def test_last_without_any_says_so(world: World) -> None:
    assert world.ask("GET", "/invocations/last").error["message"] == "No invocation has finished yet."


def test_invocations_page_and_runs_add_up(world: World) -> None:
    for number in range(1, 8):
        inv = f"inv_{number:02d}"
        world.happened(renamed(lives.approved() if number % 2 else lives.fell_back(), inv, f"rev_{number}"))
    listed = pages(world, "/invocations", 3)
    assert [item["invocation"] for item in listed] == [f"inv_{number:02d}" for number in range(7, 0, -1)]
    assert listed[0]["cost_usd"] == "0.0031"
    assert (listed[0]["outcome"], listed[1]["outcome"]) == ("answered", "running")
    told = world.ask("GET", "/runs/r1").json
    assert told["invocations"] == 7
    assert told["cost_usd"] == "0.0217"
    assert told["input_tokens"] == 700
    assert told["agents"] == ["drafting"]
    assert [item["invocation"] for item in told["items"]] == [f"inv_{number:02d}" for number in range(1, 8)]
    assert world.ask("GET", "/runs/nobody").status == 404
    assert world.ask("GET", "/invocations/r1").json["others"][0] == "inv_06"


def test_rate_limits(world: World) -> None:
    world.control.rate_limit_lines = [rate_limit_line("per-agent", f"a/{number}") for number in range(3)]
    listed = pages(world, "/rate-limits", 2)
    assert [item["subject"] for item in listed] == ["a/0", "a/1", "a/2"]
    assert listed[0] == {
        "name": "per-agent", "scope": "agent", "subject": "a/0", "window": "minute", "limit_invocations": 60,
        "remaining_invocations": 12, "limit_tokens": None, "remaining_tokens": None, "limit_concurrent": 10, "running": 3, "refused": 2,
        "full_at": "2026-01-01T01:00:48.000000Z",
    }  # fmt: skip


def test_budgets(world: World) -> None:
    world.control.budget_lines = [budget_line("team", f"s/{number}") for number in range(5)]
    listed = pages(world, "/budgets", 2)
    assert [item["subject"] for item in listed] == [f"s/{number}" for number in range(5)]
    one = world.ask("GET", "/budgets/team/s%2F3").json
    assert (one["remaining_nanos"], one["remaining_tokens"], one["resets_at"]) == (1_000_000_000, None, "2026-01-01T02:00:00.000000Z")
    assert world.ask("GET", "/budgets/team/x").error["param"] == "subject"
    assert world.ask("GET", "/budgets/nothing/x").error["param"] == "name"


def test_a_review_shows_its_answer_and_is_decided_once(world: World) -> None:
    parked = [*lives.fell_back(), *lives.opened()]
    world.happened(renamed(parked, "inv_01", "rev_1", NOW - 60 * SECOND))
    world.happened(renamed(parked, "inv_02", "rev_0", NOW - 90 * SECOND))
    world.happened(renamed([*parked, lives.decided("approve")], "inv_03", "rev_9"))
    assert [item["review"] for item in world.ask("GET", "/reviews", "viewer").json["items"]] == ["rev_0", "rev_1"]
    assert len(pages(world, "/reviews?status=all", 2)) == 3
    shown = world.ask("GET", "/reviews/rev_1", "reviewer").json
    assert shown["answer"]["text"] == "the secret answer"
    assert shown["reads"] == {"flags": ["financial"]}
    assert shown["verdict"].startswith("Asked gpt-4o; got claude")
    assert "join_key" not in shown
    assert world.ask("GET", "/reviews/rev_1", "viewer").status == 403
    decisions = "/reviews/rev_1/decisions"
    assert world.ask("POST", decisions, "reviewer", {"decision": "approve"}).error["param"] == "reason"
    assert world.ask("POST", decisions, "reviewer", {"decision": "maybe"}).error["param"] == "decision"
    done = world.ask("POST", decisions, "reviewer", {"decision": "approve", "reason": "checked"}).json
    assert (done["status"], done["by"], done["reason"]) == ("approved", "token:reviewer", "checked")
    late = world.ask("POST", decisions, "admin", {"decision": "reject", "reason": "no"})
    assert (late.status, late.error["code"]) == (409, "conflict")
    assert [row.what for row in world.audits[-3:]] == ["review.approve refused", "review.approve", "review.reject refused"]
    assert (world.audits[-2].who, world.audits[-2].why, world.audits[-2].subject) == ("token:reviewer", "checked", "rev_1")
    assert world.ask("GET", "/reviews/nothing").status == 404
    assert world.ask("POST", "/reviews/nothing/decisions", body={"decision": "approve"}).status == 404


def test_providers_models_status(world: World) -> None:
    world.control.provider_lines = [
        ProviderLine("gpt-4o", "openai", "gpt-4o", "api.openai.com:443", NOW + SECOND, "rate_limit", 10, 3),
        ProviderLine("claude", "anthropic", "claude-x", "api.anthropic.com:443", NOW - SECOND, "rate_limit", 5, 0),
    ]
    first, second = world.ask("GET", "/providers").json["items"]
    assert (first["model"], first["state"], first["why"]) == ("claude", "ready", "")
    assert (second["state"], second["resting_until"]) == ("resting", "2026-01-01T01:00:01.000000Z")
    pattern, small = world.ask("GET", "/models").json["items"]
    assert (pattern["model"], pattern["pattern"], pattern["input_nanos_per_million"]) == ("claude-*", True, None)
    assert (small["aliases"], small["price_source"]) == (["small"], "genai-prices 1")
    status = world.ask("GET", "/status").json
    assert (status["version"], status["store"], status["started_at"]) == ("0.1.0", "sqlite:///orchvynt.db", "2025-12-31T23:00:00.000000Z")


def test_alerts(world: World) -> None:
    assert world.ask("GET", "/alerts", "viewer").json == {"items": [], "next": None}
    mishap = msgspec.structs.replace(alert_line("quota_exhausted"), chain="", activation_rate=None, phase="resolving", notify=())
    world.control.alert_lines = [alert_line(), alert_line(provider="anthropic"), mishap]
    items = pages(world, "/alerts", 1)
    assert [(item["alert"], item["provider"], item["state"]) for item in items] == [
        ("fallback.alerts[0]", "anthropic", "firing"),
        ("fallback.alerts[0]", "openai", "firing"),
        ("quota_exhausted", "openai", "resolving"),
    ]
    assert items[1] == {
        "alert": "fallback.alerts[0]",
        "when": "activation_rate > 0.1",
        "state": "firing",
        "window_ms": 300_000.0,
        "chain": "default",
        "provider": "openai",
        "activation_rate": 0.25,
        "calls": 40,
        "since": "2026-01-01T00:59:00.000000Z",
        "invocation": "inv_01",
        "notify": ["oncall"],
        "budget": "",
        "subject": "",
        "threshold": "",
        "spent": "",
    }
    assert items[2]["activation_rate"] is None
    assert len(world.ask("GET", "/status").json["alerts"]) == 3


def test_the_audit_pages_through_entries_of_one_instant(world: World) -> None:
    for number in range(10):
        asyncio.run(world.store.audit(AuditRow(NOW + number // 4, "token:a", "x", "", str(number))))
    assert [item["subject"] for item in pages(world, "/audit", 3)] == [str(number) for number in range(9, -1, -1)]


def test_the_openapi_document_has_every_route_and_its_shapes(world: World) -> None:
    answer = world.ask("GET", "/openapi.json", role="")
    document = answer.json
    served = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    within = {(row.method, PREFIX + PARAMETER.sub(r"{\1}", row.path)) for row in ROWS}
    assert served == within | {(row.method, row.path) for row in BESIDE}
    identifiers = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
    assert len(set(identifiers)) == len(identifiers)
    refs = set(_refs(document))
    assert refs
    assert all(ref.removeprefix("#/components/schemas/") in document["components"]["schemas"] for ref in refs)


@pytest.mark.parametrize("row", [*ROWS, *BESIDE], ids=lambda row: f"{row.method} {row.path}")
def test_every_row_says_its_role_and_shapes_in_the_document(row: Row) -> None:
    assert row.summary.endswith((".", "?"))
    assert (row.takes is not None) == (row.method in ("POST", "PATCH") and row.path != "/logout")
    assert row.role is not None or row.path in ("/health", "/login", "/login/exchange")


def _refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [ref for part in value.values() for ref in _refs(part)]
        return [*found, value["$ref"]] if "$ref" in value else found
    return [ref for part in value for ref in _refs(part)] if isinstance(value, list) else []


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 10**12), max_size=40), st.integers(1, 10), st.booleans())
def test_pages_give_everything_once_in_order(numbers: set[int], limit: int, newest_first: bool) -> None:
    given_items: list[int] = []
    after = ""
    while True:
        cut = page(numbers, sortable, lambda number: number, limit, after, newest_first)
        given_items += cut.items
        if cut.next is None:
            break
        after = cut.next
    assert given_items == sorted(numbers, reverse=newest_first)
