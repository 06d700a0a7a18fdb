"""The official `anthropic` client, unchanged, against each kind of provider."""

from collections.abc import Iterator

import pytest
from tests.clients.judging import judge
from tests.clients.anthropic_agent import AnthropicAgent
from tests.clients.rows import cells
from tests.clients.table import Cell
from tests.clients.world import World, opened


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(tmp_path_factory.mktemp("anthropic")) as world:
        yield world


@pytest.fixture(scope="module")
def agent(world: World) -> Iterator[AnthropicAgent]:
    with AnthropicAgent(world.server.url) as agent:
        yield agent


@pytest.mark.parametrize("cell", cells("anthropic"), ids=lambda cell: cell.name)
def test_the_table(world: World, agent: AnthropicAgent, cell: Cell) -> None:
    judge(world, agent, cell)
