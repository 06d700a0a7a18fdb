"""A call that a budget has no room for waits for people before its send: parked, granted, answered once, and there after `kill -9`."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from openai import OpenAI
from tests.e2e.conftest import Serve
from tests.support.policies import GROUPS, gate, three_tiers
from tests.support.serving import Reply, Serving

from orchvynt.testing.scripted import ScriptedProvider

# A caller that waits for 11 s is held for one: it is told to come back at once, as far as a person is concerned.
BRIEF = {"x-stainless-read-timeout": "11", "authorization": "Bearer agent-1"}
CALL: dict[str, Any] = {"max_tokens": 50}


def budget(grant: str = "[500, 2000]", limit: str = "{tokens: 20}", more: str = "") -> str:
    return f"""
budgets:
  - {{name: purse, scope: workflow, limit: {limit}, window: day, on_breach: {{review: {{reviewers: people, grant: {grant}}}}}{more}}}
"""


def policy(provider: ScriptedProvider, budgets: str = "", gates: str = GROUPS) -> str:
    return three_tiers(provider, (budgets or budget()) + gates, tiers="gpt-4o")


def waits_for(found: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if result := found():
            return result
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def reviews(server: Serving) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.admin("/reviews").json["items"]
    return items


def open_review(server: Serving) -> dict[str, Any]:
    found: dict[str, Any] = waits_for(lambda: reviews(server), "nothing was parked")[0]
    return found


def decide(server: Serving, review: str, decision: str = "approve", **more: Any) -> Reply:
    return server.admin(f"/reviews/{review}/decisions", {"decision": decision, **more})


def parked(server: Serving, text: str = "hello", **options: Any) -> dict[str, Any]:
    reply = server.chat(text, BRIEF, **{**CALL, **options})
    assert reply.status == 409, reply.body
    error: dict[str, Any] = reply.json["error"]
    assert error["code"] == "hitl_pending"
    assert reply.headers["x-should-retry"] == "true"
    assert int(reply.headers["retry-after"]) <= 60
    return error


def test_an_sdk_call_parks_and_is_answered_after_an_approval_at_the_command_line(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "worth it"}]})
    server = serve(policy(scripted_provider))
    client = OpenAI(base_url=f"{server.url}/v1", api_key="agent-1", max_retries=2, timeout=60)
    with ThreadPoolExecutor(1) as pool:
        ask: Any = client.chat.completions.create
        waiting = pool.submit(ask, model="gpt-4o", max_tokens=50, messages=[{"role": "user", "content": "hello"}])
        review = open_review(server)
        assert review["gate"] == "budget purse"
        wanted = review["wanted"]
        assert (wanted["budget"], wanted["subject"], wanted["unit"]) == ("purse", "(none)", "tokens")
        assert (wanted["limit"], wanted["spent"], wanted["held"], wanted["grants"]) == ("20", "0", "0", ["500", "2000"])
        assert int(wanted["needed"]) > 50
        assert scripted_provider.ledger().totals.arrivals == 0
        shown = server.command("reviews", "show", review["review"])
        assert "hello" in shown.stdout
        assert "500 tokens, 2,000 tokens" in shown.stdout
        without = server.command("reviews", "approve", review["review"])
        assert without.returncode == 1
        assert "500, 2000" in without.stderr
        other = server.command("reviews", "approve", review["review"], "--grant", "501")
        assert other.returncode == 1
        assert not waiting.done()
        done = server.command("reviews", "approve", review["review"], "--grant", "500", "--reason", "quarter's end")
        assert done.returncode == 0, done.stderr
        assert waiting.result(timeout=30).choices[0].message.content == "worth it"
    assert scripted_provider.ledger().totals.arrivals == 1
    late = server.command("reviews", "reject", review["review"])
    assert late.returncode == 1
    assert "approved" in late.stderr
    (line,) = server.admin("/budgets").json["items"]
    assert (line["limit_tokens"], line["granted_tokens"]) == (20, 500)
    assert line["remaining_tokens"] == 520 - line["settled_tokens"]
    (given,) = server.admin("/grants").json["items"]
    assert (given["grant"], given["tokens"], given["by"], given["reason"]) == (review["review"], 500, "token:environment", "quarter's end")
    # What was granted goes on being there: the next call fits.
    assert server.chat("another", BRIEF, **CALL).status == 200
    explained = server.explain(review["review"])
    assert "approved by token:environment" in explained["verdict"]
    assert [entry["kind"] for entry in explained["timeline"]].count("budget_granted") == 1


@pytest.mark.parametrize("form", ["openai", "anthropic", "ollama"])
def test_a_parked_stream_is_delivered_as_a_stream(serve: Serve, scripted_provider: ScriptedProvider, form: str) -> None:
    scripted_provider.script({"answers": [{"text": "at last"}]})
    server = serve(policy(scripted_provider))
    message = [{"role": "user", "content": "hello"}]
    paths = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}
    body: dict[str, Any] = {"model": "gpt-4o", "stream": True, "messages": message, "max_tokens": 50}
    if form == "ollama":
        body = {"model": "gpt-4o", "stream": True, "messages": message, "options": {"num_predict": 50}}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.ask, paths[form], body)
        review = open_review(server)
        assert decide(server, review["review"], grant=500).status == 200
        reply = waiting.result(timeout=30)
    assert reply.status == 200
    assert b"at" in reply.body
    end = {"openai": b"data: [DONE]\n\n", "anthropic": b"message_stop", "ollama": b'"done":true'}[form]
    assert end in reply.body.replace(b": true", b":true")


def test_the_answer_is_there_for_who_comes_back_and_stays_the_same(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider))
    first = parked(server)
    other = server.ask("/v1/route", {"workload": "x", "messages": [{"role": "user", "content": "route"}]}, BRIEF)
    assert other.status == 202
    assert server.ask(first["poll"], headers=BRIEF).status == 409
    # Nobody is connected when it is approved.
    assert decide(server, first["review_id"], grant="500").status == 200
    reply = server.ask(f"{first['poll']}?wait=30s", headers=BRIEF)
    assert reply.status == 200
    bodies = {server.ask(first["poll"], headers=BRIEF).body for _ in range(3)}
    bodies |= {server.chat("hello", BRIEF, **CALL).body for _ in range(2)}
    assert bodies == {reply.body}
    server.kill()
    server.start()
    assert server.ask(first["poll"], headers=BRIEF).body == reply.body
    assert server.chat("hello", BRIEF, **CALL).body == reply.body
    assert scripted_provider.ledger().totals.arrivals == 1
    assert server.ask(first["poll"], headers={"authorization": "Bearer somebody-else"}).status == 404


def test_a_rejection_is_final_and_nothing_was_sent(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider))
    error = parked(server)
    refused = decide(server, error["review_id"], "reject", reason="not for this", grant=500)
    assert refused.status == 400
    assert decide(server, error["review_id"], "reject", reason="not for this").status == 200
    for reply in (server.chat("hello", BRIEF, **CALL), server.ask(error["poll"], headers=BRIEF)):
        assert (reply.status, reply.json["error"]["code"]) == (403, "review_rejected")
        assert "not for this" in reply.json["error"]["message"]
    assert scripted_provider.ledger().totals.arrivals == 0
    assert server.admin("/grants").json["items"] == []


def test_parked_calls_survive_a_kill_and_go_on_after_it(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "after the restart"}]})
    server = serve(policy(scripted_provider))
    call, stream = parked(server), parked(server, "as a stream", stream=True)
    server.kill()
    server.start()
    assert {item["review"] for item in reviews(server)} == {call["review_id"], stream["review_id"]}
    with ThreadPoolExecutor(1) as pool:
        joined = pool.submit(server.chat, "hello", {"authorization": "Bearer agent-1"}, **CALL)
        waits_for(lambda: "joined" in str(server.explain(call["review_id"])["timeline"]), "it was joined")
        assert decide(server, call["review_id"], grant=500).status == 200
        assert b"after the restart" in joined.result(timeout=30).body
    assert decide(server, stream["review_id"], grant=500).status == 200
    reply = server.ask(f"{stream['poll']}?wait=30s", headers=BRIEF)
    assert reply.status == 200, reply.body
    assert scripted_provider.ledger().totals.arrivals == 2
    assert [given["tokens"] for given in server.admin("/grants").json["items"]] == [500, 500]
    (line,) = server.admin("/budgets").json["items"]
    assert line["granted_tokens"] == 1_000


def test_a_kill_between_approval_and_answer_has_one_final_word(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.fault("openai", {"slow_first_token": "60s"})
    server = serve(policy(scripted_provider))
    error = parked(server)
    assert decide(server, error["review_id"], grant=500).status == 200
    waits_for(lambda: scripted_provider.ledger().totals.arrivals, "it was sent")
    running = server.ask(error["poll"], headers=BRIEF)
    assert running.status == 409
    assert "on its way" in running.json["error"]["message"]
    server.kill()
    server.start()
    told = [server.ask(error["poll"], headers=BRIEF), server.chat("hello", BRIEF, **CALL), server.ask(error["poll"], headers=BRIEF)]
    for reply in told:
        assert (reply.status, reply.json["error"]["code"]) == (503, "all_providers_failed")
        assert reply.headers["x-should-retry"] == "false"
        assert "outcome is unknown" in reply.json["error"]["message"]
    assert len({reply.json["error"]["message"] for reply in told}) == 1
    assert scripted_provider.ledger().totals.arrivals == 1
    explained = server.explain(error["review_id"])
    assert explained["outcome"] == "interrupted"
    (line,) = server.admin("/budgets").json["items"]
    assert (line["held_tokens"], line["granted_tokens"]) == (0, 500)
    assert line["settled_tokens"] > 0
    assert decide(server, error["review_id"], grant=500).status == 409


def test_twenty_calls_on_one_budget_and_each_review_on_its_own(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, budget("[100]")))
    errors = [parked(server, f"call {number:02}", stream=False) for number in range(2)]
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(server.chat, f"held {number:02}", {"authorization": "Bearer a"}, **CALL) for number in range(18)]
        waits_for(lambda: len(reviews(server)) == 20, "twenty are parked")
        # The only amount is the default. It lets through the one that it was given for, and nobody else.
        first = reviews(server)[0]["review"]
        assert first == errors[0]["review_id"]
        assert decide(server, first).status == 200
        assert server.ask(f"{errors[0]['poll']}?wait=30s", headers=BRIEF).status == 200
        assert len(reviews(server)) == 19
        for review in reviews(server)[1:4]:
            assert decide(server, review["review"]).status == 200
        waits_for(lambda: sum(call.done() for call in waiting) == 3, "three got their answers")
        assert len(reviews(server)) == 16
        for review in reviews(server):
            assert decide(server, review["review"], "reject").status == 200
        statuses = sorted(call.result(timeout=30).status for call in waiting)
    assert statuses == [200] * 3 + [403] * 15
    assert scripted_provider.ledger().totals.arrivals == 4


def test_sixteen_deciders_race_and_one_grants(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider))
    error = parked(server)
    barrier = threading.Barrier(16)

    def vote(number: int) -> int:
        barrier.wait()
        return decide(server, error["review_id"], grant=500 if number % 2 else 2000).status

    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(vote, range(16)))
    assert statuses == [200] + [409] * 15
    assert len(server.admin("/grants").json["items"]) == 1
    assert server.ask(f"{error['poll']}?wait=30s", headers=BRIEF).status == 200
    assert scripted_provider.ledger().totals.arrivals == 1


def test_a_grant_that_is_too_small_parks_it_again(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, budget("[1, 500]")))
    error = parked(server)
    assert decide(server, error["review_id"], grant=1).status == 200
    again = open_review(server)
    assert again["review"] != error["review_id"]
    assert again["wanted"]["limit"] == "21"
    assert server.ask(error["poll"], headers=BRIEF).json["error"]["review_id"] == again["review"]
    assert decide(server, again["review"], grant=500).status == 200
    assert server.ask(f"{error['poll']}?wait=30s", headers=BRIEF).status == 200


def test_an_approved_call_may_still_meet_an_output_gate(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, gates=gate("0s")))
    flagged = {**BRIEF, "x-orchvynt-flags": "review"}
    reply = server.chat("hello", flagged, **CALL)
    assert reply.status == 409
    error = reply.json["error"]
    assert decide(server, error["review_id"], grant=500).status == 200
    waits_for(lambda: [item for item in reviews(server) if item["gate"] == "reviewed"], "the answer is parked")
    answer = next(item for item in reviews(server))
    server.kill()
    server.start()
    assert decide(server, answer["review"], reason="fine").status == 200
    assert server.ask(f"{error['poll']}?wait=30s", headers=flagged).status == 200
    assert scripted_provider.ledger().totals.arrivals == 1


def test_operators_grant_once_and_below_their_bound(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    words = "on_breach: reject, grant_max: {tokens: 600}"
    plain = f"budgets: [{{name: purse, scope: workflow, limit: {{tokens: 20}}, window: day, {words}}}]\n"
    server = serve(three_tiers(scripted_provider, plain, tiers="gpt-4o"))
    docs = {"x-orchvynt-workflow": "docs"}
    assert server.chat("hello", docs, **CALL).status == 402
    done = server.command("budgets", "grant", "purse", "docs", "--tokens", "200", "-m", "the audit", "--id", "ticket-7")
    assert done.returncode == 0, done.stderr
    repeated = server.command("budgets", "grant", "purse", "docs", "--tokens", "200", "-m", "the audit", "--id", "ticket-7", "--json")
    assert repeated.returncode == 0
    assert '"repeated":true' in repeated.stdout.replace(" ", "").replace("\n", "")
    assert server.admin("/grants", {"budget": "purse", "subject": "docs", "tokens": 9, "reason": "x", "id": "ticket-7"}).status == 409
    assert server.chat("hello", docs, **CALL).status == 200
    barrier = threading.Barrier(10)

    def grant(number: int) -> int:
        barrier.wait()
        return server.admin("/grants", {"budget": "purse", "subject": "docs", "tokens": 150, "reason": f"try {number}"}).status

    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(grant, range(10)))
    assert statuses == [201] * 2 + [403] * 8
    for body, status in (
        ({"budget": "nothing", "subject": "docs", "tokens": 1, "reason": "x"}, 404),
        ({"budget": "purse", "subject": "", "tokens": 1, "reason": "x"}, 400),
        ({"budget": "purse", "subject": "docs", "usd": "1", "reason": "x"}, 400),
        ({"budget": "purse", "subject": "docs", "tokens": 1, "reason": " "}, 400),
        ({"budget": "purse", "subject": "docs", "tokens": 1, "usd": 1, "reason": "x"}, 400),
        ({"budget": "purse", "subject": "docs", "tokens": 0, "reason": "x"}, 400),
    ):
        assert server.admin("/grants", body).status == status, body
    server.kill()
    server.start()
    (line,) = [line for line in server.admin("/budgets").json["items"] if line["subject"] == "docs"]
    assert line["granted_tokens"] == 500
    assert "ticket-7" in server.command("budgets", "grants").stdout
    whats = [entry["what"] for entry in server.admin("/audit?limit=100").json["items"]]
    assert whats.count("budget.grant 200 tokens") == 2
    assert whats.count("budget.grant repeated") == 1


def test_who_waits_for_holds_is_woken_by_a_grant(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.fault("openai", {"slow_first_token": "60s"})
    plain = "budgets: [{name: purse, scope: global, limit: {tokens: 120}, on_breach: reject, wait_for_holds: 10m}]\n"
    server = serve(three_tiers(scripted_provider, plain, tiers="gpt-4o"))
    client = httpx.Client(base_url=server.url, timeout=120)
    with ThreadPoolExecutor(2) as pool:
        body = {"model": "gpt-4o", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}
        pool.submit(client.post, "/v1/chat/completions", json=body)
        waits_for(lambda: scripted_provider.ledger().totals.arrivals == 1, "the first was sent")
        pool.submit(client.post, "/v1/chat/completions", json={**body, "user": "second"})
        waits_for(lambda: server.admin("/status").json["holds_waiting"] == 1, "the second waits")
        assert server.admin("/grants", {"budget": "purse", "subject": "*", "tokens": 120, "reason": "more"}).status == 201
        waits_for(lambda: scripted_provider.ledger().totals.arrivals == 2, "the second was sent")
        server.kill()
