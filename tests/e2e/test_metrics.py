"""The metrics page of a running server, after a day in small: each counter is what the records say, and what the provider's ledger says."""

import socket
import time
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tests.e2e.conftest import Serve
from tests.support.outside import chat, post, say
from tests.support.policies import gate, three_tiers
from tests.support.recount import Entry, differences, recount, shown
from tests.support.serving import TOKEN, Reply, Serving, _ask

from orchvynt.runtime.metrics import METRICS
from orchvynt.testing.scripted import ScriptedProvider

BUDGETS = """
budgets:
  - {name: tight, scope: workflow, when: 'workflow == "tight"', limit: {tokens: 100}, on_breach: reject, wait_for_holds: 0s}
  - {name: all, scope: global, limit: {usd: 100, tokens: 10000000}, window: month, on_breach: reject}
"""


def scrape(server: Serving, token: str = TOKEN) -> Reply:
    return _ask(server.admin_port, "/metrics", None, {"authorization": f"Bearer {token}"} if token else {}, 20.0, "")


def page(server: Serving) -> str:
    reply = scrape(server)
    assert reply.status == 200, reply.body
    return reply.body.decode()


def records(server: Serving) -> list[list[Entry]]:
    """All records, once each has its end or is parked."""
    until = time.monotonic() + 10
    while True:
        items = server.admin("/invocations?limit=500").json["items"]
        if all(item["outcome"] for item in items) or time.monotonic() > until:
            explained = [server.explain(item["invocation"]) for item in items]
            return [[(entry["kind"], entry["detail"]) for entry in one["timeline"]] for one in explained]
        time.sleep(0.05)


def leave_a_stream(server: Serving) -> None:
    body = b'{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"long"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", server.port), 10) as caller:
        caller.sendall(head + body)
        while b"data:" not in caller.recv(65_536):
            pass


def a_day_in_small(server: Serving, provider: ScriptedProvider) -> str:
    """Answers, streams, retries, a fallback, refusals, a broken stream, a caller that leaves, and a review that is approved."""
    for stream in (False, True):
        assert chat(server, "big", stream=stream).status == 200
    assert post(server.port, "/v1/route", {"workload": "x", "messages": [{"role": "user", "content": "hello"}]}).status == 200
    provider.fault("openai", {"status": 500}, times=1)
    assert chat(server, "gpt-4o").headers["x-orchvynt-attempts"] == "2"
    provider.fault("openai", {"status": 429, "retry_after": 1}, times=1)
    assert chat(server, "gpt-4o").headers["x-orchvynt-model"] == "claude"
    time.sleep(1.1)
    provider.fault("openai", {"status": 400}, times=1)
    assert chat(server, "gpt-4o").status == 400
    provider.fault("openai", {"cut_after": 2}, times=1)
    assert chat(server, "gpt-4o", stream=True).ends == ["error"]
    for _ in range(4):
        chat(server, "gpt-4o", headers={"x-orchvynt-workflow": "tight"}, max_tokens=20)
    assert chat(server, "gpt-4o", headers={"x-orchvynt-workflow": "tight"}, max_tokens=90).status == 402
    assert chat(server, "nobody-knows-me").status == 404
    leave_a_stream(server)
    pending = chat(server, "gpt-4o", headers={"x-orchvynt-flags": "review"})
    assert pending.status == 409
    review = str(pending.json["error"]["review_id"])
    assert server.admin(f"/reviews/{review}/decisions", {"decision": "approve", "reason": "fine"}).status == 200
    waiting = chat(server, "claude", headers={"x-orchvynt-flags": "review"})
    assert waiting.status == 409
    return review


def test_the_page_is_what_the_records_say(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    slow = {"text": "word " * 400, "frames": 400, "frame_interval": "20ms"}
    scripted_provider.script({"answers": [{"match": {"last_user": "long"}, **slow}]})
    server = serve(three_tiers(scripted_provider, BUDGETS + gate("0s")))
    a_day_in_small(server, scripted_provider)
    assert post(server.port, "/v1/chat/completions", b"{").status == 400
    assert say(server.port, b"POST / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n").status == 400
    told = records(server)
    text = page(server)
    counts = recount(told)
    assert differences(text, counts) == {}
    kinds = {kind for record in told for kind, _ in record}
    assert {"fallback_activated", "retry_scheduled", "review_decided", "caller_left", "invocation_refused", "stream_ended"} <= kinds
    found = shown(text)
    assert sum(value for key, value in found.items() if key[0] == "orchvynt_attempts_total") == scripted_provider.ledger().totals.arrivals
    assert found["orchvynt_budget_refusals_total", "tight"] >= 1
    assert (found["orchvynt_reviews_open", "reviewed"], found["orchvynt_holds_open",]) == (1, 0)
    assert found["orchvynt_requests_refused_total", "invalid_request", "endpoint"] == 1
    assert found["orchvynt_requests_refused_total", "bad_framing", "http"] == 1
    budgets = {line["name"]: line for line in server.admin("/budgets").json["items"]}
    assert found["orchvynt_budget_settled_tokens", "all"] == budgets["all"]["settled_tokens"]
    assert found["orchvynt_budget_settled_usd", "all"] * 1e9 == budgets["all"]["settled_nanos"]
    spent = sum(value for key, value in found.items() if key[0] == "orchvynt_cost_usd_total")
    assert round(spent * 1e9) == budgets["all"]["settled_nanos"]
    families = {family.name for family in text_string_to_metric_families(text)}
    assert {metric.name.removesuffix("_total") for metric in METRICS} <= families
    assert "sk-canary" not in text


def falls(before: dict[tuple[str, ...], float], after: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], Any]:
    counters = ("_total", "_bucket", "_count", "_sum")
    return {key: (value, after.get(key)) for key, value in before.items() if key[0].endswith(counters) and after.get(key, 0) < value}


def test_counts_never_fall_over_apply_and_rollback_and_begin_anew_with_the_process(
    serve: Serve, scripted_provider: ScriptedProvider
) -> None:
    text = three_tiers(scripted_provider, BUDGETS)
    server = serve(text)

    def version() -> str:
        return next(key[2] for key in shown(page(server)) if key[0] == "orchvynt_policy_info")

    for _ in range(3):
        assert chat(server, "gpt-4o").status == 200
    before = shown(page(server))
    renamed = (
        text.replace("tight", "tighter")
        .replace("local:  {", "spare:  {")
        .replace("tiers: [gpt-4o, claude, local]", "tiers: [gpt-4o, claude, spare]")
    )
    assert server.admin("/policies", {"yaml": renamed, "message": "why"}).status == 200
    applied = shown(page(server))
    assert (version(), falls(before, applied)) == ("2", {})
    assert chat(server, "spare").status == 200
    assert server.command("rollback", "1").returncode == 0
    assert chat(server, "local").status == 200
    rolled = shown(page(server))
    assert (version(), falls(before, rolled)) == ("3", {})
    assert {key[2] for key in rolled if key[0] == "orchvynt_invocations_total"} == {"gpt-4o", "spare", "local"}
    assert rolled["orchvynt_policy_applied_timestamp_seconds",] >= before["orchvynt_policy_applied_timestamp_seconds",]
    server.kill()
    server.start()
    anew = shown(page(server))
    assert sum(value for key, value in anew.items() if key[0] == "orchvynt_invocations_total") == 0
    assert anew["orchvynt_start_time_seconds",] > rolled["orchvynt_start_time_seconds",]
    assert anew["orchvynt_budget_settled_tokens", "all"] == rolled["orchvynt_budget_settled_tokens", "all"]


def test_who_sees_the_page_and_where(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider))
    viewer = server.admin("/tokens", {"name": "prometheus", "role": "viewer"}).json["secret"]
    assert scrape(server, viewer).status == 200
    assert scrape(server, "").status == scrape(server, "wrong").status == 401
    assert server.ask("/metrics").status == 404, "never on the data port"
    off = server.policy.read_text() + "telemetry: {metrics: false}\n"
    assert server.admin("/policies", {"yaml": off, "message": "why"}).status == 200
    refused = scrape(server, viewer)
    assert (refused.status, refused.json["error"]["code"]) == (404, "not_found")
    assert "metrics: false" in refused.json["error"]["message"]
    assert server.command("rollback").returncode == 0
    assert scrape(server, viewer).status == 200
