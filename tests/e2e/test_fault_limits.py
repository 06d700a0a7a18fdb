"""The provider misbehaves in time, size and money: what rests, what is bounded, what is paid for."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.e2e.conftest import Serve
from tests.support.outside import Heard, books_balance, chat, of_kind, outcomes
from tests.support.policies import TRIGGERS, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

SHORT = "  timeouts: {connect: 300ms, first_token: 500ms, stall: 500ms, answer: 700ms, invocation: 10s}"
BUDGET = "budgets: [{name: all, scope: global, limit: {tokens: 1000000}, on_breach: reject}]"


def only(address: str, kind: str = "openai", fallback: str = SHORT, more: str = BUDGET, rescue: str = "") -> str:
    """One model `gpt-4o` at an address, and perhaps a second tier."""
    second = f'\n  rescue: {{kind: openai, base_url: "{rescue}"}}' if rescue else ""
    model = "\n  rescue: {provider: rescue, price: free}" if rescue else ""
    return f"""
version: 1
providers:
  first: {{kind: {kind}, base_url: "{address}", api_key: "${{env:TEST_API_KEY}}"}}{second}
models:
  gpt-4o: {{provider: first, price: {{input: 2.5, output: 10}}}}{model}
routing: {{default: gpt-4o}}
fallback:
  retry: {{max_retries: 1, backoff: {{base: 2ms, max: 5ms}}}}
{fallback}
  chains: {{default: {{tiers: [{"rescue" if rescue else "gpt-4o"}], triggers: [{TRIGGERS}]}}}}
{more}
"""


def settled_and_held(server: Serving, name: str = "all") -> tuple[int, int]:
    line = next(line for line in server.admin("/budgets").json["items"] if line["name"] == name)
    return line["settled_tokens"], line["held_tokens"]


def record(server: Serving, provider: ScriptedProvider, heard: Heard) -> Any:
    return books_balance(server, provider, heard.headers["x-orchvynt-invocation"])


@pytest.mark.parametrize("stream", [False, True])
def test_refused_connections_go_to_the_next_tier(serve: Serve, scripted_provider: ScriptedProvider, stream: bool) -> None:
    server = serve(only(scripted_provider.own_url("first"), rescue=scripted_provider.base_url("rescue")))
    assert chat(server, "gpt-4o").headers["x-orchvynt-tier"] == "1"
    scripted_provider.fault("first", "refuse_connections")
    heard = chat(server, "gpt-4o", stream=stream)
    explained = record(server, scripted_provider, heard)
    assert (heard.status, heard.text) == (200, "You said: hello")
    assert [*dict.fromkeys(outcomes(explained))] == ["connection", "answered"]
    assert settled_and_held(server)[1] == 0
    scripted_provider.fault("first", None)
    time.sleep(0.1)
    assert chat(server, "gpt-4o").headers["x-orchvynt-tier"] == "1"


@pytest.mark.parametrize("stream", [False, True])
def test_a_black_hole_costs_the_connect_timeout_and_no_hold(serve: Serve, scripted_provider: ScriptedProvider, stream: bool) -> None:
    with socket.socket() as hole, ThreadPoolExecutor(1):
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = hole.getsockname()[1]
        full = [socket.socket() for _ in range(4)]
        for one in full:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        server = serve(only(f"http://127.0.0.1:{port}/v1", rescue=scripted_provider.base_url("rescue")))
        first, second = chat(server, "gpt-4o", stream=stream), chat(server, "gpt-4o", stream=stream)
        for one in full:
            one.close()
    assert (first.status, first.text) == (200, "You said: hello")
    explained = record(server, scripted_provider, first)
    assert outcomes(explained) == ["timeout", "answered"]
    assert 250_000_000 <= of_kind(explained, "attempt_ended")[0]["duration_ns"] < 2_000_000_000
    assert [void["why"] for void in of_kind(explained, "hold_voided")] == ["timeout"]
    assert outcomes(record(server, scripted_provider, second)) == ["answered"], "the silent route is not tried again first"


def test_a_silent_model_is_asked_again_only_when_nobody_else_answers(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(only(scripted_provider.base_url("first"), rescue=scripted_provider.base_url("rescue")))
    scripted_provider.fault("first", "silent", times=1)
    assert outcomes(record(server, scripted_provider, chat(server, "gpt-4o"))) == ["timeout", "answered"]
    assert outcomes(record(server, scripted_provider, chat(server, "gpt-4o"))) == ["answered"]
    scripted_provider.fault("rescue", {"status": 500})
    heard = chat(server, "gpt-4o")
    assert (heard.status, heard.headers["x-orchvynt-model"]) == (200, "gpt-4o")


def test_a_rest_lasts_as_long_as_the_provider_said(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    """Also when an answer that was under way before the 429 arrives after it."""
    scripted_provider.script({"answers": [{"match": {"last_user": "slow"}, "latency": "600ms"}]})
    server = serve(only(scripted_provider.base_url("first"), rescue=scripted_provider.base_url("rescue"), fallback=""))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(chat, server, "gpt-4o", "slow")
        while not scripted_provider.ledger().arrivals:
            time.sleep(0.01)
        scripted_provider.fault("first", {"status": 429, "retry_after": 30}, times=1)
        assert chat(server, "gpt-4o").headers["x-orchvynt-tier"] == "2"
        assert chat(server, "gpt-4o").headers["x-orchvynt-attempts"] == "1"
        assert slow.result().headers["x-orchvynt-tier"] == "1"
    assert chat(server, "gpt-4o").headers["x-orchvynt-tier"] == "2", "no early retry"
    assert len(scripted_provider.ledger().where(provider="first").arrivals) == 2


@pytest.mark.parametrize(("wait", "retry"), [(30, "true"), (300, "false")])
def test_all_tiers_rest_and_the_caller_hears_for_how_long(serve: Serve, scripted_provider: ScriptedProvider, wait: int, retry: str) -> None:
    server = serve(only(scripted_provider.base_url("first"), rescue=scripted_provider.base_url("rescue")))
    scripted_provider.fault("*", {"status": 429, "retry_after": wait})
    for attempts in (2, 0):
        heard = chat(server, "gpt-4o")
        assert (heard.status, heard.json["error"]["code"]) == (503, "all_providers_failed")
        assert [attempt["trigger"] for attempt in heard.json["error"]["attempts"]] == ["rate_limit"] * attempts
        assert (abs(int(heard.headers["retry-after"]) - wait) < 5, heard.headers["x-should-retry"]) == (True, retry)
    assert scripted_provider.ledger().totals.arrivals == 2


def test_a_total_outage_lists_every_attempt(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, BUDGET))
    scripted_provider.fault("*", {"status": 500})
    heard = chat(server, "gpt-4o", stream=True)
    error = heard.json["error"]
    assert (heard.status, error["code"]) == (503, "all_providers_failed")
    assert {attempt["model"] for attempt in error["attempts"]} == {"gpt-4o", "claude", "local"}
    assert all(
        attempt["trigger"] == "server_error" and attempt["upstream_status"] == 500 and "ms" in attempt for attempt in error["attempts"]
    )
    assert len(error["attempts"]) <= 6
    assert int(heard.headers["retry-after"]) <= 120
    assert settled_and_held(server) == (0, 0)


def test_a_lonely_model_is_waited_for(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(only(scripted_provider.base_url("first")))
    scripted_provider.fault("first", {"status": 429, "retry_after": 1}, times=1)
    heard = chat(server, "gpt-4o")
    assert (heard.status, heard.headers["x-orchvynt-attempts"]) == (200, "2")
    first, second = scripted_provider.ledger().arrivals
    assert second.at - first.at >= 1_000_000_000


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["giant_header", "giant_line", "giant_body", {"gzip": "bomb"}], ids=str)
def test_giants_are_bounded(serve: Serve, scripted_provider: ScriptedProvider, fault: Any, stream: bool) -> None:
    server = serve(only(scripted_provider.base_url("first"), rescue=scripted_provider.base_url("rescue"), fallback=""))
    assert chat(server, "gpt-4o", stream=stream).status == 200
    before = memory_peak(server)
    # A stream flows on as it comes, so its size says little; a whole answer is kept.
    scripted_provider.fault("first", {"giant_body": "16MiB"} if stream and fault == "giant_body" else fault)
    heard = chat(server, "gpt-4o", stream=stream)
    assert memory_peak(server) - before < 64 << 20
    explained = record(server, scripted_provider, heard)
    if explained["outcome"] != "answered":
        assert heard.ends == ["error"]
    assert settled_and_held(server)[1] == 0
    assert "Traceback" not in server.log


def memory_peak(server: Serving) -> int:
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


USAGES: dict[str, Any] = {"missing": "missing", "absurd": "absurd", "last": "last_chunk", "overrun": {"input": 400, "output": 900}}


class Metered(NamedTuple):
    server: Serving
    provider: ScriptedProvider


@pytest.fixture(scope="module", params=["openai", "anthropic", "ollama"])
def metered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metered]:
    """One model for each way to tell the usage, and a budget for one session."""
    script = {"answers": [{"match": {"model": model}, "usage": usage} for model, usage in USAGES.items()]}
    with ScriptedProvider(script) as provider:
        models = "".join(f"  {model}: {{provider: first, price: {{input: 1, output: 2}}}}\n" for model in USAGES)
        budget = BUDGET.replace("scope: global", "scope: session, when: 'session == \"metered\"'")
        text = only(provider.base_url("first", request.param), request.param, more=budget).replace("models:\n", "models:\n" + models)
        with Serving(tmp_path_factory.mktemp("usage"), text) as server:
            yield Metered(server, provider)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", list(USAGES))
@pytest.mark.parametrize("limited", [True, False])
def test_usage(metered: Metered, model: str, stream: bool, limited: bool) -> None:
    server, provider = metered
    options: dict[str, Any] = {"max_tokens": 100} if limited else {}
    heard = chat(server, model, headers={"x-orchvynt-session": "metered"} if limited else {}, stream=stream, **options)
    assert (heard.status, heard.text) == (200, "You said: hello")
    if stream:
        assert heard.ends == ["marker"]
        assert not any(event.get("usage") for event in heard.events), "the caller did not ask for usage"
    [receipt] = of_kind(record(server, provider, heard), "attempt_settled")
    assert receipt["usage"].get("estimated", False) == (model in ("missing", "absurd"))
    if model == "overrun":
        assert (receipt["usage"]["input_tokens"], receipt["usage"]["output_tokens"]) == (400, 900)
        assert receipt.get("overrun", False) or not limited
    assert all(line["held_tokens"] == 0 for line in server.admin("/budgets").json["items"])


def test_usage_that_was_asked_for_comes_once(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider))
    for model in ("gpt-4o", "claude", "local"):
        heard = chat(server, model, stream=True, stream_options={"include_usage": True})
        assert len([event for event in heard.events if event.get("usage")]) == 1
        assert heard.ends == ["marker"]


def test_an_overrun_blocks_the_budget(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"usage": {"input": 10, "output": 5000}}]})
    budget = "budgets: [{name: all, scope: global, limit: {tokens: 1000}, on_breach: reject}]"
    server = serve(only(scripted_provider.base_url("first"), more=budget))
    assert chat(server, "gpt-4o", max_tokens=50).status == 200
    assert chat(server, "gpt-4o", max_tokens=50).status == 402
    assert settled_and_held(server) == (5010, 0)
    assert scripted_provider.ledger().totals.arrivals == 1


def test_a_stale_connection_is_repeated_once(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(only(scripted_provider.base_url("first")))
    scripted_provider.fault("first", "close_on_reuse")
    for call in range(5):
        # Nobody can know whether the provider read the first of two sends, so both are attempts, each with its own hold.
        expected = ["connection", "answered"] if call else ["answered"]
        assert outcomes(record(server, scripted_provider, chat(server, "gpt-4o"))) == expected
    assert scripted_provider.ledger().totals.arrivals == 5


@pytest.mark.parametrize("fault", ["close_before_byte", "reset_before_byte"])
def test_a_send_that_may_have_run_is_paid_for_even_if_it_was_repeated(
    serve: Serve, scripted_provider: ScriptedProvider, fault: str
) -> None:
    """A kept-alive connection that ends before a byte may be stale, or may have run: both sends are held for."""
    server = serve(only(scripted_provider.base_url("first")))
    assert chat(server, "gpt-4o", max_tokens=20).status == 200
    scripted_provider.fault("first", fault, times=1)
    heard = chat(server, "gpt-4o", max_tokens=20)
    assert heard.status == 200
    record(server, scripted_provider, heard)
    assert settled_and_held(server)[0] >= scripted_provider.ledger().totals.tokens


def test_bytes_after_an_answer_are_not_the_next_one(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(only(scripted_provider.base_url("first"), rescue=scripted_provider.base_url("rescue")))
    scripted_provider.fault("first", {"wrong_length": "less"})
    for number in range(6):
        heard = chat(server, "gpt-4o", f"call {number}", stream=bool(number % 2))
        assert (heard.status, heard.text) == (200, f"You said: call {number}")


def test_a_filtered_answer_reaches_the_caller_as_such(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "I", "finish": "content_filter"}]})
    server = serve(three_tiers(scripted_provider))
    for model in ("gpt-4o", "claude"):
        heard = chat(server, model)
        assert (heard.status, heard.json["choices"][0]["finish_reason"]) == (200, "content_filter")
        assert json.loads(heard.body)["choices"][0]["message"]["content"] == "I"
