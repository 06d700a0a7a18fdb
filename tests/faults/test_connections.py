"""The provider cannot be reached, or hangs up before it has said anything: what goes on, and whose hold is given back."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.faults.addresses import black_hole, hanging_up, untrusted
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import explained_of, judge, was_whole
from tests.faults.table import Cell
from tests.faults.world import SAID, World, opened, policy, script
from tests.faults.world_rows import UNREACHED
from tests.support.outside import of_kind, outcomes

from orchvynt.testing.scripted import ScriptedProvider

NAMES = [*of_chapters(UNREACHED), "stale"]
# `close` and `reset` again, on a connection that has been used before: it may be stale, and it may have run.
USED = runnable("close", "reset")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        hole, hangs_up, stranger = stack.enter_context(black_hole()), stack.enter_context(hanging_up()), stack.enter_context(untrusted())

        def write(provider: ScriptedProvider) -> dict[str, object]:
            def address(cell: Cell) -> str:
                match cell.row.name:
                    case "hole":
                        return f"http://127.0.0.1:{hole}"
                    case "name":
                        return "http://no-such-host.invalid"
                    case "no-tls":
                        return provider.base_url(cell.name, cell.kind).replace("http://", "https://")
                    case "certificate":
                        return f"https://localhost:{stranger}"
                    case "hangs-up":
                        return f"http://127.0.0.1:{hangs_up}"
                return provider.own_url(cell.name, cell.kind)

            return policy(provider, [*runnable(*NAMES), *USED], address)

        yield stack.enter_context(opened(tmp_path_factory.mktemp("connections"), script(), write))


@meets(*of_chapters(UNREACHED))
def test_a_provider_that_cannot_be_reached(world: World, cell: Cell) -> None:
    if cell.row.fault is not None:
        was_whole(world.ask(cell), SAID)
        world.provider.fault(cell.name, cell.fault)
    since = world.provider.ledger().last
    explained = judge(world, cell, world.ask(cell), since, unheard=("connection", "timeout"))
    if cell.row.name != "hangs-up":
        assert outcomes(explained)[-2:] == [outcomes(explained)[0], "answered"], "what cannot be reached is not asked twice"
        assert len(of_kind(explained, "hold_voided")) == 1, "nothing was sent, so nothing is paid for"
    if cell.row.rests:
        since = world.provider.ledger().last
        assert len(outcomes(explained_of(world, world.ask(cell)))) == 1, "the silent route is not tried again first"
    if cell.row.fault is not None:
        world.provider.fault(cell.name, None)
        was_whole(world.ask(cell), SAID)


@meets("stale")
def test_a_stale_connection_is_repeated_once(world: World, cell: Cell) -> None:
    world.provider.fault(cell.name, cell.fault)
    for call in range(4):
        since = world.provider.ledger().last
        explained = judge(world, cell, world.ask(cell), since, unheard=("connection",))
        # Nobody can know whether the provider read the first of two sends, so both are attempts, each with its own hold.
        assert outcomes(explained) == (["connection", "answered"] if call else ["answered"])


@pytest.mark.parametrize("used", USED, ids=lambda cell: cell.name)
def test_a_send_that_may_have_run_is_paid_for_even_if_it_was_repeated(world: World, used: Cell) -> None:
    was_whole(world.ask(used), SAID)
    world.provider.fault(used.name, used.fault, times=1)
    heard = world.ask(used)
    was_whole(heard, SAID)
    explained = explained_of(world, heard)
    assert outcomes(explained) == ["connection", "answered"]
    assert len(of_kind(explained, "attempt_settled")) == 2
