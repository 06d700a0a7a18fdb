"""Gates of every stage over sockets, with the official clients: held, approved, rejected, as a stream and not; sampled, observed, reviewed
after the delivery."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.conftest import Serve
from tests.support.policies import GROUPS, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

CASES = list(product(("openai", "anthropic"), ("approve", "reject"), (False, True)))
GATES = {
    "input": "stage: input, when: 'input.text.contains(\"wire\")'",
    "output": "stage: output, when: 'output.text.contains(\"wired\")'",
    "tool_call": 'stage: tool_call, when: \'tool.name in ["refund", "delete_account"] && tool.args.amount > 10\'',
}
SCRIPT: dict[str, Any] = {
    "answers": [
        {"match": {"last_user": {"contains": "refund"}}, "tool_calls": [{"name": "refund", "arguments": {"amount": 50}}]},
        {"match": {"last_user": {"contains": "wire"}}, "text": "wired 5000"},
        {"text": "nothing much"},
    ]
}
PARAMETERS = {"type": "object", "properties": {"amount": {"type": "number"}}}


def gated(provider: ScriptedProvider, *gates: str) -> str:
    lines = "".join(f"  - {{name: g{number}, {gate}, reviewers: people}}\n" for number, gate in enumerate(gates))
    return three_tiers(provider, f"gates:\n{lines}{GROUPS}")


def waits_for(found: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + 40
    while time.monotonic() < until:
        if result := found():
            return result
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def open_reviews(server: Serving, count: int) -> list[dict[str, Any]]:
    def enough() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = server.admin("/reviews").json["items"]
        return items if len(items) >= count else []

    found: list[dict[str, Any]] = waits_for(enough, f"{count} open reviews")
    return [server.admin(f"/reviews/{one['review']}").json for one in found]


def decide(server: Serving, review: str, decision: str) -> None:
    reply = server.admin(f"/reviews/{review}/decisions", {"decision": decision, "reason": "looked at it"})
    assert reply.status == 200, reply.body


def call_openai(server: Serving, agent: str, text: str, stream: bool, tools: bool) -> str:
    """The text, and the names of the tools that are called."""
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0, timeout=60, default_headers={"x-orchvynt-agent": agent})
    ask: Any = client.chat.completions.create
    offered = [{"type": "function", "function": {"name": name, "parameters": PARAMETERS}} for name in ("refund", "look_up")]
    options: dict[str, Any] = {"tools": offered} if tools else {}
    answer = ask(model="gpt-4o", messages=[{"role": "user", "content": text}], stream=stream, **options)
    if not stream:
        said = answer.choices[0].message
        return (said.content or "") + "".join(call.function.name for call in said.tool_calls or ())
    parts = [choice.delta for chunk in answer for choice in chunk.choices]
    names = [call.function.name or "" for part in parts for call in part.tool_calls or ()]
    return "".join([part.content or "" for part in parts] + names)


def call_anthropic(server: Serving, agent: str, text: str, stream: bool, tools: bool) -> str:
    client = anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=0, timeout=60, default_headers={"x-orchvynt-agent": agent})
    ask: Any = client.messages.create
    offered = [{"name": name, "input_schema": PARAMETERS} for name in ("refund", "look_up")]
    options: dict[str, Any] = {"tools": offered} if tools else {}
    answer = ask(model="claude", max_tokens=200, messages=[{"role": "user", "content": text}], stream=stream, **options)
    if not stream:
        return "".join(block.text if block.type == "text" else block.name for block in answer.content)
    said = ""
    for event in answer:
        if event.type == "content_block_start" and event.content_block.type == "tool_use":
            said += event.content_block.name
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            said += event.delta.text
    return said


CALLS: dict[str, Callable[..., str]] = {"openai": call_openai, "anthropic": call_anthropic}
DENIED = (openai.PermissionDeniedError, anthropic.PermissionDeniedError)


@pytest.mark.parametrize("stage", list(GATES))
def test_both_sdks_wait_at_every_stage(serve: Serve, scripted_provider: ScriptedProvider, stage: str) -> None:
    scripted_provider.script(SCRIPT)
    server = serve(gated(scripted_provider, GATES[stage]))
    text, tools = ("please refund", True) if stage == "tool_call" else ("please wire it", False)
    waiting: dict[str, Future[str]] = {}
    with ThreadPoolExecutor(len(CASES)) as pool:
        for sdk, decision, stream in CASES:
            agent = f"{sdk}.{decision}.{stream}"
            waiting[agent] = pool.submit(CALLS[sdk], server, agent, text, stream, tools)
        for review in open_reviews(server, len(CASES)):
            assert (review["stage"], review["after_delivery"]) == (stage, False)
            assert not waiting[review["agent"]].done()
            if stage == "input":
                assert "please wire it" in review["answer"]["request"]
            elif stage == "tool_call":
                assert review["answer"]["tool_calls"][0]["name"] == "refund"
                assert review["reads"]["tool.name"] == "refund"
            decide(server, review["review"], review["agent"].split(".")[1])
        sent_before_decision = scripted_provider.ledger().totals.arrivals if stage != "input" else len(CASES)
        for agent, call in waiting.items():
            if "approve" in agent:
                assert call.result(timeout=40) == {"input": "wired 5000", "output": "wired 5000", "tool_call": "refund"}[stage]
                continue
            with pytest.raises(DENIED, match="looked at it"):
                call.result(timeout=40)
    assert sent_before_decision == len(CASES)
    # What people rejected before the send never arrived.
    assert scripted_provider.ledger().totals.arrivals == (len(CASES) // 2 if stage == "input" else len(CASES))
    metrics = server.admin("/reviews?status=all").json["items"]
    assert {row["status"] for row in metrics} == {"approved", "rejected"}


@pytest.mark.parametrize("sdk", list(CALLS))
def test_what_no_gate_may_stop_flows(serve: Serve, scripted_provider: ScriptedProvider, sdk: str) -> None:
    scripted_provider.script(SCRIPT)
    server = serve(gated(scripted_provider, GATES["input"], GATES["tool_call"]))
    assert CALLS[sdk](server, "a", "hello", True, False) == "nothing much"
    assert CALLS[sdk](server, "a", "hello", True, True) == "nothing much"
    first, second = server.admin("/invocations").json["items"][:2]
    kinds = {
        entry["detail"].get("streaming", False)
        for one in (first, second)
        for entry in server.explain(one["invocation"])["timeline"]
        if entry["kind"] == "answer_delivered"
    }
    assert kinds == {True, False}, "without tools it flows; with a tool that the gate may match it is held until it is judged"
    assert server.admin("/reviews").json["items"] == []


def test_ollama_calls_are_judged_too(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    server = serve(gated(scripted_provider, GATES["tool_call"] + ", wait: {up_to: 0s}"))
    tool = {"type": "function", "function": {"name": "refund", "parameters": PARAMETERS}}
    body = {"model": "local", "messages": [{"role": "user", "content": "refund"}], "tools": [tool], "stream": True}
    pending = server.ask("/api/chat", body)
    assert pending.status == 409, pending.body
    (review,) = open_reviews(server, 1)
    assert "refund (call 0)" in str(server.explain(review["review"])["timeline"])
    decide(server, review["review"], "approve")
    assert b'"refund"' in server.ask("/api/chat", body).body


@pytest.mark.parametrize("stream", [False, True])
def test_a_wrong_type_passes_no_gate(serve: Serve, scripted_provider: ScriptedProvider, stream: bool) -> None:
    """A tool may well take "50" for 50; so a gate that cannot compare them closes, as does one that the caller's context confuses."""
    call = {"name": "refund", "arguments": {"amount": "50"}}
    scripted_provider.script({"answers": [{"match": {"last_user": "refund"}, "tool_calls": [call]}], "otherwise": {"text": "hello"}})
    confused = "stage: output, when: 'context.amount > 10', wait: {up_to: 0s}"
    server = serve(gated(scripted_provider, GATES["tool_call"] + ", wait: {up_to: 0s}", confused))
    tool = {"type": "function", "function": {"name": "refund", "parameters": PARAMETERS}}
    called = server.chat("refund", stream=stream, tools=[tool])
    assert (called.status, called.json["error"]["gate"]) == (409, "g0")
    told = {"x-orchvynt-context": '{"amount": "50"}'}
    assert server.chat("hello", stream=stream).status == 200
    asked = server.ask("/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": stream}, told)
    assert (asked.status, asked.json["error"]["gate"]) == (409, "g1")


def test_after_delivery_nothing_waits_and_the_reviewers_see_what_went_out(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    later = GATES["output"] + ", mode: after_delivery, escalation: [{after: 1h, do: reject}]"
    server = serve(gated(scripted_provider, later))
    for sdk, stream in product(CALLS, (False, True)):
        assert CALLS[sdk](server, f"{sdk}.{stream}", "please wire it", stream, False) == "wired 5000"
    reviews = open_reviews(server, 4)
    for review in reviews:
        assert review["after_delivery"]
        assert review["answer"]["text"] == "wired 5000"
        assert "answered" in server.explain(review["invocation"])["outcome"]
    server.kill()
    server.start()
    assert len(server.admin("/reviews").json["items"]) == 4
    shown = server.command("reviews", "list")
    assert "output, after delivery" in shown.stdout
    decide(server, reviews[0]["review"], "reject")
    late = server.command("reviews", "approve", reviews[0]["review"])
    assert late.returncode == 1
    told = server.explain(reviews[0]["invocation"])
    assert told["outcome"] == "answered", "what was delivered stays delivered"
    assert [entry["kind"] for entry in told["timeline"]].count("review_decided") == 1
    # The same request again is an invocation of its own: there is nothing to come back for.
    assert CALLS["openai"](server, "again", "please wire it", False, False) == "wired 5000"
    assert scripted_provider.ledger().totals.arrivals == 5


def test_a_gate_that_observes_says_what_it_would_have_done(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    observed = [f"{gate}, enforce: observe" for gate in GATES.values()]
    refusing = f"{GATES['output']}, enforce: observe, stream: refuse"
    server = serve(gated(scripted_provider, *observed, refusing))
    assert CALLS["openai"](server, "a", "please wire it", True, False) == "wired 5000"
    assert server.admin("/reviews?status=all").json["items"] == []
    told = server.explain("last")
    judged = {one["detail"]["gate"]: one for one in told["timeline"] if one["kind"] == "gate_judged"}
    assert {name: one["detail"].get("would", "") for name, one in judged.items()} == {
        "g0": "would_park",
        "g1": "would_park",
        "g2": "",
        "g3": "would_refuse",
    }
    assert "would have parked it" in judged["g1"]["text"]
    assert any(entry["detail"].get("streaming") for entry in told["timeline"] if entry["kind"] == "answer_delivered")


def test_an_approval_is_judged_again_under_the_policy_in_force(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    held = GATES["input"] + ", wait: {up_to: 0s}"
    server = serve(gated(scripted_provider, held))
    assert server.chat("please wire it").status == 409
    (first,) = open_reviews(server, 1)
    second = "stage: input, when: 'input.text.contains(\"please\")', require_reason: true, escalation: [{after: 1h, do: reject}]"
    server.policy.write_text(gated(scripted_provider, held, second))
    assert server.command("apply", str(server.policy), "-m", "more eyes").returncode == 0
    decide(server, first["review"], "approve")
    (again,) = open_reviews(server, 1)
    assert (again["gate"], again["invocation"], again["require_reason"]) == ("g1", first["invocation"], True)
    assert again["escalates_at"]
    assert scripted_provider.ledger().totals.arrivals == 0
    server.kill()
    server.start()
    decide(server, again["review"], "approve")
    reply = server.chat("please wire it")
    assert reply.status == 200, reply.body
    assert reply.headers["x-orchvynt-policy"] == "1", "routed under the version that it is pinned to"
    assert reply.headers["x-orchvynt-invocation"] == first["invocation"]
    assert scripted_provider.ledger().totals.arrivals == 1


def test_an_escalation_ends_what_waits_before_its_send(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(gated(scripted_provider, "stage: input, escalation: [{after: 1s, do: reject}]"))
    reply = server.chat("hello")
    assert (reply.status, reply.json["error"]["code"]) == (403, "review_expired")
    assert scripted_provider.ledger().totals.arrivals == 0


def test_validate_says_which_gates_hold_which_streams(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(gated(scripted_provider, *GATES.values(), "stage: output, sample: 5%, mode: after_delivery"))
    said = server.command_alone("validate", str(server.policy)).stdout
    assert 'gate g0 holds streams where `input.text.contains("wire")` before they are sent' in said
    assert "gate g1 holds every stream" in said
    assert 'gate g2 holds streams that offer a tool where `tool.name in ["refund", "delete_account"]`' in said
    assert "gate g3 never holds a stream: it reviews what was delivered" in said
