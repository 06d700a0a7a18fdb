"""Rate limits from outside: who is let in, what a refusal says in each dialect, official clients that come back; nothing leaks."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import Serve
from tests.support.outside import chat, locked, of_kind, post
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving
from tests.support.workers import Working, is_there
from tests.support.workers import until as soon

from orchvynt.testing.scripted import ScriptedProvider

MESSAGES = [{"role": "user", "content": "hello"}]
BODY = b'{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hello"}]}'
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)


def policy(provider: ScriptedProvider, *limits: str, more: str = "", tiers: str = "gpt-4o, claude") -> str:
    return three_tiers(provider, "rate_limits:\n" + "".join(f"  - {{{one}}}\n" for one in limits) + more, tiers=tiers)


def lines(server: Serving) -> dict[tuple[str, str], Any]:
    return {(line["name"], line["subject"]): line for line in server.admin("/rate-limits").json["items"]}


def until(holds: Any, what: str) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


def test_past_the_limit_a_caller_is_told_when_to_come_back(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, "name: per-agent, scope: agent, limit: {invocations: 3}, window: hour"))
    mine = {"x-orchvynt-agent": "drafting"}
    answers = [chat(server, "gpt-4o", headers=mine) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["2", "1", "0", "0", "0"]
    refused = answers[-1]
    assert 1_100 < int(refused.headers["retry-after"]) <= 1_200
    error = refused.json["error"]
    assert (error["code"], error["type"], error["rate_limit"]) == ("rate_limited", "rate_limit_error", "per-agent")
    assert error["subject"] == "drafting"
    assert (error["unit"], error["limit"], error["window"], error["remaining"]) == ("invocations", 3, "hour", 0)
    assert chat(server, "gpt-4o", headers={"x-orchvynt-agent": "retrieval"}).status == 200, "another agent has its own"
    assert [chat(server, "gpt-4o").status for _ in range(4)] == [200, 200, 200, 429], "whoever says nothing shares one"
    assert len(scripted_provider.ledger().arrivals) == 7
    record = server.explain(error["invocation_id"])
    assert (record["outcome"], record["model"]) == ("refused", "")
    assert "per-agent" in record["verdict"]
    assert of_kind(record, "invocation_refused")[0]["detail"]["rate_limit"] == "per-agent"
    assert lines(server)[("per-agent", "drafting")]["refused"] == 2
    shown = server.command("limits").stdout
    assert "per-agent" in shown
    assert "0 of 3" in shown


def test_every_dialect_hears_it_in_its_own_words(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, "name: all, scope: global, limit: {invocations: 1, tokens: 100000}, window: day"))
    message = {"model": "claude", "max_tokens": 20, "messages": MESSAGES}
    first = post(server.port, "/v1/messages", message)
    assert first.status == 200
    assert first.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert first.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert int(first.headers["anthropic-ratelimit-tokens-remaining"]) > 99_900
    assert not [name for name in first.headers if name.startswith("x-ratelimit")]
    heard = post(server.port, "/v1/messages", message)
    assert (heard.status, heard.json["type"], heard.json["error"]["type"]) == (429, "error", "rate_limit_error")
    assert heard.headers["anthropic-ratelimit-requests-limit"] == "1"
    routed = post(server.port, "/v1/route", {"workload": "x", "messages": MESSAGES})
    assert (routed.status, routed.json["error"]["code"]) == (429, "rate_limited")
    assert routed.headers["x-ratelimit-limit-requests"] == "1"
    local = post(server.port, "/api/chat", {"model": "local", "messages": MESSAGES, "stream": False})
    assert local.status == 429
    assert "all" in local.json["error"]
    streamed = chat(server, "gpt-4o", stream=True)
    assert (streamed.status, streamed.streamed) == (429, False)
    assert all(int(answer.headers["retry-after"]) > 86_000 for answer in (heard, routed, local, streamed))


def test_official_clients_come_back_when_they_were_told_to(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, "name: slow, scope: key, limit: {invocations: 1}, window: rolling 3s"))

    def of_openai() -> None:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="k-1", max_retries=4) as client:
            for _ in range(2):
                assert client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices[0].message.content  # type: ignore[arg-type]
            with pytest.raises(openai.RateLimitError) as refused:
                client.with_options(max_retries=0).chat.completions.create(model="gpt-4o", messages=MESSAGES)  # type: ignore[arg-type]
        assert refused.value.code == "rate_limited"
        assert refused.value.response.headers["x-ratelimit-limit-requests"] == "1"

    def of_anthropic() -> None:
        with anthropic.Anthropic(base_url=server.url, api_key="k-2", max_retries=4) as client:
            for _ in range(2):
                assert client.messages.create(model="claude", max_tokens=20, messages=MESSAGES).content  # type: ignore[arg-type]
            with pytest.raises(anthropic.RateLimitError) as refused:
                client.with_options(max_retries=0).messages.create(model="claude", max_tokens=20, messages=MESSAGES)  # type: ignore[arg-type]
        assert refused.value.response.headers["anthropic-ratelimit-requests-limit"] == "1"

    with ThreadPoolExecutor(2) as callers:
        for told in [callers.submit(of_openai), callers.submit(of_anthropic)]:
            told.result(timeout=60)
    assert sum(line["refused"] for line in lines(server).values()) >= 2
    assert len(scripted_provider.ledger().arrivals) == 4


def test_tokens_are_counted_as_they_are_used(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    """Sixteen tokens a call at most: a limit of 120 takes several that say nothing of their output, and then no more."""
    server = serve(policy(scripted_provider, "name: tokens, scope: global, limit: {tokens: 120}, window: day"))
    statuses = [chat(server, "gpt-4o").status for _ in range(12)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert statuses == sorted(statuses)
    used = scripted_provider.ledger().totals.tokens
    assert 80 <= used <= 136, "all but what one more call needs"
    assert statuses.count(200) == len(scripted_provider.ledger().arrivals)
    large = chat(server, "gpt-4o", max_tokens=500)
    assert large.status == 429
    assert large.json["error"]["needed"] > 500


def test_who_is_counted_is_what_an_expression_says(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    limit = """name: customer, by: 'context.customer', when: 'workflow == "shop"', limit: {invocations: 2}, window: hour"""
    server = serve(policy(scripted_provider, limit))

    def status(customer: Any, workflow: str = "shop") -> int:
        context = f'{{"customer": {customer}}}'
        return chat(server, "gpt-4o", headers={"x-orchvynt-workflow": workflow, "x-orchvynt-context": context}).status

    assert [status('"a"') for _ in range(3)] == [200, 200, 429]
    assert [status("7"), status("7.0"), status('"7"')] == [200, 200, 429], "one value is one subject, however it is written"
    assert [status("null") for _ in range(3)] == [200, 200, 429]
    assert status('"a"', workflow="other") == 200
    assert status('["a"]') == 400
    hostile = ['"\\u0000\\u202e<script>"', '"\' OR 1=1 --"', '"' + "x" * 2_000 + '"']
    assert [status(customer) for customer in hostile for _ in range(3)] == [200, 200, 429] * 3
    assert server.command("limits", "--json").returncode == 0


def test_ten_at_a_time_and_whoever_leaves_makes_room(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"match": {}, "text": "hi", "latency": "2s"}]})
    server = serve(policy(scripted_provider, "name: ten, scope: global, limit: {concurrent: 10}"))
    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(lambda _: chat(server, "gpt-4o", wait=60), range(50)))
        statuses = [answer.status for answer in answers]
        assert set(statuses) == {200, 429}
        assert statuses.count(200) >= 10
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status == 429)
    assert all(answer.json["error"]["unit"] == "concurrent" for answer in answers if answer.status == 429)
    assert len(scripted_provider.ledger().arrivals) == statuses.count(200)
    assert lines(server) == {}, "nobody runs, and nothing is used up"
    leaving = [socket.create_connection(("127.0.0.1", server.port), 20) for _ in range(10)]
    for one in leaving:
        one.sendall(HEAD + BODY)
    until(lambda: lines(server).get(("ten", "*"), {}).get("running") == 10, "all ten run")
    assert chat(server, "gpt-4o").status == 429
    for one in leaving:
        one.close()
    until(lambda: lines(server) == {}, "those that left run no longer")
    scripted_provider.script({})
    scripted_provider.fault("*", {"status": 500})
    assert [chat(server, "gpt-4o").status for _ in range(12)] == [503] * 12
    assert lines(server) == {}


def test_what_is_answered_from_memory_or_waits_for_people_is_no_new_call(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    limit = "name: few, scope: global, limit: {invocations: 2, concurrent: 1}, window: day"
    server = serve(policy(scripted_provider, limit, more=gate(up_to="1s")))
    key = {"idempotency-key": "k-1"}
    assert [chat(server, "gpt-4o", headers=key).status for _ in range(4)] == [200] * 4
    flagged = {"x-orchvynt-flags": "review"}
    pending = chat(server, "gpt-4o", text="look at it", headers=flagged)
    assert pending.status == 409
    assert lines(server)[("few", "*")]["running"] == 0, "what is parked does not run"
    again = chat(server, "gpt-4o", text="look at it", headers={**flagged, "x-stainless-retry-count": "1"})
    assert again.json["error"]["code"] == "hitl_pending", "it joins, and is not counted"
    assert chat(server, "gpt-4o").status == 429
    server.kill()
    server.start()
    assert [chat(server, "gpt-4o").status for _ in range(3)] == [200, 200, 429], "a restart begins with full limits"


def test_a_provider_without_quota_is_passed_by_before_it_refuses(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "5m0s", "x-ratelimit-limit-requests": "1"}
    scripted_provider.script({"answers": [{"match": {"provider": "openai"}, "text": "hi", "headers": spent}]})
    server = serve(policy(scripted_provider, "name: many, scope: global, limit: {invocations: 100}"))
    first = chat(server, "gpt-4o")
    assert (first.status, first.headers["x-orchvynt-model"]) == (200, "gpt-4o")
    assert first.headers["x-ratelimit-limit-requests"] == "100", "ours, not the provider's"
    second = chat(server, "gpt-4o")
    assert (second.status, second.headers["x-orchvynt-model"]) == (200, "claude")
    record = server.explain("last")
    assert of_kind(record, "candidate_skipped")[0]["detail"]["because"] == "quota"
    assert "resting (quota)" in record["verdict"]
    route = next(row for row in server.admin("/providers").json["items"] if row["model"] == "gpt-4o")
    assert (route["state"], route["why"]) == ("resting", "quota")
    assert "(quota)" in server.command("providers").stdout


def test_limits_hold_over_all_workers_and_one_that_dies_runs_nothing(
    store: tuple[str, ...], tmp_path: Path, scripted_provider: ScriptedProvider
) -> None:
    limits = "name: per-agent, scope: agent, limit: {invocations: 20}, window: hour", "name: two, scope: workflow, limit: {concurrent: 2}"
    scripted_provider.script({"otherwise": {"latency": "300s"}})
    with Working(tmp_path, policy(scripted_provider, *limits), arguments=("--workers", "3", *store)) as server:
        mine = {"x-orchvynt-agent": "drafting", "x-orchvynt-workflow": "letters"}
        with ThreadPoolExecutor(12) as pool:
            open_ = [pool.submit(_or_nothing, server, mine) for _ in range(2)]
            soon(lambda: len(scripted_provider.ledger().arrivals) == 2)
            refused = chat(server, "gpt-4o", headers=mine)
            assert (refused.status, refused.json["error"]["rate_limit"]) == (429, "two"), "whichever worker is asked"
            scripted_provider.script({"answers": [{"text": "yes"}]})
            pids = server.serving(3)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            soon(lambda: not any(map(is_there, pids)))
            server.serving(3)
            assert [one.result() for one in open_] == [0, 0], "they went with their workers"
            others = [{**mine, "x-orchvynt-workflow": f"letter {number}"} for number in range(60)]
            told = list(pool.map(lambda headers: chat(server, "gpt-4o", headers=headers), others))
        answered = [answer for answer in told if answer.status == 200]
        assert (len(answered), [answer.status for answer in told].count(429)) == (18, 42), "what the dead let in is counted"
        assert sorted(int(answer.headers["x-ratelimit-remaining-requests"]) for answer in answered) == list(range(18))
        line = lines(server)["per-agent", "drafting"]
        assert (line["remaining_invocations"], line["refused"], line["running"]) == (0, 42, 0)
        soon(lambda: chat(server, "gpt-4o", headers={"x-orchvynt-workflow": "letters"}).status == 200)


def test_a_caller_that_leaves_while_the_store_is_asked_is_not_sent_for(tmp_path: Path, scripted_provider: ScriptedProvider) -> None:
    """Two workers share the limit, and another program holds the store's lock while the caller leaves."""
    limits = "name: few, scope: global, limit: {concurrent: 5, tokens: 100000}, window: day"
    with Working(tmp_path, policy(scripted_provider, limits), arguments=("--workers", "2")) as server:
        assert chat(server, "gpt-4o").status == 200
        with locked(server):
            for _ in range(4):
                with socket.create_connection(("127.0.0.1", server.port), 20) as gone:
                    gone.sendall(HEAD + BODY)
        left = soon(lambda: found if len(found := [one for one in _listed(server) if one["outcome"] == "cancelled"]) == 4 else [])
        record = server.explain(left[0]["invocation"])
        assert [of["kind"] for of in record["timeline"]] == ["invocation_received", "caller_left", "invocation_finished"]
        assert "nothing was sent to a provider" in record["verdict"]
        assert len(scripted_provider.ledger().arrivals) == 1
        soon(lambda: not lines(server).get(("few", "*"), {}).get("running"))
        assert chat(server, "gpt-4o").status == 200


def _listed(server: Serving) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.admin("/invocations").json["items"]
    return items


def _or_nothing(server: Serving, headers: dict[str, str]) -> int:
    try:
        return chat(server, "gpt-4o", headers=headers).status
    except OSError:
        return 0
