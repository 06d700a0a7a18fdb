"""A parked answer: held, pending, joined, polled, decided once, and there after `kill -9`."""

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai import OpenAI
from tests.e2e.conftest import Serve
from tests.support.policies import gate, three_tiers
from tests.support.serving import Reply, Serving

from orchvynt.testing.scripted import ScriptedProvider

FLAGGED = {"x-orchvynt-flags": "review", "authorization": "Bearer agent-1"}


def open_review(server: Serving) -> dict[str, Any]:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if found := server.admin("/reviews").json["items"]:
            review: dict[str, Any] = found[0]
            return review
        time.sleep(0.02)
    raise AssertionError("nothing was parked")


def decide(server: Serving, review: str, decision: str = "approve", reason: str = "looked at it") -> Reply:
    return server.admin(f"/reviews/{review}/decisions", {"decision": decision, "reason": reason})


def parked(server: Serving, text: str = "hello", **options: Any) -> Reply:
    """A call whose gate does not hold its caller: answered pending at once."""
    reply = server.chat(text, FLAGGED, **options)
    assert reply.status == 409, reply.body
    assert reply.json["error"]["code"] == "hitl_pending"
    assert reply.headers["x-should-retry"] == "true"
    assert int(reply.headers["retry-after"]) <= 60
    return reply


def test_an_unflagged_answer_is_not_held(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate()))
    assert server.chat().status == 200
    assert server.admin("/reviews").json["items"] == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_held_caller_gets_the_approved_answer(serve: Serve, scripted_provider: ScriptedProvider, stream: bool) -> None:
    server = serve(three_tiers(scripted_provider, gate()))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.chat, "hello", FLAGGED, stream=stream)
        review = open_review(server)
        time.sleep(0.1)
        assert not waiting.done()
        assert decide(server, review["review"]).status == 200
        reply = waiting.result(timeout=20)
    assert reply.status == 200
    if stream:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.body.endswith(b"data: [DONE]\n\n")
        assert b": x-orchvynt-cost-usd=" in reply.body
    explained = server.explain(review["review"])
    assert "approved by token:environment" in explained["verdict"]


def test_a_rejected_answer_is_never_seen(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "the secret plan"}]})
    server = serve(three_tiers(scripted_provider, gate("0s")))
    pending = parked(server).json["error"]
    assert b"secret plan" not in server.ask(pending["poll"], headers=FLAGGED).body
    assert decide(server, pending["review_id"], "reject", "not ours to tell").status == 200
    reply = server.chat("hello", FLAGGED)
    assert (reply.status, reply.json["error"]["code"]) == (403, "review_rejected")
    assert reply.headers["x-should-retry"] == "false"
    assert "not ours to tell" in reply.json["error"]["message"]
    assert scripted_provider.ledger().totals.arrivals == 1


def test_a_reason_is_required_and_a_review_is_decided_once(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    review = parked(server).json["error"]["review_id"]
    refused = server.command("reviews", "approve", review)
    assert refused.returncode == 1
    assert "reason" in refused.stderr
    assert server.command("reviews", "approve", review, "--reason", "fine").returncode == 0
    late = server.command("reviews", "reject", review, "--reason", "too late")
    assert late.returncode == 1
    assert "approved" in late.stderr


def test_sixteen_deciders_race_and_one_wins(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    review = parked(server).json["error"]["review_id"]
    barrier = threading.Barrier(16)

    def vote(number: int) -> int:
        barrier.wait()
        return decide(server, review, "approve" if number % 2 else "reject", f"voter {number}").status

    with ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(vote, range(16)))
    assert statuses == [200] + [409] * 15
    decided = [entry for entry in server.explain(review)["timeline"] if entry["kind"] == "review_decided"]
    assert len(decided) == 1


def test_the_answer_is_identical_however_often_it_is_read(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    pending = parked(server).json["error"]
    assert server.ask(pending["poll"], headers=FLAGGED).status == 409
    assert decide(server, pending["review_id"]).status == 200
    polls = [server.ask(pending["poll"], headers=FLAGGED) for _ in range(3)]
    joins = [server.chat("hello", FLAGGED) for _ in range(3)]
    assert {reply.status for reply in polls + joins} == {200}
    assert len({reply.body for reply in polls + joins}) == 1
    assert scripted_provider.ledger().totals.arrivals == 1
    assert server.ask(pending["poll"], headers={"authorization": "Bearer somebody-else"}).status == 404
    record = pending["poll"].removesuffix("/result")
    assert server.ask(record, headers=FLAGGED).json["outcome"] == "answered"
    assert server.ask(record, headers={"authorization": "Bearer somebody-else"}).status == 404


def test_a_parked_answer_survives_a_kill_and_so_does_a_vote(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    first, second = parked(server, "first").json["error"], parked(server, "second").json["error"]
    server.kill()
    server.start()
    assert {item["review"] for item in server.admin("/reviews").json["items"]} == {first["review_id"], second["review_id"]}
    assert decide(server, first["review_id"]).status == 200
    server.kill()
    server.start()
    assert [item["review"] for item in server.admin("/reviews").json["items"]] == [second["review_id"]]
    reply = server.ask(first["poll"], headers=FLAGGED)
    assert reply.status == 200
    assert server.chat("first", FLAGGED).body == reply.body
    assert decide(server, first["review_id"]).status == 409
    assert decide(server, second["review_id"], "reject").status == 200
    assert scripted_provider.ledger().totals.arrivals == 2


def test_the_clients_own_retry_joins(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("1s")))
    with OpenAI(base_url=f"{server.url}/v1", api_key="agent", max_retries=5) as agent, ThreadPoolExecutor(1) as pool:

        def ask() -> str:
            messages: Any = [{"role": "user", "content": "hello"}]
            answer = agent.chat.completions.create(model="gpt-4o", messages=messages, extra_headers={"x-orchvynt-flags": "review"})
            return answer.choices[0].message.content or ""

        waiting = pool.submit(ask)
        review = open_review(server)["review"]
        time.sleep(1.5)  # the first connection was answered pending by then
        assert decide(server, review).status == 200
        assert waiting.result(timeout=60)
    assert scripted_provider.ledger().totals.arrivals == 1
    kinds = [entry["kind"] for entry in server.explain(review)["timeline"]]
    assert kinds.count("review_decided") == 1


def test_equal_calls_side_by_side_are_invocations_of_their_own(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("1s")))
    with ThreadPoolExecutor(5) as pool:
        replies = list(pool.map(lambda _: server.chat("hello", FLAGGED), range(5)))
    assert len({reply.json["error"]["review_id"] for reply in replies}) == 5
    assert scripted_provider.ledger().totals.arrivals == 5
    with ThreadPoolExecutor(5) as pool:
        again = list(pool.map(lambda _: server.chat("hello", FLAGGED), range(5)))
    assert {r.json["error"]["review_id"] for r in again} == {r.json["error"]["review_id"] for r in replies}
    assert scripted_provider.ledger().totals.arrivals == 5


def test_a_long_poll_hears_of_the_decision(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    pending = parked(server).json["error"]
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(server.ask, f"{pending['poll']}?wait=30s", None, FLAGGED)
        time.sleep(0.3)
        assert not polling.done()
        assert decide(server, pending["review_id"]).status == 200
        assert polling.result(timeout=10).status == 200


def test_a_long_poll_does_not_hold_up_a_stop(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate("0s")))
    pending = parked(server).json["error"]
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(server.ask, f"{pending['poll']}?wait=60s", None, FLAGGED)
        time.sleep(0.3)
        assert server.stop() == 0
        assert polling.result(timeout=10).json["error"]["code"] == "hitl_pending", "and not cut when the drain is over"
    server.start()
    assert decide(server, pending["review_id"]).status == 200
    assert server.ask(pending["poll"], headers=FLAGGED).status == 200


def test_nobody_decides_in_time(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    escalation = "    escalation: [{after: 1s, do: reject}]"
    server = serve(three_tiers(scripted_provider, gate("20s", escalation)))
    reply = server.chat("hello", FLAGGED)
    assert (reply.status, reply.json["error"]["code"]) == (403, "review_expired")


def test_an_escalation_that_fell_due_while_nobody_served_happens_at_the_start(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    escalation = "    escalation: [{after: 1s, do: reject}]"
    server = serve(three_tiers(scripted_provider, gate("0s", escalation)))
    pending = parked(server).json["error"]
    server.kill()
    time.sleep(1.0)
    server.start()
    reply = server.ask(f"{pending['poll']}?wait=10s", headers=FLAGGED)
    assert (reply.status, reply.json["error"]["code"]) == (403, "review_expired")


def test_a_gate_does_not_judge_one_choice_of_several(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, gate()))
    reply = server.chat("hello", FLAGGED, n=2)
    assert (reply.status, reply.json["error"]["code"], reply.json["error"]["param"]) == (400, "unsupported", "n")
    assert server.chat("hello", n=2).status == 200
    assert scripted_provider.ledger().totals.arrivals == 1


def test_a_kill_between_vote_and_commit_loses_nothing(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    """The vote is in the journal at once and in the store up to a tenth of a second later; the reply waits for the store."""
    server = serve(three_tiers(scripted_provider, gate("0s")))
    unanswered_but_kept = 0
    for number in range(6):
        pending = parked(server, f"question {number}").json["error"]
        review = pending["review_id"]
        with ThreadPoolExecutor(1) as pool:
            voting = pool.submit(_status_or_cut, server, review)
            _wait_for_vote_in_journal(server, pending["invocation_id"])
            server.kill()
            told = voting.result(timeout=20)
        server.start()
        status = server.admin(f"/reviews/{review}").json["status"]
        assert status == "approved", "what the journal holds is decided"
        unanswered_but_kept += told == 0
        assert decide(server, review, "reject").status == 409
        assert server.ask(pending["poll"], headers=FLAGGED).status == 200
        decided = [entry for entry in server.explain(review)["timeline"] if entry["kind"] == "review_decided"]
        assert len(decided) == 1
    assert unanswered_but_kept, "no kill fell between the vote and its commit"
    assert scripted_provider.ledger().totals.arrivals == 6


def _status_or_cut(server: Serving, review: str) -> int:
    """The status of a vote; 0 if the server died before it answered."""
    try:
        return decide(server, review).status
    except (OSError, http.client.HTTPException):
        return 0


def _wait_for_vote_in_journal(server: Serving, inv: str) -> None:
    fact = b'"fact":"review_decided","inv":"%b"' % inv.encode()
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if any(fact in segment.read_bytes() for segment in (server.folder / "orchvynt.db.journal").iterdir()):
            return
    raise AssertionError("the vote did not reach the journal")
