"""Routing over real sockets: choose, split, filters and feedback, seen by what arrived where and by the record."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.outside import Heard, chat, of_kind, post
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

POLICY = """
version: 1
providers:
  fast: {{kind: openai, base_url: "{fast}", api_key: "${{env:TEST_API_KEY}}"}}
  slow: {{kind: openai, base_url: "{slow}", api_key: "${{env:TEST_API_KEY}}"}}
  far:  {{kind: openai-compatible, base_url: "{far}"}}
models:
  big:
    {{provider: fast, model: gpt-4o, quality: {{default: 0.88, classification: 0.95}}, region: us, price: {{input: 5, output: 15}},
     expect: {{p95: 4s}}}}
  small:
    {{provider: fast, model: gpt-4o-mini, quality: 0.79, region: us, price: {{input: 0.15, output: 0.6}}, expect: {{p95: 2s}},
     context_window: 4096}}
  euro:  {{provider: slow, model: gpt-4.1, quality: 0.91, region: eu, price: {{input: 3, output: 12}}, capabilities: {{images: false}}}}
  blank: {{provider: far, model: x-70b, price: free}}
routing:
  rules:
    - name: floor
      when: 'workload == "synthesis"'
      choose: {{from: [big, euro, small], where: 'quality >= 0.85 && p95_ms < 8000', prefer: cost}}
    - {{name: nobody, when: 'workload == "nobody"', choose: {{from: [big, small], where: 'quality > 0.99'}}}}
    - {{name: halves, when: 'workflow == "halves"', split: {{big: 50%, euro: 50%}}, sticky: run}}
    - {{name: learned, when: 'workload == "learned"', choose: {{from: [small, blank], prefer: quality}}}}
  default: small
constraints: [{{when: 'context.residency == "eu"', regions: [eu]}}]
keys:
  - {{name: narrow, allow_models: [small]}}
  - {{name: wide}}
"""


class World(NamedTuple):
    server: Serving
    provider: ScriptedProvider
    keys: dict[str, str]

    def ask(self, model: str = "auto", key: str = "wide", text: str = "hello", **said: Any) -> Heard:
        claims = {f"x-orchvynt-{name.replace('_', '-')}": value for name, value in said.pop("claims", {}).items()}
        return chat(self.server, model, text, {"authorization": f"Bearer {self.keys[key]}", **claims}, **said)

    def routed(self, heard: Heard) -> Any:
        return of_kind(self.explain(heard), "routed")[0]

    def explain(self, heard: Heard) -> Any:
        invocation = heard.headers.get("x-orchvynt-invocation") or heard.json["error"]["invocation"]
        return self.server.explain(invocation)

    @property
    def arrivals(self) -> int:
        return self.provider.ledger().totals.arrivals


def issue(server: Serving, name: str) -> str:
    issued = server.command("keys", "issue", name, "--json")
    assert issued.returncode == 0, issued.stderr
    return str(json.loads(issued.stdout)["secret"])


def policy(provider: ScriptedProvider) -> str:
    return POLICY.format(fast=provider.base_url("fast"), slow=provider.base_url("slow"), far=provider.base_url("far"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ScriptedProvider() as provider, Serving(tmp_path_factory.mktemp("routing"), policy(provider)) as server:
        yield World(server, provider, {name: issue(server, name) for name in ("narrow", "wide")})


def test_choose_takes_the_cheapest_that_passes(world: World) -> None:
    heard = world.ask("big", claims={"workload": "synthesis"})
    assert (heard.headers["x-orchvynt-model"], heard.headers["x-orchvynt-rule"]) == ("euro", "floor")
    assert heard.headers["x-orchvynt-requested-model"] == "big"
    routed = world.routed(heard)
    rejected = {one["model"]: one["why"] for one in routed["rejected"]}
    assert rejected["small"] == "where: p95_ms 2000, quality 0.79"
    assert "and euro has cost" in rejected["big"]
    assert routed["candidates"][0]["unmeasured"] == ["p95_ms"]
    assert routed["figures"]["euro"]["quality"] == 0.91
    told = world.server.command("explain", heard.headers["x-orchvynt-invocation"]).stdout
    assert "unmeasured: p95_ms" in told
    assert "not small: where: p95_ms 2000, quality 0.79" in told


def test_where_nobody_passes_and_no_chain_stands_behind_nothing_is_sent(world: World) -> None:
    before = world.arrivals
    heard = world.ask(claims={"workload": "nobody"})
    error = heard.json["error"]
    assert (heard.status, error["code"], heard.headers["x-should-retry"]) == (503, "all_providers_failed", "true")
    assert [one["model"] for one in error["skipped"]] == ["big", "small"]
    assert "quality 0.79" in error["message"]
    assert world.arrivals == before


def test_a_split_keeps_a_run_on_its_side_and_says_why(world: World) -> None:
    sides: dict[str, set[str]] = {}
    for number in range(40):
        run = f"r{number % 10}"
        heard = world.ask("small", claims={"workflow": "halves", "run": run})
        sides.setdefault(run, set()).add(heard.headers["x-orchvynt-model"])
    assert {len(models) for models in sides.values()} == {1}
    assert {model for models in sides.values() for model in models} == {"big", "euro"}
    assert world.routed(heard)["candidates"][0]["why"] == "rule halves: the 50 % side, by run"
    alone = world.routed(world.ask(claims={"workflow": "halves"}))
    assert alone["candidates"][0]["why"].endswith("by invocation, because run is empty")


def test_a_constraint_binds_whatever_was_asked(world: World) -> None:
    before = world.arrivals
    heard = world.ask("big", claims={"context": '{"residency": "eu"}'})
    assert (heard.status, heard.json["error"]["code"], heard.headers["x-should-retry"]) == (403, "forbidden", "false")
    assert "region us is not in eu" in heard.json["error"]["message"]
    assert world.arrivals == before
    assert world.ask("euro", claims={"context": '{"residency": "eu"}'}).status == 200


def test_a_key_that_may_not_use_a_model(world: World) -> None:
    before = world.arrivals
    heard = world.ask("big", "narrow")
    error = heard.json["error"]
    assert (heard.status, error["code"], error["param"]) == (403, "forbidden", "model")
    assert "narrow" in error["message"]
    assert world.arrivals == before
    assert world.routed(heard)["rejected"] == [{"model": "big", "why": "key narrow may not use it", "by": "allow_models"}]
    chosen = world.ask("auto", "narrow", claims={"workload": "synthesis"})
    assert chosen.status == 503, "the one that it may use is not good enough"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"model": "small", "text": "word " * 9_000}, 400, "context_length"),
        ({"model": "small", "max_tokens": 5_000}, 400, "context_length"),
        ({"model": "small", "claims": {"min-quality": "0.9"}}, 400, "unsupported"),
        ({"model": "big", "claims": {"min-quality": "0.9", "workload": "classification"}}, 200, ""),
        ({"model": "blank", "claims": {"min-quality": "0.9"}}, 200, ""),
    ],
)
def test_what_a_model_cannot_take_is_not_sent(world: World, asked: dict[str, Any], status: int, code: str) -> None:
    before = world.arrivals
    heard = world.ask(**asked)
    assert heard.status == status, heard.body
    if code:
        assert heard.json["error"]["code"] == code
        assert world.arrivals == before


def test_images_and_tools(world: World) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "what is it?"}, picture]}]
    refused = world.ask("euro", messages=messages)
    assert (refused.status, refused.json["error"]["code"]) == (400, "unsupported")
    assert world.ask("big", messages=messages).status == 200
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    passed = world.ask("blank", tools=tools)
    assert world.routed(passed)["candidates"][0]["unmeasured"] == ["context", "tools"]


def score(world: World, invocation: str, body: Any, key: str = "wide") -> Heard:
    return post(world.server.port, f"/v1/invocations/{invocation}/feedback", body, {"authorization": f"Bearer {world.keys[key]}"})


def test_feedback_counts_once_for_its_key_and_is_in_the_record(world: World) -> None:
    invocation = world.ask("big").headers["x-orchvynt-invocation"]
    assert score(world, invocation, {"score": 0.5}, "narrow").status == 404
    assert score(world, "inv_nothing", {"score": 0.5}).status == 404
    for wrong in ({}, {"score": 1.5}, {"score": -0.1}, {"score": True}, {"score": "1"}, {"score": 1, "labell": ""}, b"{", {"score": None}):
        assert (score(world, invocation, wrong).status, score(world, invocation, wrong).json["error"]["code"]) == (400, "invalid_request")
    assert score(world, invocation, {"score": 1, "comment": "x" * 2_001}).status == 400
    given = score(world, invocation, {"score": 0.25, "label": "wrong", "comment": "<b>no</b>\u0000"})
    assert (given.status, given.json["score"], given.json["model"]) == (200, 0.25, "big")
    again = score(world, invocation, {"score": 1})
    assert (again.status, again.json["error"]["code"]) == (409, "conflict")
    last = world.server.explain(invocation)["timeline"][-1]
    assert (last["kind"], last["detail"]["score"], last["detail"]["label"]) == ("feedback_given", 0.25, "wrong")
    assert "0.25 of 1 (wrong)" in last["text"]


def test_figures_are_shown(world: World) -> None:
    for _ in range(20):
        assert world.ask("euro").status == 200
    lines = {line["model"]: line for line in world.server.admin("/providers").json["items"]}
    euro = lines["euro"]
    assert euro["samples"] >= 20
    assert euro["error_rate"] == 0
    assert 0 < euro["p50_ms"] <= euro["p95_ms"]
    assert euro["p99_ms"] is None, "a p99 takes 100 samples"
    assert (euro["input_nanos_per_million"], euro["price_source"]) == (3_000_000_000, "policy")
    models = {line["model"]: line for line in world.server.admin("/models").json["items"]}
    assert (models["euro"]["images"], models["euro"]["tools"], models["euro"]["continues"]) == (False, True, "instruct")
    assert models["blank"]["tools"] is None
    assert "euro" in world.server.command("providers").stdout


def test_what_was_learned_survives_a_kill(tmp_path: Path) -> None:
    with ScriptedProvider() as provider, Serving(tmp_path, policy(provider)) as server:
        world = World(server, provider, {"wide": issue(server, "wide")})
        assert world.ask(claims={"workload": "learned"}).headers["x-orchvynt-model"] == "small"
        for _ in range(40):
            invocation = world.ask("small").headers["x-orchvynt-invocation"]
            assert score(world, invocation, {"score": 0.1}).status == 200
        for _ in range(20):
            invocation = world.ask("blank").headers["x-orchvynt-invocation"]
            assert score(world, invocation, {"score": 1}).status == 200
        assert world.ask(claims={"workload": "learned"}).headers["x-orchvynt-model"] == "blank"
        server.kill()
        server.start()
        heard = world.ask(claims={"workload": "learned"})
        assert heard.headers["x-orchvynt-model"] == "blank"
        models = {line["model"]: line for line in server.admin("/models").json["items"]}
        assert (models["blank"]["scores"], models["small"]["scores"]) == (20, 40)
        assert models["small"]["quality"] == 0.79
        assert models["small"]["quality_in_force"] == pytest.approx((10 * 0.79 + 4) / 50)
        assert models["blank"]["quality_in_force"] == models["blank"]["quality_measured"]
        assert score(world, invocation, {"score": 1}).status == 409
