"""The snapshot in force, and earlier versions for what is pinned to them."""

import asyncio

import msgspec
import pytest
from tests.support.carrying import BreakableStore
from tests.support.snapshots import snapshot

from orchvynt.assembly.init import first_policy
from orchvynt.language.snapshot import Snapshot
from orchvynt.ports.store import PolicyRow
from orchvynt.runtime.policies import KEPT_VERSIONS, Policies, PolicyMissingError, compile_row

GOOD = first_policy([])


def numbered(version: int) -> Snapshot:
    return msgspec.structs.replace(snapshot(), version=version)


async def filled(*texts: str) -> BreakableStore:
    store = BreakableStore()
    for text in texts:
        await store.add_policy(text, "d", "m", "a", 0, None, "")
    return store


def test_what_is_put_in_force_is_current_and_the_earlier_one_stays_at_hand() -> None:
    async def scenario() -> None:
        store = BreakableStore()
        first, second = numbered(1), numbered(2)
        policies = Policies(store, first)
        policies.put_in_force(second)
        assert policies.current is second
        store.away = True
        assert await policies.version(1) is first, "without asking the store"

    asyncio.run(scenario())


def test_an_earlier_version_is_compiled_from_the_store_once() -> None:
    async def scenario() -> None:
        store = await filled(GOOD, GOOD)
        policies = Policies(store, numbered(2))
        found = await policies.version(1)
        assert (found.version, found.default) == (1, "demo-model")
        store.away = True
        assert await policies.version(1) is found

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [1, 7])
def test_a_version_that_cannot_be_compiled_or_is_not_there_is_missing(number: int) -> None:
    async def scenario() -> None:
        policies = Policies(await filled("version: 1\nmodles: {}\n", GOOD), numbered(2))
        with pytest.raises(PolicyMissingError, match=f"version {number}"):
            await policies.version(number)

    asyncio.run(scenario())


def test_only_so_many_versions_are_kept() -> None:
    async def scenario() -> None:
        store = BreakableStore()
        policies = Policies(store, numbered(1))
        for version in range(2, KEPT_VERSIONS + 2):
            policies.put_in_force(numbered(version))
        assert (await policies.version(2)).version == 2
        with pytest.raises(PolicyMissingError):
            await policies.version(1)

    asyncio.run(scenario())


def test_a_stored_version_is_compiled_with_its_number_or_says_why_not() -> None:
    row = PolicyRow(7, "d", GOOD, "m", "a", 0)
    compiled = compile_row(row)
    assert isinstance(compiled, Snapshot)
    assert compiled.version == 7
    problems = compile_row(msgspec.structs.replace(row, yaml="version: 1\nmodles: {}\n"))
    assert isinstance(problems, list)
    assert problems[0].text.startswith("policy-7.yaml:1:1: ")
