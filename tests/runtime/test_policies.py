"""The snapshot in force, earlier versions for what is pinned to them, and how the file given at the start differs."""

import asyncio
import gc
import weakref
from collections.abc import Callable

import msgspec
import pytest
from tests.support.carrying import BreakableStore
from tests.support.snapshots import snapshot

from orchvynt.adapters.checking.inline import InlineChecking
from orchvynt.assembly.init import first_policy
from orchvynt.language.compile import load
from orchvynt.language.snapshot import Expression, Rule, Snapshot
from orchvynt.ports.store import PolicyRow
from orchvynt.runtime.policies import KEPT_CHARS, KEPT_VERSIONS, FileSeen, Policies, PolicyMissingError, file_of, numbered

GOOD = first_policy([])


def version(number: int, text: str = "") -> Snapshot:
    return msgspec.structs.replace(snapshot(), version=number, source=text)


def row(number: int, until: int = 0) -> PolicyRow:
    return PolicyRow(number, "d" * 64, "", "m", "a", 0, "", until)


async def filled(*texts: str) -> BreakableStore:
    store = BreakableStore()
    for text in texts:
        await store.add_policy(text, "d", "m", "a", 0, None, "c0ffee")
    return store


def made(store: BreakableStore, current: Snapshot) -> Policies:
    return Policies(store, InlineChecking(), current, row(current.version))


def test_what_is_put_in_force_is_current_and_the_earlier_one_stays_at_hand() -> None:
    async def scenario() -> None:
        store = BreakableStore()
        first, second = version(1), version(2)
        policies = made(store, first)
        policies.put_in_force(second, row(2))
        assert policies.current is second
        assert policies.row.version == 2
        store.away = True
        assert await policies.version(1) is first, "without asking the store"
        assert await policies.version(2) is second

    asyncio.run(scenario())


def test_an_earlier_version_is_compiled_from_the_store_once() -> None:
    async def scenario() -> None:
        store = await filled(GOOD, GOOD)
        policies = made(store, version(2))
        found = await policies.version(1)
        assert (found.version, found.default, found.commit) == (1, "demo-model", "c0ffee")
        store.away = True
        assert await policies.version(1) is found

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [1, 7])
def test_a_version_that_cannot_be_compiled_or_is_not_there_is_missing(number: int) -> None:
    async def scenario() -> None:
        policies = made(await filled("version: 1\nmodles: {}\n", GOOD), version(2))
        with pytest.raises(PolicyMissingError, match=f"version {number}"):
            await policies.version(number)

    asyncio.run(scenario())


@pytest.mark.parametrize(("text", "kept"), [("", KEPT_VERSIONS), ("x" * (KEPT_CHARS // 4 + 1), 3), ("x" * (KEPT_CHARS + 1), 1)])
def test_superseded_versions_are_kept_within_bounds_and_the_one_in_force_always(text: str, kept: int) -> None:
    async def scenario() -> None:
        policies = made(BreakableStore(), version(1, text))
        last = KEPT_VERSIONS * 2
        for number in range(2, last + 1):
            policies.put_in_force(version(number, text), row(number))
        assert policies.current.version == last
        assert (await policies.version(last)).version == last
        assert (await policies.version(last - kept + 1)).version == last - kept + 1
        with pytest.raises(PolicyMissingError):
            await policies.version(last - kept)

    asyncio.run(scenario())


def test_a_superseded_snapshot_is_freed_when_its_last_invocation_ends() -> None:
    def evaluates() -> Callable[[object], object]:
        return lambda _: True

    condition = evaluates()
    watch = weakref.ref(condition)
    pinned = msgspec.structs.replace(version(1, "x" * KEPT_CHARS), rules=(Rule("r", Expression("true", condition, frozenset()), "gpt"),))
    del condition
    policies = made(BreakableStore(), pinned)
    gc.disable()
    try:
        policies.put_in_force(version(2, "x"), row(2))
        assert watch() is not None, "an invocation still holds it"
        del pinned
        assert watch() is None, "by its last reference, without the collector"
    finally:
        gc.enable()


def test_a_stored_version_has_its_number_and_commit_or_says_why_not() -> None:
    stored = PolicyRow(7, "d", GOOD, "m", "a", 0, "c0ffee")
    compiled = numbered(load(GOOD, file_of(stored)), stored)
    assert isinstance(compiled, Snapshot)
    assert (compiled.version, compiled.commit) == (7, "c0ffee")
    problems = numbered(load("version: 1\nmodles: {}\n", file_of(stored)), stored)
    assert isinstance(problems, list)
    assert problems[0].text.startswith("policy-7.yaml:1:1: ")


SAME, OTHER = "d" * 64, "e" * 64


@pytest.mark.parametrize(
    ("file", "until", "watch", "says"),
    [
        (None, 0, "", ""),
        (FileSeen("p.yaml", SAME), 0, "", ""),
        (FileSeen("p.yaml", OTHER), 0, "", "`orchvynt apply p.yaml -m WHY` would change it"),
        (FileSeen("p.yaml", "", "p.yaml is broken"), 0, "", "p.yaml is broken; version 1 stays in force"),
        (FileSeen("p.yaml", SAME, "", True), 0, "following", ""),
        (FileSeen("p.yaml", OTHER, "", True), 0, "following", "is about to take over"),
        (FileSeen("p.yaml", OTHER, "", True), 11, "paused", "was applied over it for a while"),
        (FileSeen("p.yaml", OTHER, "", True), 10, "following", "is about to take over"),
        (FileSeen("p.yaml", "", "p.yaml is gone", True), 0, "broken", "p.yaml is gone; version 1 stays in force"),
    ],
)
def test_drift_says_how_the_file_differs(file: FileSeen | None, until: int, watch: str, says: str) -> None:
    policies = Policies(BreakableStore(), InlineChecking(), version(1), row(1, until))
    policies.file = file
    assert policies.watch(10) == watch
    assert policies.drift(10) == "" if not says else says in policies.drift(10)
