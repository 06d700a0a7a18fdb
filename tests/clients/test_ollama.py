"""The official `ollama` client, unchanged, against each kind of provider: the table, and what is special to it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ollama import Client, ResponseError
from tests.clients.judging import judge
from tests.clients.ollama_agent import TOOLS, OllamaAgent
from tests.clients.rows import cells
from tests.clients.table import ANSWER, APIS, Cell
from tests.clients.world import World, opened
from tests.support.outside import of_kind

QUESTION: Any = [{"role": "user", "content": "When was the bridge built?"}]
LIMITED = {"num_predict": 100}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(tmp_path_factory.mktemp("ollama")) as world:
        yield world


@pytest.fixture(scope="module")
def agent(world: World) -> Iterator[OllamaAgent]:
    with OllamaAgent(world.server.url) as agent:
        yield agent


@pytest.mark.parametrize("cell", cells("ollama"), ids=lambda cell: cell.name)
def test_the_table(world: World, agent: OllamaAgent, cell: Cell) -> None:
    judge(world, agent, cell)


@pytest.fixture
def client(world: World, agent: OllamaAgent) -> Client:
    return agent.client(world.secrets["free"])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", APIS)
def test_generate(client: Client, provider: str, stream: bool) -> None:
    asked: dict[str, Any] = {"model": f"sound-{provider}", "prompt": "When?", "system": "Be brief.", "options": LIMITED}
    said: Any = list(client.generate(**asked, stream=True)) if stream else [client.generate(**asked)]
    assert "".join(answer.response or "" for answer in said) == ANSWER
    assert (said[-1].done, said[-1].done_reason) == (True, "stop")
    assert said[-1].eval_count
    # Only an Ollama has the conversation as tokens.
    assert bool(said[-1].context) is (provider == "ollama")


def test_what_only_an_ollama_can_do_goes_to_one(world: World, client: Client) -> None:
    """The tiers before it are passed over: they would answer something else."""
    world.arrivals()
    assert client.generate(model="sound-openai", prompt="bridge", raw=True, options=LIMITED).response == ANSWER
    [kept] = world.arrivals()
    assert (kept["provider"], '"raw":true' in kept["body"]) == ("cover-ollama", True)


def test_models_are_those_of_the_policy(client: Client) -> None:
    listed = [model.model for model in client.list().models]
    assert listed[0] == "auto"
    assert {"sound-openai", "sound-anthropic", "sound-ollama"} < set(listed)
    assert client.show("sound-openai").capabilities == ["completion", "tools", "vision"]
    with pytest.raises(ResponseError) as refused:
        client.show("sounds-openai")
    assert refused.value.status_code == 404


def test_who_calls_stands_in_the_path_or_in_headers(world: World) -> None:
    headers = {"x-orchvynt-run": "r1", "authorization": f"Bearer {world.secrets['free']}"}
    with Client(f"{world.server.url}/@docs/drafting", trust_env=False, headers=headers) as client:
        client.chat(model="sound-ollama", messages=QUESTION, options=LIMITED)
    record = json.dumps(world.server.explain("last"))
    assert all(f'"{claim}"' in record for claim in ("docs", "drafting", "r1"))


def test_a_conversation_is_recognised_without_ids(world: World, client: Client) -> None:
    messages: list[Any] = [{"role": "user", "content": "The weather in both?"}]
    asked: dict[str, Any] = {"model": "sound-anthropic", "tools": TOOLS, "options": LIMITED}
    answer = client.chat(messages=messages, **asked)
    messages += [answer.message, *({"role": "tool", "tool_name": "weather", "content": "18 degrees"} for _ in range(2))]
    client.chat(messages=messages, **asked)
    assert of_kind(world.server.explain("last"), "invocation_received")[0]["claims"]["run_source"] == "inferred"


def test_what_is_not_there_is_said_in_the_shape_of_the_api(world: World, client: Client) -> None:
    with pytest.raises(ResponseError) as refused:
        client.ps()
    assert refused.value.status_code == 404
    assert "/api/ps" in refused.value.error
    key = {"authorization": f"Bearer {world.secrets['free']}"}
    told = world.server.ask("/api/embed", {"model": "sound-ollama", "input": "x"}, key)
    assert (told.status, told.json["code"]) == (404, "not_found")
    assert isinstance(told.json["error"], str)
    assert world.server.ask("/api/version", headers=key).json["version"]
