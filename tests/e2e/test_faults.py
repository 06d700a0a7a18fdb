"""The provider misbehaves: each row of the table on each provider dialect, streaming and not, judged from outside."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from tests.support.outside import Heard, books_balance, chat, of_kind, outcomes
from tests.support.policies import TRIGGERS
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

KINDS: tuple[Literal["openai", "anthropic", "ollama"], ...] = ("openai", "anthropic", "ollama")
SAID = "You said: hello"
RESCUE = "The next tier answers."
KEY = b"sk-canary-upstream-key"


class Case(NamedTuple):
    """`words` are the trigger words that the record may have. `whole` and `stream` are what becomes of the answer:
    rescued (by the next tier), answered, refused (with the provider's status), broken (an error event), or either of
    rescued and broken, as far as it came."""

    name: str
    fault: Any
    words: str
    whole: str = "rescued"
    stream: str = "rescued"


CASES = [
    Case("429", {"status": 429}, "rate_limit"),
    Case("429-after", {"status": 429, "retry_after": 30}, "rate_limit"),
    Case("500", {"status": 500}, "server_error"),
    Case("502-page", {"status": 502, "body": "<html>Bad gateway</html>"}, "server_error"),
    Case("503", {"status": 503, "message": "try later"}, "server_error"),
    Case("503-busy", {"status": 503, "message": "The engine is currently overloaded"}, "overloaded"),
    Case("529", {"status": 529}, "overloaded"),
    Case("401", {"echo_key": True}, "auth"),
    Case("403", {"echo_key": 403}, "auth"),
    Case("402", {"status": 402}, "quota"),
    Case("quota", {"status": 402, "error_code": "insufficient_quota", "message": "You exceeded your current quota"}, "quota"),
    Case("400", {"status": 400, "message": "no such parameter"}, "bad_request", "refused", "refused"),
    Case("404", {"status": 404, "message": "no such model"}, "bad_request", "refused", "refused"),
    Case("418-json", {"status": 418, "body": {"any": ["thing"]}}, "bad_request", "refused", "refused"),
    Case("too-long", {"status": 400, "message": "This model's maximum context length is 8 tokens"}, "context_length"),
    Case("filter", {"status": 400, "error_code": "content_filter", "message": "content_filter"}, "content_filter", "refused", "refused"),
    Case("html", "html_200", "malformed"),
    Case("error-200", "error_object_200", "malformed"),
    Case("busy-200", {"error_object_200": True, "error_type": "overloaded_error"}, "malformed overloaded"),
    Case("empty", "empty_200", "malformed"),
    Case("redirect", "redirect", "malformed"),
    Case("close", "close_before_byte", "connection"),
    Case("reset", "reset_before_byte", "connection"),
    Case("silent", "silent", "timeout"),
    Case("pings", {"pings_only": True, "interval": "20ms"}, "timeout"),
    Case("reset-0", {"reset_after": 0}, "cut connection malformed"),
    Case("reset-2", {"reset_after": 2}, "cut connection malformed", stream="broken"),
    Case("cut-0", {"cut_after": 0}, "cut connection malformed"),
    Case("cut-2", {"cut_after": 2}, "cut connection malformed", stream="broken"),
    Case("end-0", {"clean_end_without_terminal": 0}, "cut malformed"),
    Case("end-2", {"clean_end_without_terminal": 2}, "cut malformed", stream="broken"),
    Case("no-marker", {"clean_end_without_terminal": 999}, "cut malformed", stream="broken"),
    Case("event-0", {"error_event_after": 0}, "server_error cut overloaded malformed"),
    Case("event-2", {"error_event_after": 2}, "cut server_error", stream="broken"),
    Case("stall", {"stall_after": 2}, "stall timeout", stream="broken"),
    Case("bad-json", "bad_json", "malformed", stream="either"),
    Case("half-json", "truncated_json", "malformed", stream="either"),
    Case("utf-8", "invalid_utf8", "malformed", stream="either"),
    Case("type", "wrong_content_type", "malformed"),
    Case("longer", {"wrong_length": "more"}, "malformed connection cut", stream="answered"),
    Case("header", {"giant_header": True}, "malformed"),
    Case("gzip", {"gzip": "good"}, "", "answered", "answered"),
    Case("gzip-bad", {"gzip": "corrupt"}, "malformed cut", stream="either"),
    Case("bytewise", "one_byte_writes", "", "answered", "answered"),
    Case("at-once", "one_write", "", "answered", "answered"),
    Case("crlf", "crlf", "", "answered", "answered"),
]


class World(NamedTuple):
    server: Serving
    provider: ScriptedProvider


def policy(provider: ScriptedProvider, budgets: bool) -> str:
    """A provider and a model of its own for every case, so that no rest of one stands in the way of another."""
    providers, models = "", ""
    for kind in KINDS:
        for how in ("whole", "stream"):
            for case in CASES:
                name = f"{kind}-{how}-{case.name}"
                key = "" if kind == "ollama" else ', api_key: "${env:TEST_API_KEY}"'
                providers += f'  "{name}": {{kind: {kind}, base_url: "{provider.base_url(name, kind)}"{key}}}\n'
                models += f'  "{name}": {{provider: "{name}", model: m, price: {{input: 1, output: 2}}}}\n'
    budget = "budgets: [{name: all, scope: global, limit: {tokens: 900000000, usd: 9000}, window: month, on_breach: reject}]\n"
    return f"""
version: 1
providers:
{providers}  rescue: {{kind: openai, base_url: "{provider.base_url("rescue")}"}}
models:
{models}  rescue: {{provider: rescue, price: {{input: 1, output: 2}}}}
routing: {{default: rescue}}
fallback:
  retry: {{max_retries: 1, backoff: {{base: 2ms, max: 5ms}}}}
  timeouts: {{connect: 300ms, first_token: 400ms, stall: 400ms, answer: 600ms, invocation: 10s}}
  chains: {{default: {{tiers: [rescue], triggers: [{TRIGGERS}]}}}}
{budget if budgets else ""}"""


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # Content frames come apart, so that what a stream breaks off after has already reached the caller.
    script = {"answers": [{"match": {"provider": "rescue"}, "text": RESCUE}], "otherwise": {"frames": 6, "frame_interval": "8ms"}}
    folder: Path = tmp_path_factory.mktemp("faults")
    with ScriptedProvider(script) as provider, Serving(folder, policy(provider, request.param)) as server:
        yield World(server, provider)


@pytest.mark.parametrize("world", [True], indirect=True, ids=["budget"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_fault_of_the_provider(world: World, case: Case, kind: str, stream: bool) -> None:
    meet(world, case, kind, stream)


@pytest.mark.parametrize("world", [False], indirect=True, ids=["no-budget"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_fault_is_accounted_for_where_no_budget_applies(world: World, case: Case, stream: bool) -> None:
    meet(world, case, "openai", stream)


def meet(world: World, case: Case, kind: str, stream: bool) -> None:
    server, provider = world
    how = "stream" if stream else "whole"
    name = f"{kind}-{how}-{case.name}"
    provider.fault(name, case.fault)
    since = provider.ledger().last
    heard = chat(server, name, stream=stream)
    becomes = case.stream if stream else case.whole
    explained = books_balance(server, provider, heard.headers["x-orchvynt-invocation"])
    if becomes == "either":
        becomes = "rescued" if len(outcomes(explained)) > 1 else "broken"
    {"rescued": was_rescued, "answered": was_answered, "refused": was_refused, "broken": was_broken}[becomes](heard, explained, case, name)
    asked = [arrival.provider for arrival in provider.ledger().where(since=since).arrivals]
    assert asked == [detail["provider"] for detail in of_kind(explained, "attempt_sent")], "one arrival for each attempt on record"
    assert KEY not in heard.body
    assert KEY not in json.dumps(explained).encode()
    assert "Traceback" not in server.log
    for line in server.admin("/budgets").json["items"]:
        assert (line["held_tokens"], line["held_nanos"]) == (0, 0)


def was_whole(heard: Heard, text: str) -> None:
    assert (heard.status, heard.ended, heard.text) == (200, "whole", text)
    if heard.streamed:
        assert heard.ends == ["marker"]


def was_rescued(heard: Heard, explained: Any, case: Case, name: str) -> None:
    was_whole(heard, RESCUE)
    assert explained["outcome"] == "answered"
    *before, last = outcomes(explained)
    assert last == "answered"
    assert 1 <= len(before) <= 2
    assert set(before) <= set(case.words.split()), explained["verdict"]
    assert [detail["to_model"] for detail in of_kind(explained, "fallback_activated")] == ["rescue"]
    assert heard.headers["x-orchvynt-model"] == "rescue"
    assert heard.headers["x-orchvynt-requested-model"] == name
    assert heard.headers["x-orchvynt-tier"] == "2"
    assert heard.headers["x-orchvynt-attempts"] == str(len(before) + 1)


def was_answered(heard: Heard, explained: Any, case: Case, name: str) -> None:
    was_whole(heard, SAID)
    assert outcomes(explained) == ["answered"]
    assert (heard.headers["x-orchvynt-model"], heard.headers["x-orchvynt-attempts"]) == (name, "1")


def was_refused(heard: Heard, explained: Any, case: Case, name: str) -> None:
    assert 400 <= heard.status < 500
    error = heard.json["error"]
    assert error["message"]
    assert error["invocation_id"] == explained["invocation"]
    assert outcomes(explained) == case.words.split()
    assert explained["outcome"] == "refused"


def was_broken(heard: Heard, explained: Any, case: Case, name: str) -> None:
    assert heard.status == 200
    assert heard.ends == ["error"]
    assert SAID.startswith(heard.text)
    assert heard.events[-1]["error"]["invocation_id"] == explained["invocation"]
    assert explained["outcome"] == "failed"
    assert len(outcomes(explained)) == 1, "no second answer may be spliced to the first"
    assert set(outcomes(explained)) <= set(case.words.split())
    assert [detail.get("whole", False) for detail in of_kind(explained, "stream_ended")] == [False]
