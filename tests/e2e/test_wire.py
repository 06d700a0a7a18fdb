"""What every answer and every refusal says, and how a caller is recognised: the wire contract, read from outside."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.outside import chat, of_kind, post, say
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

MORE = """
budgets: [{name: all, scope: global, limit: {usd: 50}, on_breach: reject}]
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class World(NamedTuple):
    server: Serving
    provider: ScriptedProvider


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """No test of this file may leave anything behind in it but records."""
    folder: Path = tmp_path_factory.mktemp("wire")
    with ScriptedProvider() as provider:
        rules = "routing: {default: gpt-4o, rules: [{name: cheap, when: 'workload == \"cheap\"', use: local}]}"
        text = three_tiers(provider, MORE + gate("0s")).replace("routing: {default: gpt-4o}", rules)
        with Serving(folder, text) as server:
            yield World(server, provider)


def explain(world: World, headers: dict[str, str]) -> Any:
    return world.server.explain(headers["x-orchvynt-invocation"])


@pytest.mark.parametrize("model", ["gpt-4o", "claude", "local"])
@pytest.mark.parametrize("stream", [False, True])
def test_the_headers_of_an_answer(world: World, model: str, stream: bool) -> None:
    heard = chat(world.server, model, stream=stream, max_tokens=50)
    explained = explain(world, heard.headers)
    late = heard.trailers if stream else heard.headers
    told = {name: value for name, value in heard.headers.items() if name.startswith("x-orchvynt-")}
    assert told["x-orchvynt-model"] == explained["model"] == model
    assert told["x-orchvynt-provider"] == explained["provider"]
    assert (told["x-orchvynt-tier"], told["x-orchvynt-attempts"], told["x-orchvynt-policy"]) == ("1", "1", "1")
    assert "x-orchvynt-requested-model" not in told
    assert "x-orchvynt-limited-by" not in late
    assert float(late["x-orchvynt-cost-usd"]) == explained["totals"]["settled_nanos"] / 1e9
    assert 0 <= float(late["x-orchvynt-overhead-ms"]) < 1_000
    name, _, amount = late["x-orchvynt-budget-remaining"].partition(";usd=")
    assert name == "all"
    assert 0 < float(amount) <= 50
    if stream:
        assert heard.ends == ["marker"]
        assert heard.body.endswith(b"data: [DONE]\n\n")
        assert "x-orchvynt-cost-usd" not in told


def test_a_rule_an_alias_and_a_fallback_are_said(world: World, scripted_provider: ScriptedProvider) -> None:
    by_rule = chat(world.server, "gpt-4o", headers={"x-orchvynt-workload": "cheap"})
    assert by_rule.headers["x-orchvynt-rule"] == "cheap"
    assert (by_rule.headers["x-orchvynt-model"], by_rule.headers["x-orchvynt-requested-model"]) == ("local", "gpt-4o")
    by_alias = chat(world.server, "big")
    assert (by_alias.headers["x-orchvynt-model"], by_alias.headers["x-orchvynt-requested-model"]) == ("gpt-4o", "big")
    auto = chat(world.server, "auto")
    assert (auto.headers["x-orchvynt-model"], auto.headers["x-orchvynt-requested-model"]) == ("gpt-4o", "auto")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/route"])
@pytest.mark.parametrize("sent", ["req-1", "a" * 200])
def test_a_request_id_echoes(world: World, path: str, sent: str) -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    heard = post(world.server.port, path, body, {"x-request-id": sent})
    assert (heard.status, heard.headers["x-request-id"]) == (200, sent)
    for refused in (
        post(world.server.port, path, b"{", {"x-request-id": sent}),
        post(world.server.port, "/v1/x", b"{}", {"x-request-id": sent}),
    ):
        assert refused.headers["x-request-id"] == sent


def test_a_request_id_that_cannot_be_echoed_is_not(world: World) -> None:
    for sent in ("a" * 5000, "caf\xe9", "\x01"):
        heard = chat(world.server, "gpt-4o", headers={"x-request-id": sent})
        assert heard.status in (200, 400)
        assert heard.headers.get("x-request-id", "") in ("", sent)


REFUSALS: list[tuple[str, Any, int, str]] = [
    ("/v1/chat/completions", b"{", 400, "invalid_request"),
    ("/v1/chat/completions", {"model": "gpt-9", "messages": [{"role": "user", "content": "x"}]}, 404, "model_not_found"),
    ("/v1/route", b"[", 400, "invalid_request"),
    ("/v1/route", {}, 400, "invalid_request"),
    ("/v1/route", {"messages": [{"role": "user", "content": "x"}], "flagz": []}, 400, "invalid_request"),
    ("/v1/route", {"messages": [{"role": "user", "content": "x"}], "flags": "review"}, 400, "invalid_request"),
    ("/v1/route", {"model": "gpt-9", "messages": [{"role": "user", "content": "x"}]}, 404, "model_not_found"),
    ("/v1/responses", {"model": "gpt-4o", "input": "x"}, 404, "not_found"),
    ("/v1/embeddings", {"model": "gpt-4o", "input": "x"}, 404, "not_found"),
    ("/v1/messages", {"model": "gpt-4o", "messages": []}, 400, "invalid_request"),
    ("/v1/messages", {"model": "gpt-9", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}, 404, "model_not_found"),
    ("/v1/messages/batches", {"requests": []}, 404, "not_found"),
    ("/v1/messages/count_tokens", b"{", 400, "invalid_request"),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), REFUSALS)
def test_refusals(world: World, path: str, body: Any, status: int, code: str) -> None:
    before = world.provider.ledger().totals.arrivals
    heard = post(world.server.port, path, body)
    error = heard.json["error"]
    assert (heard.status, error["code"]) == (status, code)
    assert {"message", "type", "param", "code"} <= error.keys()
    assert "#" + code in error["doc_url"]
    assert error["help"]
    assert "x-should-retry" not in heard.headers
    assert world.provider.ledger().totals.arrivals == before


def test_an_unknown_model_names_its_neighbours(world: World) -> None:
    error = chat(world.server, "gpt-40").json["error"]
    assert "gpt-4o" in error["nearest"]
    assert error["invocation_id"].startswith("inv_")


def test_route(world: World) -> None:
    body = {
        "workload": "cheap",
        "messages": [{"role": "user", "content": "hello"}],
        "context": {"user_tier": "premium", "session_id": "s-7"},
        "options": {"temperature": 0, "max_tokens": 40},
        "flags": ["calm"],
    }
    heard = post(world.server.port, "/v1/route", body)
    told = heard.json
    assert (heard.status, told["content"], told["model_used"], told["provider_used"]) == (200, "You said: hello", "local", "local")
    assert told["routing_decision"] | {"policy_matched": "cheap", "fallback_tier_used": 1} == told["routing_decision"]
    assert (told["usage"]["prompt_tokens"] > 0, told["usage"]["completion_tokens"] > 0, told["usage"]["total_cost_usd"]) == (True, True, 0)
    assert told["invocation_id"] == heard.headers["x-orchvynt-invocation"]
    assert world.provider.ledger().arrivals[-1].max_tokens == 40
    received = of_kind(explain(world, heard.headers), "invocation_received")[0]["claims"]
    assert (received["workload"], received["flags"], received["context"]["user_tier"]) == ("cheap", ["calm"], "premium")
    assert received.get("session") == "s-7"


def test_route_is_202_while_a_person_looks(world: World) -> None:
    body = {"messages": [{"role": "user", "content": "look at it"}], "flags": ["review"]}
    heard = post(world.server.port, "/v1/route", body)
    told = heard.json.get("error", heard.json)
    assert (heard.status, told["code"]) == (202, "hitl_pending")
    assert {"invocation_id", "review_id", "poll"} <= heard.json.keys(), "as /v1/route promises it: {invocation_id, review_id, poll}"
    assert int(heard.headers["retry-after"]) <= 60
    assert world.server.admin(f"/reviews/{told['review_id']}/decisions", {"decision": "approve", "reason": "fine"}).status == 200
    answer = world.server.ask(told["poll"])
    assert (answer.status, answer.json["content"]) == (200, "You said: look at it")
    again = world.server.ask(told["poll"] + "?wait=1s")
    assert (again.status, again.body) == (200, answer.body)
    assert world.server.admin("/reviews").json["items"] == []


SAID = {"workflow": "w", "agent": "a", "run": "r-1", "session": "s", "workload": "k", "user": "u"}


@pytest.mark.parametrize("how", ["header", "metadata", "path"])
def test_claims(world: World, how: str) -> None:
    headers, metadata, path = {}, {"mine": "kept"}, "/v1/chat/completions"
    names = ("workflow", "agent") if how == "path" else tuple(SAID)
    if how == "header":
        headers = {f"x-orchvynt-{name}": value for name, value in SAID.items()}
    elif how == "metadata":
        metadata |= {f"orchvynt_{name}": value for name, value in SAID.items()}
    else:
        path = "/@w/a" + path
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "metadata": metadata, "unknown_field": [1]}
    heard = post(world.server.port, path, body, headers)
    assert heard.status == 200
    claims = of_kind(explain(world, heard.headers), "invocation_received")[0]["claims"]
    assert {name: claims[name] for name in names} == {name: SAID[name] for name in names}
    sent = world.provider.arrivals()[-1]
    arrived = json.loads(sent["body"])
    assert (arrived["metadata"], arrived["unknown_field"]) == ({"mine": "kept"}, [1])
    assert not [name for name in sent["headers"] if name.lower().startswith("x-orchvynt")]


def test_metadata_of_ours_alone_leaves_no_trace(world: World) -> None:
    chat(world.server, "gpt-4o", metadata={"orchvynt_run": "r-2"})
    assert "orchvynt" not in world.provider.arrivals()[-1]["body"]


RUNS: list[tuple[dict[str, str], dict[str, str], str, str]] = [
    ({"x-orchvynt-run": "h", "x-claude-code-session-id": "c", "traceparent": TRACEPARENT}, {"orchvynt_run": "m"}, "h", "header"),
    ({"x-claude-code-session-id": "c", "traceparent": TRACEPARENT}, {"orchvynt_run": "m"}, "m", "metadata"),
    ({"x-claude-code-session-id": "c", "traceparent": TRACEPARENT}, {}, "c", "session-id"),
    ({"traceparent": TRACEPARENT}, {}, TRACE, "traceparent"),
    ({"traceparent": "00-" + "0" * 32 + "-00f067aa0ba902b7-01"}, {}, "", ""),
    ({}, {}, "", ""),
]


@pytest.mark.parametrize(("headers", "metadata", "run", "source"), RUNS)
def test_a_run_is_found(world: World, headers: dict[str, str], metadata: dict[str, str], run: str, source: str) -> None:
    heard = chat(world.server, "gpt-4o", headers=headers, metadata=metadata)
    claims = of_kind(explain(world, heard.headers), "invocation_received")[0]["claims"]
    assert (claims.get("run", ""), claims.get("run_source", "")) == (run, source)


def test_an_invocation_is_found_by_whatever_names_it(world: World) -> None:
    headers = {"x-request-id": "req-77", "traceparent": TRACEPARENT.replace("4bf9", "5bf9"), "x-orchvynt-run": "run-77"}
    heard = chat(world.server, "gpt-4o", headers=headers)
    inv = heard.headers["x-orchvynt-invocation"]
    names = [inv, heard.json["id"], "req-77", TRACE.replace("4bf9", "5bf9"), "run-77", "last"]
    names += [detail["attempt"] for detail in of_kind(explain(world, heard.headers), "attempt_sent")]
    for name in names:
        assert world.server.explain(name)["invocation"] == inv, name
    assert world.server.admin("/invocations/nothing-77").status == 404
    shown = world.server.command("explain", "req-77")
    assert (shown.returncode, inv in shown.stdout) == (0, True)
    assert world.server.command("explain", "nothing-77").returncode == 1


def test_a_caller_reads_its_own_record_and_no_other(world: World) -> None:
    heard = chat(world.server, "gpt-4o", headers={"x-api-key": "mine"})
    path = f"/v1/invocations/{heard.headers['x-orchvynt-invocation']}"
    assert world.server.ask(path, headers={"authorization": "Bearer mine"}).json["outcome"] == "answered"
    for other in ({}, {"authorization": "Bearer other"}):
        assert world.server.ask(path, headers=other).status == 404
    assert world.server.ask(path + "/result", headers={"x-api-key": "mine"}).status == 404


FRAMINGS = {
    "two lengths": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "both": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "minus": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: -2\r\n\r\n{}",
    "plus": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: +2\r\n\r\n{}",
    "blank": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length : 2\r\n\r\n{}",
    "xchunked": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "fold": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}",
    "no host": b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
    "two hosts": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nhost: y\r\ncontent-length: 2\r\n\r\n{}",
    "bad chunk": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "bare lf": b"POST /v1/chat/completions HTTP/1.1\nhost: x\ncontent-length: 2\n\n{}",
    "nul": b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\ncontent-length: 2\r\n\r\n{}",
    "no http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("name", list(FRAMINGS))
def test_ambiguous_framing_is_refused_and_the_connection_closed(world: World, name: str) -> None:
    heard = say(world.server.port, FRAMINGS[name] + b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n", 5)
    assert (heard.status, heard.json["error"]["code"]) == (400, "bad_framing")
    assert b"HTTP/1.1 2" not in heard.body, "one request is one answer"
    assert "Traceback" not in world.server.log


def test_too_much_header_is_431(world: World) -> None:
    for head in (b"x: " + b"y" * 70_000 + b"\r\n", b"".join(b"x-%d: y\r\n" % n for n in range(200))):
        heard = say(world.server.port, b"GET /v1/models HTTP/1.1\r\nhost: x\r\n" + head + b"\r\n", 5)
        assert (heard.status, heard.json["error"]["code"]) == (431, "headers_too_large")
