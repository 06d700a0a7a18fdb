"""Where the depth of a parent is found: among those that came lately, and else in the store."""

import asyncio

import msgspec
import pytest
from tests.support.clock import CountingIds
from tests.support.peers import alone
from tests.support.snapshots import invocation, snapshot

from orchvynt.adapters.memory.journal import MemoryJournal
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.language.snapshot import Budget
from orchvynt.model.facts import InvocationReceived
from orchvynt.model.invocation import Claims
from orchvynt.runtime.depths import KEPT, Depths

PLAIN = snapshot()
WATCHED = snapshot(budgets=(Budget("loops", "run", None, "lifetime", depth=8),))


def received(inv: str, depth: int, key_id: str = "k") -> InvocationReceived:
    return InvocationReceived(inv, 1, "/", "openai_chat", key_id, "gpt", False, Claims(), 1, "d", 1, depth=depth)


def store(*facts: InvocationReceived) -> MemoryStore:
    made = MemoryStore()
    journal = MemoryJournal(made)
    for fact in facts:
        journal.append([fact])
    return made


def depths_of(kept_in: MemoryStore, kept: int = KEPT) -> Depths:
    return Depths(kept_in, alone(kept_in, CountingIds()), kept)


def test_what_came_lately_is_known_to_its_caller_only() -> None:
    depths = depths_of(MemoryStore())
    depths.began(msgspec.structs.replace(invocation(), id="inv_5", depth=5), PLAIN)
    assert (depths.known("inv_5", "k"), depths.known("inv_5", "other"), depths.known("inv_6", "k")) == (5, 0, 0)


def test_who_has_no_parent_is_kept_only_where_a_budget_asks() -> None:
    depths = depths_of(MemoryStore())
    depths.began(invocation(), PLAIN)
    assert depths.known("inv_1", "k") == 0
    depths.began(invocation(), WATCHED)
    assert depths.known("inv_1", "k") == 1
    assert (depths.watched(PLAIN), depths.watched(WATCHED), depths.watched(PLAIN)) == (False, True, False)


def test_the_oldest_makes_room() -> None:
    depths = depths_of(MemoryStore(), kept=2)
    for number in range(3):
        depths.began(msgspec.structs.replace(invocation(), id=f"inv_{number}"), WATCHED)
    assert [depths.known(f"inv_{number}", "k") for number in range(3)] == [0, 1, 1]


@pytest.mark.parametrize(("parent", "depth"), [("inv_3", 3), ("inv_other", 0), ("inv_nowhere", 0), ("", 0)])
def test_the_store_knows_the_rest(parent: str, depth: int) -> None:
    depths = depths_of(store(received("inv_3", 3), received("inv_other", 4, "other")), kept=1)
    for number in range(2):
        depths.began(msgspec.structs.replace(invocation(), id=f"inv_x{number}"), WATCHED)
    assert asyncio.run(depths.find(parent, "k")) == depth
