"""The filer: what the journal took is visible, whatever the queue, the segments or a foreign lock do meanwhile."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.contract.store import lives, naive
from tests.support.filing import settled_at_last

from orchvynt.adapters.sqlite.opening import StoreLimits, open_store
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.ports.store import PolicyRow, StoreUnavailableError, TokenRow

FRAMES = [frame for number in range(120) for frame in lives.life(number)]


def test_it_files_by_itself_without_being_asked(tmp_path: Path) -> None:
    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal")
        await asyncio.sleep(0.12)  # the filer rests by now
        opened.journal.append([lives.received(1)])
        for _ in range(100):
            if await opened.store.facts(lives.inv_id(1)):
                break
            await asyncio.sleep(0.05)
        assert await opened.store.facts(lives.inv_id(1)) == [lives.received(1)]
        await opened.store.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "limits", [StoreLimits(feed_frames=0), StoreLimits(feed_frames=3, segment_bytes=3000), StoreLimits(feed_bytes=2000)]
)
def test_a_queue_that_is_too_short_only_means_reading_the_file(tmp_path: Path, limits: StoreLimits) -> None:
    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal", limits=limits)
        for count, frame in enumerate(FRAMES):
            opened.journal.append(frame)
            if count % 50 == 0:
                await opened.store.settled()
        await opened.store.settled()
        await naive.check(opened.store, FRAMES)
        await opened.store.close()

    asyncio.run(run())


@pytest.mark.parametrize("segment_bytes", [1 << 20, 3000])
def test_what_is_not_filed_yet_is_known_in_bytes(tmp_path: Path, segment_bytes: int) -> None:
    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal", limits=StoreLimits(segment_bytes=segment_bytes, busy_ms=10))
        before = opened.journal.size_bytes()
        assert opened.store.unfiled_bytes() == 0
        blocker = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        for frame in FRAMES[:40]:
            opened.journal.append(frame)
        assert opened.store.unfiled_bytes() == opened.journal.size_bytes() - before > 3000
        blocker.execute("ROLLBACK")
        blocker.close()
        with suppress(StoreUnavailableError):  # an attempt that began before the rollback may still fail
            await opened.store.settled()
        await opened.store.settled()
        assert opened.store.unfiled_bytes() == 0
        await opened.store.close()

    asyncio.run(run())


def test_segments_are_deleted_once_they_are_filed_and_not_before(tmp_path: Path) -> None:
    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal", limits=StoreLimits(segment_bytes=5000, busy_ms=10))
        blocker = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        for frame in FRAMES[:60]:
            opened.journal.append(frame)
        with pytest.raises(StoreUnavailableError, match="another process has locked it"):
            await opened.store.settled()
        assert len(list((tmp_path / "journal").glob("*.facts"))) > 5
        assert "locked" in opened.store.backlog().problem
        blocker.execute("ROLLBACK")
        blocker.close()
        await settled_at_last(opened.store)  # attempts that began before the rollback may still fail
        assert opened.store.backlog().problem == ""
        assert len(list((tmp_path / "journal").glob("*.facts"))) == 1
        await naive.check(opened.store, FRAMES[:60])
        await opened.store.close()

    asyncio.run(run())


def test_a_locked_database_refuses_changes_and_loses_none(tmp_path: Path) -> None:
    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal", limits=StoreLimits(busy_ms=10))
        blocker = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="SQLITE_BUSY"):
            await opened.store.add_policy("a: 1", "d", "", "x", 1, None, "")
        assert await opened.store.policies() == []  # reading goes on
        blocker.close()
        assert await opened.store.add_policy("a: 1", "d", "", "x", 1, None, "") == PolicyRow(1, "d", "a: 1", "", "x", 1)
        await opened.store.close()

    asyncio.run(run())


def test_a_store_that_is_asked_all_the_time_is_seen_to_be_away(tmp_path: Path) -> None:
    """Each question waits for the lock. Who has nothing to file would not know of it as long as some come."""

    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal", limits=StoreLimits(busy_ms=200))
        blocker = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        asking = [asyncio.ensure_future(opened.store.add_token(TokenRow(str(number), "viewer", "", 1, ""))) for number in range(20)]
        while not opened.store.backlog().problem:
            assert not all(one.done() for one in asking), "each was refused, and the store counts as being there"
            await asyncio.sleep(0.01)
        assert "SQLITE_BUSY" in opened.store.backlog().problem
        # One look is enough for all of them; none waits for the lock on its own.
        told = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(one, StoreUnavailableError) for one in told)
        blocker.close()
        while opened.store.backlog().problem:
            await asyncio.sleep(0.01)
        await opened.store.add_token(TokenRow("back", "viewer", "", 1, ""))
        assert [one.name for one in await opened.store.tokens()] == ["back"]
        await opened.store.close()

    asyncio.run(run())


def test_a_value_that_no_database_holds_stops_its_sender_and_not_the_filer(tmp_path: Path) -> None:
    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal")
        with pytest.raises(OverflowError):
            await opened.store.add_token(TokenRow("x", "admin", "", 1 << 70, ""))
        with pytest.raises(UnicodeEncodeError):
            await opened.store.add_token(TokenRow("\ud800", "admin", "", 1, ""))
        opened.journal.append([lives.received(1)])
        await opened.store.settled()
        assert len(await opened.store.facts(lives.inv_id(1))) == 1
        await opened.store.close()

    asyncio.run(run())


def test_who_stops_waiting_disturbs_nobody(tmp_path: Path) -> None:
    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal")
        for number in range(20):
            opened.journal.append([lives.received(number)])
            waiting = asyncio.ensure_future(opened.store.settled())
            adding = asyncio.ensure_future(opened.store.add_token(TokenRow(str(number), "viewer", "", 1, "")))
            await asyncio.sleep(0)
            waiting.cancel()
            adding.cancel()
        opened.journal.append([lives.received(99)])
        await opened.store.settled()
        assert len(await opened.store.invocations(100, "")) == 21
        await opened.store.close()

    asyncio.run(run())


_FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from orchvynt.adapters.sqlite.opening import open_store
from orchvynt.ports.store import StoreUnavailableError
from tests.contract.store import lives, naive

async def main(folder):
    opened = await open_store(folder / "store.db", folder / "journal")
    frames = [[lives.received(number)] for number in range(300)]
    for frame in frames[:10]:
        opened.journal.append(frame)
    await opened.store.settled()
    # The journal has room, the database's log does not: each batch takes pages of 16 KiB.
    wal = (folder / "store.db-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal, hard))
    try:
        for number in range(10, 30):
            opened.journal.append(frames[number])
        try:
            await opened.store.settled()
        except StoreUnavailableError as error:
            assert "SQLITE_" in str(error), error
            assert opened.store.backlog().problem == str(error)
        else:
            raise AssertionError("it was filed")
        assert len(await opened.store.invocations(1000, "")) == 10
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for frame in frames[30:]:
        opened.journal.append(frame)
    for _ in range(100):
        # A batch that was under way when the room came back may still fail; the next one does not.
        try:
            await opened.store.settled()
            break
        except StoreUnavailableError:
            await asyncio.sleep(0.05)
    else:
        raise AssertionError("it was never filed")
    await naive.check(opened.store, frames)
    await opened.store.close()

asyncio.run(main(Path(sys.argv[1])))
"""


def test_when_the_database_cannot_grow_the_journal_keeps_all_and_it_is_filed_later(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", _FULL_DISK, str(tmp_path)], capture_output=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    database = sqlite3.connect(tmp_path / "store.db")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def test_filing_a_review_does_not_go_through_all_that_are_open(tmp_path: Path) -> None:
    """SQLite would take the index by status: 64 ms for each review that is filed while 100,000 are open, and 1 ms with 1,500."""

    async def run() -> None:
        await (await open_store(tmp_path / "store.db", tmp_path / "journal")).store.close()

    asyncio.run(run())
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        plan = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {QUERIES['mark_parked']}", ("inv",))]
    assert [step for step in plan if " reviews " in step] == ["SEARCH reviews USING INDEX reviews_open (inv=?)"]
