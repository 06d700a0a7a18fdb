"""The provider refuses, falls silent, breaks off or garbles: each row with each API of a provider, streaming and not."""

from collections.abc import Iterator

import pytest
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import judge
from tests.faults.provider_rows import BREAKS, GARBLES, REFUSES, SILENT
from tests.faults.table import Cell
from tests.faults.world import World, opened, policy, script

NAMES = [name for name in of_chapters(REFUSES, SILENT, BREAKS, GARBLES) if name not in {"stale", "filtered"}]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(tmp_path_factory.mktemp("faults"), script(), lambda provider: policy(provider, runnable(*NAMES))) as world:
        yield world


@pytest.fixture(scope="module")
def unmetered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same without a budget: attempts are held and settled all the same."""
    cells = [cell for cell in runnable(*NAMES) if cell.kind == "openai"]
    with opened(tmp_path_factory.mktemp("unmetered"), script(), lambda provider: policy(provider, cells, budgets=[])) as world:
        yield world


def meet(world: World, cell: Cell) -> None:
    world.provider.fault(cell.name, cell.fault)
    since = world.provider.ledger().last
    judge(world, cell, world.ask(cell), since)


@meets(*NAMES)
def test_a_fault_of_the_provider(world: World, cell: Cell) -> None:
    meet(world, cell)
    if cell.row.rests or cell.sees == "refusal":
        since = world.provider.ledger().last
        world.ask(cell)
        assert world.arrivals(since) == ["rescue" if cell.row.rests else cell.name], "what rests is not asked, by its provider's own ledger"


@pytest.mark.parametrize("openai", [cell for cell in runnable(*NAMES) if cell.kind == "openai"], ids=lambda cell: cell.name)
def test_a_fault_is_accounted_for_where_no_budget_applies(unmetered: World, openai: Cell) -> None:
    meet(unmetered, openai)
