"""The official `openai` client, unchanged, against each kind of provider: the table, and what is special to it."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIError, OpenAI
from tests.clients.judging import judge
from tests.clients.openai_agent import OpenAiAgent
from tests.clients.rows import cells
from tests.clients.table import APIS, Cell
from tests.clients.world import World, opened

QUESTION: Any = [{"role": "user", "content": "When was the bridge built?"}]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(tmp_path_factory.mktemp("openai")) as world:
        yield world


@pytest.fixture(scope="module")
def agent(world: World) -> Iterator[OpenAiAgent]:
    with OpenAiAgent(world.server.url) as agent:
        yield agent


@pytest.mark.parametrize("cell", cells("openai"), ids=lambda cell: cell.name)
def test_the_table(world: World, agent: OpenAiAgent, cell: Cell) -> None:
    judge(world, agent, cell)


@pytest.fixture
def client(world: World, agent: OpenAiAgent) -> OpenAI:
    return agent.client.with_options(api_key=world.secrets["free"])


def test_what_every_answer_says_of_itself(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="sound-openai", messages=QUESTION, max_tokens=100)
    told = {name: raw.headers[f"x-orchvynt-{name}"] for name in ("model", "tier", "attempts")}
    assert told == {"model": "sound-openai", "tier": "1", "attempts": "1"}
    assert float(raw.headers["x-orchvynt-cost-usd"]) > 0


@pytest.mark.parametrize("stream", [False, True])
def test_the_next_tiers_answer_says_so(world: World, client: OpenAI, stream: bool) -> None:
    raw = client.chat.completions.with_raw_response.create(model="limited-openai", messages=QUESTION, max_tokens=100, stream=stream)
    told = {name: raw.headers[f"x-orchvynt-{name}"] for name in ("model", "tier", "requested-model")}
    assert told == {"model": "cover-anthropic", "tier": "2", "requested-model": "limited-openai"}
    parsed: Any = raw.parse()
    assert not stream or len(list(parsed)) > 2
    verdict = world.server.explain("last")["verdict"]
    assert verdict.startswith("Asked limited-openai; got cover-anthropic, because limited-openai answered 429")


@pytest.mark.parametrize("provider", APIS)
def test_a_stream_tells_its_usage_only_where_it_is_asked_to(world: World, client: OpenAI, provider: str) -> None:
    for usage in (False, True):
        more: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
        asked = client.chat.completions.create(model=f"sound-{provider}", messages=QUESTION, max_tokens=100, stream=True, **more)
        assert len([chunk for chunk in asked if chunk.usage is not None]) == usage
        assert world.server.explain("last")["totals"]["estimated"] is False


def test_a_broken_stream_is_on_record_as_failed(world: World, agent: OpenAiAgent) -> None:
    client = agent.client.with_options(api_key=world.secrets["agent"])
    with pytest.raises(APIError, match="broke off"):
        list(client.chat.completions.create(model="cut-openai", messages=QUESTION, stream=True, max_tokens=100))
    explained = world.server.explain("last")
    assert (explained["outcome"], explained["totals"]["estimated"]) == ("failed", True)


def test_models_are_those_of_the_policy(client: OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert listed[0] == "auto"
    assert {"sound-openai", "sound-anthropic", "sound-ollama"} < set(listed)
