"""How sure an answer is: by its log probabilities, a number in its JSON, or another model; whole and streamed, asked from outside."""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from anthropic import Anthropic
from ollama import Client as Ollama
from openai import OpenAI
from tests.e2e.conftest import Serve
from tests.support.policies import GROUPS, three_tiers
from tests.support.serving import Reply, Serving

from orchvynt.testing.scripted import ScriptedProvider


def sure(source: str, unknown: str = "review", when: str = "confidence < 0.75") -> str:
    """A gate that lets what is sure through, and answers `pending` at once for the rest."""
    return f"""
gates:
  - name: unsure
    stage: output
    when: '{when}'
    confidence: {{from: "{source}", unknown: {unknown}}}
    reviewers: people
    wait: {{up_to: 0s}}
{GROUPS}"""


def explained(server: Serving, reply: Reply) -> Any:
    return server.explain(reply.headers["x-orchvynt-invocation"])


def finished(server: Serving, reply: Reply) -> Any:
    """The record, once nobody asks about its answer any more."""
    for _ in range(300):
        record = explained(server, reply)
        if any(one["kind"] == "invocation_finished" for one in record["timeline"]):
            return record
        time.sleep(0.1)
    raise AssertionError(record)


def entry(record: Any, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one["detail"] for one in record["timeline"] if one["kind"] == kind)
    return found


def test_log_probabilities_decide_and_stay_hidden(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, sure("logprobs")))
    for stream in (False, True):
        for confidence, status in ((0.9, 200), (0.5, 409), ("missing", 409)):
            scripted_provider.script({"answers": [{"text": "forty two of them", "logprobs": confidence}]})
            reply = server.chat(f"how many {confidence} {stream}", stream=stream)
            assert reply.status == status, reply.body
            assert b'"logprob"' not in reply.body
            assert json.loads(scripted_provider.arrivals()[-1]["body"])["logprobs"] is True


def _without_ids(body: bytes, stream: bool) -> list[Any]:
    lines = body.decode().split("\n") if stream else [body.decode()]
    found = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith(("data: {", "{"))]
    return [[pair for pair in one.items() if pair[0] not in ("id", "created")] for one in found]


def test_whoever_did_not_ask_gets_what_they_would_have_got(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "forty two of them", "logprobs": 0.9}]})
    server = serve(three_tiers(scripted_provider, sure("logprobs", when='"weigh" in flags && confidence < 0.75')))
    for stream in (False, True):
        plain = server.chat("how many", stream=stream)
        weighed = server.chat("how many", {"x-orchvynt-flags": "weigh"}, stream=stream)
        assert plain.status == weighed.status == 200
        assert _without_ids(plain.body, stream) == _without_ids(weighed.body, stream)
        asked = server.chat("how many", {"x-orchvynt-flags": "weigh"}, stream=stream, logprobs=True)
        assert b'"logprob":' in asked.body


@pytest.mark.parametrize("mode", ["enforce: observe", "mode: after_delivery"])
def test_a_gate_that_holds_nothing_learns_it_and_the_caller_sees_none(serve: Serve, scripted_provider: ScriptedProvider, mode: str) -> None:
    policy = sure("logprobs", when='"weigh" in flags && confidence < 0.75').replace("    wait: {up_to: 0s}\n", f"    {mode}\n")
    scripted_provider.script({"answers": [{"text": "forty two of them", "logprobs": 0.5}]})
    server = serve(three_tiers(scripted_provider, policy))
    for stream in (False, True):
        plain = server.chat("how many", stream=stream)
        weighed = server.chat("how many", {"x-orchvynt-flags": "weigh"}, stream=stream)
        assert plain.status == weighed.status == 200
        assert _without_ids(plain.body, stream) == _without_ids(weighed.body, stream)
        record = explained(server, weighed)
        assert entry(record, "confidence_taken")["value"] == pytest.approx(0.5)
        delivered = next(one["detail"] for one in record["timeline"] if one["kind"] == "answer_delivered")
        assert delivered.get("streaming", False) == stream, "the stream flowed"
        would = entry(record, "gate_judged").get("would", "")
        assert would == ("would_park" if "observe" in mode else "")
    waiting = server.admin("/reviews").json["items"]
    assert [one["after_delivery"] for one in waiting] == ([] if "observe" in mode else [True, True])


def test_a_number_in_its_json_decides(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, sure("json:/confidence", "pass")))
    for text, status in (('{"confidence": 0.8}', 200), ('{"confidence": 0.2}', 409), ('{"confidence": "high"}', 200), ("no JSON", 200)):
        scripted_provider.script({"answers": [{"text": text}]})
        assert server.chat(f"how many {text}").status == status, text


BUDGET = "budgets: [{name: all, scope: global, limit: {usd: 1}, on_breach: reject}]\n"


@pytest.mark.parametrize(("judge", "provider"), [("claude", "anthropic"), ("local", "local")])
def test_a_judge_decides(serve: Serve, scripted_provider: ScriptedProvider, judge: str, provider: str) -> None:
    server = serve(three_tiers(scripted_provider, sure(f"judge:{judge}") + BUDGET))
    for stream in (False, True):
        for said, status in (("0.9", 200), ('{"confidence": 0.1}', 409), ("I am quite sure", 409)):
            answers = [{"match": {"provider": provider}, "text": said}, {"text": "forty two of them"}]
            scripted_provider.script({"answers": answers})
            before = scripted_provider.ledger().totals.arrivals
            reply = server.chat(f"how many {said} {stream}", stream=stream)
            assert reply.status == status, reply.body
            assert scripted_provider.ledger().totals.arrivals == before + 2
            question = scripted_provider.arrivals()[-1]["body"]
            assert "forty two of them" in question
            assert "how many" in question
    record = explained(server, reply)
    found = entry(record, "confidence_taken")
    assert (found["source"], found["value"]) == (f"judge:{judge}", None)
    assert found["attempt"].endswith(".2")
    holds = [one for one in record["timeline"] if one["kind"] == "hold_placed"]
    receipts = [one for one in record["timeline"] if one["kind"] == "attempt_settled"]
    assert len(holds) == len(receipts) == 2


@pytest.mark.parametrize("mode", ["enforce: observe", "mode: after_delivery"])
def test_a_judge_of_a_gate_that_holds_nothing_is_asked_after_the_delivery(
    serve: Serve, scripted_provider: ScriptedProvider, mode: str
) -> None:
    policy = sure("judge:claude").replace("    wait: {up_to: 0s}\n", f"    {mode}\n")
    scripted_provider.script({"answers": [{"match": {"provider": "anthropic"}, "text": "0.2"}, {"text": "forty two of them"}]})
    server = serve(three_tiers(scripted_provider, policy + BUDGET))
    for stream in (False, True):
        reply = server.chat("how many", stream=stream)
        assert reply.status == 200
        assert reply.headers["x-orchvynt-model"] == "gpt-4o"
        record = finished(server, reply)
        kinds = [one["kind"] for one in record["timeline"]]
        assert kinds.index("answer_delivered") < kinds.index("hold_placed", kinds.index("hold_placed") + 1), "the judge is asked later"
        assert entry(record, "confidence_taken")["value"] == pytest.approx(0.2)
        assert entry(record, "gate_judged")["verdict"] == "matched"
    waiting = server.admin("/reviews").json["items"]
    assert [one["after_delivery"] for one in waiting] == ([] if "observe" in mode else [True, True])


def test_a_judge_that_is_away_leaves_it_unknown(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, sure("judge:claude", "pass")))
    scripted_provider.script({"answers": [{"match": {"provider": "anthropic"}, "fault": {"status": 500}}, {"text": "forty two"}]})
    reply = server.chat("how many")
    assert reply.status == 200
    assert reply.headers["x-orchvynt-model"] == "gpt-4o"
    assert reply.headers["x-orchvynt-attempts"] == "1"
    record = explained(server, reply)
    assert "server_error" in entry(record, "confidence_taken")["why"]
    assert "unknown" in next(one["text"] for one in record["timeline"] if one["kind"] == "gate_judged")


def test_a_judge_is_held_to_the_budget(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    budget = "budgets: [{name: all, scope: global, limit: {tokens: 200}, on_breach: reject}]\n"
    server = serve(three_tiers(scripted_provider, sure("judge:claude") + budget))
    scripted_provider.script({"answers": [{"text": "forty two of them"}]})
    reply = server.chat("how many", max_tokens=20)
    assert reply.status == 409, reply.body
    assert scripted_provider.ledger().totals.arrivals == 1
    assert "budget all has no room for claude" in entry(explained(server, reply), "confidence_taken")["why"]


def test_official_clients_of_every_api(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    """Asked for at OpenAI and Ollama on behalf of callers of every API; none of them sees any, whole or streamed."""
    server = serve(three_tiers(scripted_provider, sure("logprobs")))
    scripted_provider.script({"answers": [{"text": "forty two of them", "logprobs": 0.9}]})
    with ExitStack() as open_:
        openai = open_.enter_context(OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0))
        anthropic = open_.enter_context(Anthropic(base_url=server.url, api_key="any", max_retries=0))
        ollama = open_.enter_context(Ollama(host=server.url))
        for model in ("gpt-4o", "local"):
            asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "how many"}]}
            whole = openai.chat.completions.create(**asked)
            assert (whole.choices[0].message.content, whole.choices[0].logprobs) == ("forty two of them", None)
            chunks = [chunk.choices[0] for chunk in openai.chat.completions.create(**asked, stream=True) if chunk.choices]
            assert "".join(choice.delta.content or "" for choice in chunks) == "forty two of them"
            assert not any(choice.logprobs for choice in chunks)
            assert anthropic.messages.create(**asked, max_tokens=50).content[0].text == "forty two of them"
            with anthropic.messages.stream(**asked, max_tokens=50) as stream:
                assert stream.get_final_text() == "forty two of them"
            answer = ollama.chat(**asked)
            assert (answer.message.content, answer.logprobs) == ("forty two of them", None)
            lines = list(ollama.chat(**asked, stream=True))
            assert "".join(line.message.content or "" for line in lines) == "forty two of them"
            assert not any(line.logprobs for line in lines)
            assert ollama.chat(**asked, logprobs=True).logprobs


def test_a_whole_tier_without_confidence_is_one_alert(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, sure("logprobs", "pass")))
    said = {"model": "claude", "messages": [{"role": "user", "content": "how many"}], "max_tokens": 50}
    for number in range(5):
        reply = server.ask("/v1/chat/completions", {**said, "seed": number})
        assert reply.status == 200
    assert "claude gives no log probabilities" in entry(explained(server, reply), "confidence_taken")["why"]
    until = time.monotonic() + 20
    while not (found := [one for one in server.admin("/alerts").json["items"] if one["alert"] == "confidence_missing"]):
        assert time.monotonic() < until, server.log
        time.sleep(0.1)
    assert len(found) == 1
    assert found[0]["provider"] == "anthropic"


def test_a_kill_while_a_judge_is_asked_leaves_nothing_held(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, sure("judge:claude") + BUDGET))
    scripted_provider.script({"answers": [{"match": {"provider": "anthropic"}, "fault": {"silent": True}}, {"text": "forty two"}]})
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(server.chat, "how many")
        until = time.monotonic() + 20
        while scripted_provider.ledger().totals.arrivals < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        server.kill()
        with pytest.raises((OSError, http.client.HTTPException)):
            calling.result(timeout=20)
    server.start()
    newest = server.admin("/invocations").json["items"][0]
    record = server.explain(newest["invocation"])
    kinds = [one["kind"] for one in record["timeline"]]
    assert kinds.count("hold_placed") == kinds.count("attempt_settled") == 2
    assert record["outcome"] == "interrupted"
    assert [one["detail"]["model"] for one in record["timeline"] if one["kind"] == "invocation_finished"] == ["gpt-4o"]


def test_a_caller_that_leaves_while_a_judge_is_asked(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, sure("judge:claude") + BUDGET))
    scripted_provider.script({"answers": [{"match": {"provider": "anthropic"}, "fault": {"silent": True}}, {"text": "forty two"}]})
    with pytest.raises(TimeoutError):
        server.chat("how many", timeout=1.5)
    until = time.monotonic() + 20
    while not (found := [one for one in server.admin("/invocations").json["items"] if one["outcome"] == "cancelled"]):
        assert time.monotonic() < until
        time.sleep(0.05)
    kinds = [one["kind"] for one in server.explain(found[0]["invocation"])["timeline"]]
    assert kinds.count("hold_placed") == kinds.count("attempt_settled") == 2


def test_what_is_unusual_is_reviewed(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    gate = sure("logprobs", when="unusual").replace('    confidence: {from: "logprobs", unknown: review}\n', "")
    server = serve(three_tiers(scripted_provider, gate))
    scripted_provider.script({"answers": [{"text": "There are forty two of them, and that is what the books of the house say."}]})
    for _ in range(50):
        reply = server.chat("how many")
        assert reply.status == 200
    assert "measured" not in entry(explained(server, reply), "answer_measured")
    scripted_provider.script({"answers": [{"text": "There are many, many of them. " * 60}]})
    reply = server.chat("how many", stream=True)
    assert reply.status == 409, reply.body
    measured = entry(explained(server, reply), "answer_measured")
    assert measured["unusual"] == ["length", "repetition"]
    assert measured["samples"] == 50
