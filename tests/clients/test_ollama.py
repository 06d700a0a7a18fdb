"""The official `ollama` client, unchanged, against each kind of provider."""

from collections.abc import Iterator

import pytest
from tests.clients.judging import judge
from tests.clients.ollama_agent import OllamaAgent
from tests.clients.rows import cells
from tests.clients.table import Cell
from tests.clients.world import World, opened


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
