"""Agents that went astray, with the official clients: equal prompts, calls that call one another, and too many of them. Others go on."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from openai import OpenAI
from tests.e2e.conftest import Serve
from tests.e2e.test_budget import one
from tests.support.outside import chat, of_kind, post
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

PARENT = "x-orchvynt-parent"
INVOCATION = "x-orchvynt-invocation"


def policy(provider: ScriptedProvider, limit: str, scope: str = "run", more: str = "", tiers: str = "gpt-4o") -> str:
    return three_tiers(provider, f"budgets: [{{name: loops, scope: {scope}, limit: {{{limit}}}{more}}}]", tiers=tiers)


def client(server: Serving, **headers: str) -> OpenAI:
    """With its retries on: what is stopped must not be tried again."""
    named = {f"x-orchvynt-{name}": value for name, value in headers.items()}
    return OpenAI(base_url=f"{server.url}/v1", api_key="none", default_headers=named)


def counted(server: Serving) -> dict[str, int | str]:
    """How many invocations the one subject of the budget has had."""
    [line] = server.admin("/budgets").json["items"]
    [found] = [measure for measure in line["measures"] if measure["unit"] == "invocations"]
    return {name: found[name] for name in ("unit", "limit", "settled", "held", "remaining")}


def ask(agent: OpenAI, text: str, parent: str = "", **options: Any) -> str:
    """Gives the invocation's id."""
    with agent.chat.completions.with_streaming_response.create(
        model="gpt-4o", messages=[{"role": "user", "content": text}], extra_headers={PARENT: parent} if parent else {}, **options
    ) as answer:
        assert answer.read()
        return str(answer.headers[INVOCATION])


def stopped(call: Callable[[], object]) -> dict[str, Any]:
    """The error's body of a call that is stopped for good."""
    with pytest.raises(openai.APIStatusError) as caught:
        call()
    assert caught.value.status_code == 402
    assert caught.value.response.headers["x-should-retry"] == "false"
    error: Any = caught.value.body
    assert error["code"] == "run_stopped"
    assert error["help"]
    return dict(error)


@pytest.mark.parametrize(("scope", "window"), [("run", ""), ("session", ", window: month"), ("agent", ", window: rolling 24h")])
def test_the_same_prompt_six_times(serve: Serve, scripted_provider: ScriptedProvider, scope: str, window: str) -> None:
    server = serve(policy(scripted_provider, "same_prompt: 5", scope, f"{window}, when: 'workflow == \"w\"'"))
    astray = client(server, **{scope: "r1"}, workflow="w")
    for number in range(5):
        ask(astray, "again", temperature=number / 10, max_tokens=20 + number, stream=number % 2 == 1)
    error = stopped(lambda: ask(astray, "again"))
    assert (error["budget"], error["subject"], error["unit"], error["limit"], error["spent"]) == ("loops", "r1", "same_prompt", 5, 5)
    assert "5 times" in error["message"]
    stopped(lambda: ask(astray, "again", stream=True))
    ask(astray, "something else")
    ask(client(server, **{scope: "r2"}, workflow="w"), "again")
    ask(client(server, **{scope: "r1"}, workflow="other"), "again")
    assert scripted_provider.ledger().totals.arrivals == 8
    explained = server.explain("last")
    assert "same_prompt" not in json.dumps([entry["text"] for entry in explained["timeline"]]), "a book of its own is not shown"
    assert {line["name"] for line in server.admin("/budgets").json["items"]} == {"loops"}
    server.kill()
    server.start()
    stopped(lambda: ask(client(server, **{scope: "r1"}, workflow="w"), "again"))


def test_one_prompt_is_the_same_in_every_dialect(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, "same_prompt: 3"))
    run = {"x-orchvynt-run": "r1"}
    system, text = "You are a clerk.", "What is a ledger?"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    asking = anthropic.Anthropic(base_url=server.url, api_key="none", default_headers=run)
    asking.messages.create(model="gpt-4o", max_tokens=30, system=system, messages=[{"role": "user", "content": text}])
    assert post(server.port, "/api/chat", {"model": "gpt-4o", "messages": messages, "stream": False}, run).status == 200
    assert post(server.port, "/v1/chat/completions", {"model": "gpt-4o", "messages": messages}, run).status == 200
    with pytest.raises(anthropic.APIStatusError) as caught:
        asking.messages.create(model="gpt-4o", max_tokens=31, system=system, messages=[{"role": "user", "content": text}], stream=True)
    assert (caught.value.status_code, "run_stopped" in caught.value.response.text) == (402, True)
    heard = post(server.port, "/api/chat", {"model": "gpt-4o", "messages": messages}, run)
    assert (heard.status, b"run_stopped" in heard.body) == (402, True)
    assert scripted_provider.ledger().totals.arrivals == 3


def test_depth_nine(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, "depth: 8"))
    agent = client(server, run="r1")
    parents = [ask(agent, "depth 1")]
    for depth in range(2, 9):
        if depth == 5:
            server.kill()
            server.start()
            agent = client(server, run="r1")
        parents.append(ask(agent, f"depth {depth}", parents[-1], stream=depth % 2 == 0))
    error = stopped(lambda: ask(agent, "depth 9", parents[-1]))
    assert (error["budget"], error["unit"], error["limit"], error["depth"]) == ("loops", "depth", 8, 9)
    ask(agent, "a sibling", parents[-2])
    ask(client(server, run="r2"), "another run")
    [received] = of_kind(server.explain(parents[-1]), "invocation_received")
    assert received["depth"] == 8
    assert f"at depth 8, called by {parents[-2]}" in server.explain(parents[-1])["timeline"][0]["text"]
    assert scripted_provider.ledger().totals.arrivals == 10


def test_nobody_gets_up_by_naming_a_strange_parent(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(policy(scripted_provider, "depth: 2", "global"))
    mine, other = {"authorization": "Bearer mine"}, {"authorization": "Bearer other"}
    first = chat(server, "gpt-4o", headers=mine).headers[INVOCATION]
    second = chat(server, "gpt-4o", headers={**mine, PARENT: first}).headers[INVOCATION]
    assert chat(server, "gpt-4o", headers={**mine, PARENT: second}).json["error"]["code"] == "run_stopped"
    for headers, parent in ((other, second), (mine, "inv_nowhere"), (mine, "a' OR 1=1 --")):
        inv = chat(server, "gpt-4o", headers={**headers, PARENT: parent}).headers[INVOCATION]
        [received] = of_kind(server.explain(inv), "invocation_received")
        assert received["depth"] == 2
        assert received["claims_overruled"] == [f"parent: (none), not {parent} (this caller has no such invocation)"]
        assert chat(server, "gpt-4o", headers={**headers, PARENT: inv}).status == 402
    asked = chat(server, "gpt-4o", headers={**mine, PARENT: second, "idempotency-key": "k1"})
    assert (asked.status, asked.json["error"]["code"]) == (402, "run_stopped")


@pytest.mark.parametrize("unit", ["invocations", "same_prompt"])
def test_invocation_201(serve: Serve, scripted_provider: ScriptedProvider, unit: str) -> None:
    """All at once: never more than the limit arrive, and all that the limit allows do."""
    server = serve(policy(scripted_provider, f"{unit}: 200"))
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "metadata": {"orchvynt_run": "r1"}}).encode()

    async def storm() -> list[tuple[int, dict[str, Any]]]:
        return list(await asyncio.gather(*(one(server.port, body) for _ in range(260))))

    answers = asyncio.run(storm())
    assert sorted(status for status, _ in answers) == [200] * 200 + [402] * 60
    error = next(body["error"] for status, body in answers if status == 402)
    assert (error["code"], error["budget"], error["unit"], error["limit"]) == ("run_stopped", "loops", unit, 200)
    assert scripted_provider.ledger().totals.arrivals == 200
    if unit == "invocations":
        assert counted(server) == {"unit": "invocations", "limit": 200, "settled": 200, "held": 0, "remaining": 0}
    ask(client(server, run="r2"), "a sibling")
    shown = server.command("budgets").stdout
    assert ("200 calls" in shown) == (unit == "invocations")
    assert "#" not in shown


def test_what_never_reached_a_provider_does_not_count(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    """Refused by the provider, it is given back; tried on two models, it is one; asked again under its key, it is the same."""
    server = serve(policy(scripted_provider, "invocations: 3, same_prompt: 3", tiers="gpt-4o, claude"))
    run = {"x-orchvynt-run": "r1"}
    for provider in ("openai", "anthropic"):
        scripted_provider.fault(provider, {"status": 400})
    assert [chat(server, "gpt-4o", headers=run).status for _ in range(4)] == [400] * 4
    scripted_provider.clear()
    scripted_provider.fault("openai", {"status": 500}, times=2)
    assert chat(server, "gpt-4o", headers=run).status == 200
    kept = {**run, "idempotency-key": "k1"}
    repeated = [chat(server, "gpt-4o", headers=kept) for _ in range(3)]
    assert [heard.status for heard in repeated] == [200] * 3
    assert len({heard.headers[INVOCATION] for heard in repeated}) == 1
    assert chat(server, "gpt-4o", headers=run).status == 200
    error = chat(server, "gpt-4o", headers=run).json["error"]
    assert (error["code"], error["unit"], error["spent"]) == ("run_stopped", "invocations", 3)


def test_a_review_that_is_joined_is_no_further_invocation(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    budgets = "budgets: [{name: loops, scope: run, limit: {invocations: 2, same_prompt: 2}}]\n"
    server = serve(three_tiers(scripted_provider, budgets + gate("0s"), tiers="gpt-4o"))
    flagged = {"x-orchvynt-run": "r1", "x-orchvynt-flags": "review"}
    first = chat(server, "gpt-4o", headers=flagged)
    assert first.json["error"]["code"] == "hitl_pending"
    again = {**flagged, "x-stainless-retry-count": "1"}
    assert {chat(server, "gpt-4o", headers=again).headers[INVOCATION] for _ in range(3)} == {first.headers[INVOCATION]}
    assert counted(server)["settled"] == 1
    assert scripted_provider.ledger().totals.arrivals == 1
