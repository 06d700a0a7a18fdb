"""The official Ollama client, unchanged, against each of the three provider dialects."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from ollama import AsyncClient, ChatResponse, Client, ResponseError
from tests.e2e.conftest import Serve
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

SCRIPT = {
    "answers": [
        {"match": {"tool_result": {"contains": "18 degrees"}}, "text": "It is 18 degrees in Lisbon."},
        {
            "match": {"last_user": {"contains": "weather"}},
            "tool_calls": [{"name": "weather", "arguments": {"city": "Lisbon"}}, {"name": "weather", "arguments": {"city": "Porto"}}],
        },
        {"match": {"last_user": {"contains": "Look"}}, "text": '{"year": 1883}'},
        {"match": {"last_user": {"contains": "bridge"}}, "text": "The bridge — 橋 — was built in 1883. 🌉"},
    ]
}
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
MODELS = ["gpt-4o", "claude", "local"]
QUESTION: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "When was the bridge built?"}]
ANSWER = "The bridge — 橋 — was built in 1883. 🌉"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
LIMITED = {"num_predict": 100}


class World(NamedTuple):
    """Starting them costs more than all questions of this file, so most tests share them and leave them as they were."""

    provider: ScriptedProvider
    server: Serving
    agent: Client


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        ScriptedProvider(SCRIPT) as provider,
        Serving(tmp_path_factory.mktemp("ollama"), three_tiers(provider)) as server,
        Client(server.url, trust_env=False) as agent,
    ):
        yield World(provider, server, agent)


@pytest.fixture
def server(world: World) -> Serving:
    return world.server


@pytest.fixture
def agent(world: World) -> Client:
    return world.agent


@pytest.mark.parametrize("model", MODELS)
def test_plain(agent: Client, server: Serving, model: str) -> None:
    answer = agent.chat(model=model, messages=QUESTION, options=LIMITED)
    assert answer.message.content == ANSWER
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert answer.prompt_eval_count
    assert answer.eval_count
    totals = server.explain("last")["totals"]
    assert (totals["input_tokens"], totals["output_tokens"]) == (answer.prompt_eval_count, answer.eval_count)


@pytest.mark.parametrize("model", MODELS)
def test_streaming(agent: Client, server: Serving, model: str) -> None:
    lines = list(agent.chat(model=model, messages=QUESTION, options=LIMITED, stream=True))
    assert "".join(line.message.content or "" for line in lines) == ANSWER
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1].done_reason == "stop"
    assert lines[-1].eval_count
    assert len(lines) > 3
    assert server.explain("last")["totals"]["estimated"] is False


@pytest.mark.parametrize("model", MODELS)
def test_asynchronous(server: Serving, model: str) -> None:
    async def ask() -> tuple[str, str]:
        async with AsyncClient(server.url, trust_env=False) as agent:
            whole = await agent.chat(model=model, messages=QUESTION, options=LIMITED)
            stream = await agent.chat(model=model, messages=QUESTION, options=LIMITED, stream=True)
            return whole.message.content or "", "".join([line.message.content or "" async for line in stream])

    assert asyncio.run(ask()) == (ANSWER, ANSWER)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_tools_there_and_back(server: Serving, agent: Client, model: str, stream: bool) -> None:
    """As the SDK's own examples do it: its messages have no ids, a result names its tool."""
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon and Porto?"}]
    said: list[ChatResponse]
    if stream:
        said = list(agent.chat(model=model, messages=messages, tools=TOOLS, options=LIMITED, stream=True))
    else:
        said = [agent.chat(model=model, messages=messages, tools=TOOLS, options=LIMITED)]
    calls = [call for answer in said for call in answer.message.tool_calls or ()]
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("weather", {"city": "Lisbon"}),
        ("weather", {"city": "Porto"}),
    ]
    messages.append({"role": "assistant", "tool_calls": calls})
    messages += [{"role": "tool", "tool_name": call.function.name, "content": "18 degrees"} for call in calls]
    answer = agent.chat(model=model, messages=messages, tools=TOOLS, options=LIMITED)
    assert answer.message.content == "It is 18 degrees in Lisbon."
    assert '"inferred"' in json.dumps(server.explain("last")), "the conversation is recognised without ids"


@pytest.mark.parametrize("model", MODELS)
def test_a_schema_and_an_image(world: World, agent: Client, model: str) -> None:
    schema = {"type": "object", "properties": {"year": {"type": "integer"}}, "required": ["year"], "additionalProperties": False}
    messages = [{"role": "user", "content": "Look: which year?", "images": [PNG]}]
    answer = agent.chat(model=model, messages=messages, format=schema, options=LIMITED)
    assert answer.message.content == '{"year": 1883}'
    sent = world.provider.arrivals()[-1]["body"]
    assert PNG in sent
    assert '"year"' in sent


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_generate(agent: Client, model: str, stream: bool) -> None:
    asked: dict[str, Any] = {"model": model, "prompt": "When was the bridge built?", "system": "Be brief.", "options": LIMITED}
    said: Any = list(agent.generate(**asked, stream=True)) if stream else [agent.generate(**asked)]
    assert "".join(answer.response or "" for answer in said) == ANSWER
    assert (said[-1].done, said[-1].done_reason) == (True, "stop")
    assert said[-1].eval_count
    # Only an Ollama has the conversation as tokens.
    assert bool(said[-1].context) is (model == "local")


def test_what_only_an_ollama_can_do_goes_to_one(world: World) -> None:
    """The tiers before it are passed over: they would answer something else."""
    answer = world.agent.generate(model="gpt-4o", prompt="bridge", raw=True, options=LIMITED)
    assert answer.response == ANSWER
    assert '"raw":true' in world.provider.arrivals()[-1]["body"]
    assert world.server.explain("last")["model"] == "local"


def test_models_are_those_of_the_policy(agent: Client) -> None:
    assert [model.model for model in agent.list().models] == ["auto", "gpt-4o", "claude", "local", "big"]
    assert agent.show("gpt-4o").capabilities == ["completion", "tools", "vision"]
    with pytest.raises(ResponseError) as refused:
        agent.show("gpt-5000")
    assert refused.value.status_code == 404


def test_an_unknown_model_is_refused_with_the_nearest_names(world: World, agent: Client) -> None:
    before = world.provider.ledger().totals.arrivals
    with pytest.raises(ResponseError) as whole:
        agent.chat(model="gpt-40", messages=QUESTION)
    with pytest.raises(ResponseError) as streamed:
        list(agent.chat(model="gpt-40", messages=QUESTION, stream=True))
    for refused in (whole.value, streamed.value):
        assert refused.status_code == 404
        assert "gpt-4o" in refused.error
    assert world.provider.ledger().totals.arrivals == before


def test_who_calls_stands_in_the_path_or_in_headers(server: Serving) -> None:
    with Client(f"{server.url}/@docs/drafting", trust_env=False, headers={"x-orchvynt-run": "r1", "authorization": "Bearer k"}) as agent:
        agent.chat(model="local", messages=QUESTION, options=LIMITED)
    record = json.dumps(server.explain("last"))
    assert all(f'"{claim}"' in record for claim in ("docs", "drafting", "r1"))


def test_what_is_not_there_is_said_in_the_shape_of_the_api(server: Serving, agent: Client) -> None:
    with pytest.raises(ResponseError) as refused:
        agent.ps()
    assert refused.value.status_code == 404
    assert "/api/ps" in refused.value.error
    told = server.ask("/api/embed", {"model": "local", "input": "x"})
    assert (told.status, told.json["code"]) == (404, "not_found")
    assert isinstance(told.json["error"], str)
    assert server.ask("/api/version").json["version"]


def test_the_next_tier_answers_in_the_same_call(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    scripted_provider.fault("openai", {"status": 429, "retry_after": 60})
    scripted_provider.fault("anthropic", {"status": 529})
    server = serve(three_tiers(scripted_provider))
    with Client(server.url, trust_env=False) as agent:
        parts = agent.chat(model="gpt-4o", messages=QUESTION, options=LIMITED, stream=True)
        assert "".join(part.message.content or "" for part in parts) == ANSWER
        assert agent.chat(model="gpt-4o", messages=QUESTION, options=LIMITED).message.content == ANSWER
    assert server.explain("last")["model"] == "local"


def test_a_stream_that_breaks_off_never_looks_whole(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "one two three four five six seven eight nine ten"}]})
    server = serve(three_tiers(scripted_provider))
    with Client(server.url, trust_env=False) as agent:
        for fault in ("cut_after", "error_event_after"):
            for name in ("openai", "anthropic", "local"):
                scripted_provider.fault(name, {fault: 3})
            for model in MODELS:
                lines: list[ChatResponse] = []
                with pytest.raises(ResponseError) as broken:
                    lines.extend(agent.chat(model=model, messages=QUESTION, options=LIMITED, stream=True))
                assert broken.value.error
                assert not any(line.done for line in lines), (fault, model)
