"""`kill -9` at any moment: what append() had returned for is there exactly once, and the projections agree with it."""

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.contract.store import lives, naive

from orchvynt.adapters.sqlite.opening import StoreLimits, open_store
from orchvynt.model.facts import AnyFact, ReviewDecided, ReviewEscalated, ReviewOpened
from orchvynt.ports.store import Store

KILLS = 24


def killed_after(folder: Path, first: int, seconds: float) -> int:
    """Runs the appending process, kills it that long after its first append; → frames that it had been told are safe."""
    command = [sys.executable, "-m", "tests.adapters.appending_child", str(folder), str(first)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": os.pathsep.join(["", *sys.path])})
    assert process.stdout is not None
    with process, process.stdout as lines:
        assert lines.readline() == b"1\n", "the child did not start"
        time.sleep(seconds)
        process.kill()
        said = lines.read().split()
    return int(said[-1]) if said else 1


async def frames_in(store: Store, first: int) -> list[list[AnyFact]]:
    """The frames that the store has of the lives from `first` on: each life's record is exactly its first so many frames."""
    found: list[list[AnyFact]] = []
    for number in range(first, first + 1_000_000):
        record = await store.facts(lives.inv_id(number))
        if not record:
            break
        for frame in lives.life(number):
            if not record:
                break
            assert record[: len(frame)] == frame, f"life {number} is torn or doubled"
            record = record[len(frame) :]
            found.append(frame)
        assert not record, f"life {number} has facts twice"
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_nothing_is_lost_doubled_or_miscounted(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    frames: list[list[AnyFact]] = []

    async def reopened(first: int, safe: int) -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal", limits=StoreLimits(segment_bytes=40_000))
        try:
            assert opened.recovery.damages == ()
            assert not opened.recovery.missing
            new = await frames_in(opened.store, first)
            # One more may be there: appended, but killed before it could say so.
            assert safe <= len(new) <= safe + 1
            frames.extend(new)
        finally:
            await opened.store.close()

    async def checked() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal")
        try:
            await naive.check(opened.store, frames)
            found = await opened.store.verify_audit()
            assert (found.bad_at, found.problem) == (0, ""), "every life of the process ended with the head that it had anchored"
            steps = (ReviewOpened, ReviewEscalated, ReviewDecided)
            wanted = {(fact.review, type(fact)) for frame in frames for fact in frame if isinstance(fact, steps)}
            assert found.entries == len(wanted), "each step of a review is an entry, once"
        finally:
            await opened.store.close()

    for kill in range(KILLS // 2):
        first = kill * 1_000_000
        safe = killed_after(tmp_path, first, chance.choice([0, 0.003, 0.02, 0.06, 0.12, 0.2]) * chance.random())
        asyncio.run(reopened(first, safe))
    asyncio.run(checked())
    assert len(frames) > KILLS
