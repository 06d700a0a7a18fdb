"""Budgets by the value of an expression, windows that roll, lifetimes that end, new names, and `kill -9`: from outside."""

import time

from tests.e2e.conftest import Serve
from tests.e2e.test_budget_scopes import ROOM, lines, policy
from tests.support.outside import chat
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider


def spend_all(server: Serving, context: str) -> int:
    """How many calls got through before the budget refused one."""
    for number in range(20):
        heard = chat(server, "gpt-4o", headers={"x-orchvynt-context": context}, max_tokens=20)
        if heard.status != 200:
            assert (heard.status, heard.json["error"]["code"]) == (402, "budget_exceeded")
            return number
    raise AssertionError("the budget refused nobody")


def test_each_value_is_a_subject_and_spend_is_back_after_a_crash(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    by = f"  - {{name: one, by: context.customer, limit: {{{ROOM}}}, window: rolling 30d}}\n"
    server = serve(policy(scripted_provider, by))
    assert spend_all(server, '{"customer": 7}') > 0
    assert chat(server, "gpt-4o", headers={"x-orchvynt-context": '{"customer": "7"}'}, max_tokens=20).status == 402
    assert spend_all(server, '{"customer": "\\u202eevil\\u0000"}') > 0
    assert spend_all(server, "{}") > 0
    assert chat(server, "gpt-4o", max_tokens=20).status == 402, "leaving it out is no escape"
    assert chat(server, "gpt-4o", headers={"x-orchvynt-context": '{"customer": [1]}'}, max_tokens=20).status == 400
    found = lines(server)
    assert {line["window"] for line in found.values()} == {"rolling 30d"}
    assert {"7", "(none)"} < {subject for _, subject in found}
    assert all(subject.isprintable() for _, subject in found)
    before = {key: line["settled_tokens"] for key, line in found.items()}
    server.kill()
    server.start()
    assert {key: line["settled_tokens"] for key, line in lines(server).items()} == before
    assert chat(server, "gpt-4o", headers={"x-orchvynt-context": '{"customer": 7}'}, max_tokens=20).status == 402


def test_who_names_nobody_may_be_refused(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, f"  - {{name: one, scope: run, limit: {{{ROOM}}}, missing: refuse}}\n"))
    heard = chat(server, "gpt-4o", max_tokens=20)
    error = heard.json["error"]
    assert (heard.status, error["code"], error["param"], error["budget"]) == (400, "invalid_request", "run", "one")
    assert chat(server, "gpt-4o", headers={"x-orchvynt-run": "(none)"}, max_tokens=20).status == 400
    assert chat(server, "gpt-4o", headers={"x-orchvynt-run": "r1"}, max_tokens=20).status == 200


def test_what_rolled_out_and_who_was_idle_may_go_on(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    rolls = f"  - {{name: rolls, scope: workflow, when: 'workflow == \"a\"', limit: {{{ROOM}}}, window: rolling 4s}}\n"
    idle = f"  - {{name: idles, scope: workflow, when: 'workflow == \"b\"', limit: {{{ROOM}}}, idle: 2s}}\n"
    server = serve(policy(scripted_provider, rolls, idle))
    for workflow in ("a", "b"):
        own = {"x-orchvynt-workflow": workflow}
        heard = [chat(server, "gpt-4o", headers=own, max_tokens=20) for _ in range(8)][-1]
        assert heard.status == 402
        assert bool(heard.json["error"]["resets"]) == (workflow == "a")
        until = time.monotonic() + 60
        while chat(server, "gpt-4o", headers=own, max_tokens=20).status != 200:
            assert time.monotonic() < until
            time.sleep(2.5)  # a call that is refused keeps nobody from being idle, but it need not come more often


def test_a_new_name_keeps_the_spend_over_a_crash_and_without_was(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    def named(name: str, more: str = "") -> str:
        return policy(scripted_provider, f"  - {{name: {name}, scope: global, limit: {{{ROOM}}}, window: month{more}}}\n")

    server = serve(named("old"))
    assert spend_all(server, "{}") > 0
    spent = lines(server)["old", "*"]["settled_tokens"]
    for text in (named("new", ", was: old"), named("new")):
        done = server.admin("/policies", {"yaml": text, "message": "rename"})
        assert done.status in (200, 201), done.json
        assert lines(server)["new", "*"]["settled_tokens"] == spent
        server.kill()
        server.start()
        assert lines(server)["new", "*"]["settled_tokens"] == spent
        assert chat(server, "gpt-4o", max_tokens=20).status == 402
    checked = server.admin("/policies/validate", {"yaml": named("other")}).json
    assert any("`was: new` would carry what new has spent" in problem["message"] for problem in checked["problems"]), checked
