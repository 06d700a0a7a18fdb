"""The provider is too much: a header, a line, a body or what it unpacks to. The server's memory stays as it was."""

import json
from collections.abc import Iterator

import pytest
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import explained_of, judge
from tests.faults.table import Cell
from tests.faults.world import SAID, World, bounded, opened, policy, script
from tests.faults.world_rows import TOO_MUCH
from tests.support.outside import outcomes

from orchvynt.testing.scripted import ScriptedProvider

NAMES = of_chapters(TOO_MUCH)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # Sizes are meant to end these answers, so the policy's own limits of time are far away.
    def write(provider: ScriptedProvider) -> dict[str, object]:
        return policy(provider, runnable(*NAMES), timeouts={})

    with opened(tmp_path_factory.mktemp("sizes"), script(frame_interval=0), write) as world:
        yield world


@meets(*NAMES)
def test_what_is_too_much_is_bounded(world: World, cell: Cell) -> None:
    assert world.ask(cell).text == SAID
    world.provider.fault(cell.name, cell.fault)
    since = world.provider.ledger().last
    with bounded(world.server):
        heard = world.ask(cell)
    if cell.sees == "error event":
        # The content comes again and again, so what was said is no beginning of the answer that the other rows have.
        assert len(heard.body) > 1 << 20
        assert b"data: [DONE]" not in heard.body
        assert "error" in json.loads(heard.body.rpartition(b"data: ")[2]), "the last event says so"
        assert outcomes(explained_of(world, heard)) == ["malformed"]
        assert world.held == 0
    else:
        judge(world, cell, heard, since)
