"""Bringing a store into service: one process, private files, a known schema, or a refusal that says why."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.contract.store import lives, naive

from orchvynt.adapters.sqlite.connecting import connect_writer
from orchvynt.adapters.sqlite.opening import Opened, open_store
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError


def opening(folder: Path, name: str = "store.db", journal: str = "journal") -> Coroutine[Any, Any, Opened]:
    return open_store(folder / name, folder / journal)


async def open_and_close(folder: Path) -> None:
    await (await opening(folder)).store.close()


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_files_are_private(tmp_path: Path) -> None:
    async def run() -> dict[str, int]:
        opened = await opening(tmp_path)
        opened.journal.append([lives.received(1)])
        await opened.store.settled()
        found = modes(tmp_path)
        await opened.store.close()
        return found

    previous = os.umask(0)
    try:
        found = asyncio.run(run())
    finally:
        os.umask(previous)
    assert found.pop("journal") == 0o700
    assert found.keys() >= {"store.db", "store.db-wal", "store.db.lock", "00000001.facts", "lock"}
    assert set(found.values()) == {0o600}


_SECOND = """
import asyncio, sys
from pathlib import Path
from orchvynt.adapters.sqlite.opening import open_store
asyncio.run(open_store(Path(sys.argv[1]) / "store.db", Path(sys.argv[1]) / "journal"))
"""


def test_a_second_process_is_refused_and_told_who_holds_the_store(tmp_path: Path) -> None:
    def second() -> str:
        environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            [sys.executable, "-c", _SECOND, str(tmp_path)], capture_output=True, env=environment, timeout=30
        ).stderr.decode()

    async def run() -> None:
        opened = await opening(tmp_path)
        try:
            said = await asyncio.to_thread(second)
            assert f"StoreInUseError: the store {tmp_path}/store.db is in use by process {os.getpid()}." in said
            link = tmp_path / "other.db"
            link.symlink_to(tmp_path / "store.db")
            with pytest.raises(StoreInUseError, match="store"):
                await opening(tmp_path, "other.db", "other-journal")
            with pytest.raises(StoreInUseError, match="journal"):
                await opening(tmp_path, "third.db")
        finally:
            await opened.store.close()
        await open_and_close(tmp_path)

    asyncio.run(run())


COMES_AND_GOES = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
connection.close()
"""


def test_a_further_connection_of_a_process_lets_go_of_no_lock_of_the_others(tmp_path: Path) -> None:
    """To open the file beside SQLite and close it again drops the locks that this process has on it: the next process that goes believes
    that it is the last one, and deletes the log that this one writes on. That damages the store."""
    path = tmp_path / "store.db"
    first = connect_writer(path, 1000)
    try:
        first.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        connect_writer(path, 1000).close()
        log = path.with_name("store.db-wal")
        before = log.stat().st_ino
        subprocess.run([sys.executable, "-c", COMES_AND_GOES, str(path)], check=True, timeout=60)
        assert log.exists(), "it is still written on"
        assert log.stat().st_ino == before
    finally:
        first.close()


def test_a_schema_of_a_newer_build_is_refused(tmp_path: Path) -> None:
    asyncio.run(open_and_close(tmp_path))
    database = sqlite3.connect(tmp_path / "store.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreUnavailableError, match=r"schema 99.*newer"):
        asyncio.run(opening(tmp_path))


def test_a_foreign_database_and_a_file_that_is_none_are_left_alone(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "store.db")
    database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(StoreUnavailableError, match="another program"):
        asyncio.run(opening(tmp_path))
    text = b"this is not a database, and it is longer than a header of one hundred bytes" * 3
    (tmp_path / "text.db").write_bytes(text)
    with pytest.raises(StoreUnavailableError, match="not a SQLite database"):
        asyncio.run(opening(tmp_path, "text.db"))
    assert (tmp_path / "text.db").read_bytes() == text


def test_a_refused_opening_holds_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.write_bytes(b"a file where the folder should be")
    with pytest.raises(JournalUnavailableError, match="File exists"):
        asyncio.run(opening(tmp_path))
    journal.unlink()
    with pytest.raises(StoreUnavailableError, match="missing"):
        asyncio.run(opening(tmp_path, "missing/store.db"))
    asyncio.run(open_and_close(tmp_path))


def test_a_deleted_database_is_filled_again_from_the_journal(tmp_path: Path) -> None:
    frames = [frame for number in range(20) for frame in lives.life(number)]

    async def write() -> None:
        opened = await opening(tmp_path)
        for frame in frames:
            opened.journal.append(frame)
        await opened.store.close()

    async def check() -> None:
        opened = await opening(tmp_path)
        assert opened.recovery.frames == len(frames)
        await naive.check(opened.store, frames)
        await opened.store.close()

    asyncio.run(write())
    for path in tmp_path.glob("store.db*"):
        path.unlink()
    asyncio.run(check())


def test_a_deleted_journal_is_said_and_what_follows_is_filed(tmp_path: Path) -> None:
    async def write() -> None:
        opened = await opening(tmp_path)
        opened.journal.append([lives.received(1)])
        await opened.store.close()

    async def again() -> None:
        opened = await opening(tmp_path)
        assert opened.recovery.missing
        opened.journal.append([lives.received(2)])
        await opened.store.settled()
        await naive.check(opened.store, [[lives.received(1)], [lives.received(2)]])
        await opened.store.close()
        opened = await opening(tmp_path)
        assert not opened.recovery.missing
        await naive.check(opened.store, [[lives.received(1)], [lives.received(2)]])
        await opened.store.close()

    asyncio.run(write())
    for path in (tmp_path / "journal").glob("*.facts"):
        path.unlink()
    asyncio.run(again())


def test_damage_in_the_journal_is_a_value_of_the_opening(tmp_path: Path) -> None:
    async def write() -> None:
        opened = await opening(tmp_path)
        for number in range(3):
            opened.journal.append([lives.received(number)])
        await opened.store.close()

    async def again() -> None:
        opened = await opening(tmp_path)
        assert len(opened.recovery.damages) == 1
        opened.journal.append([lives.received(7)])
        await opened.store.settled()
        await naive.check(opened.store, [[lives.received(0)], [lives.received(2)], [lives.received(7)]])
        await opened.store.close()
        assert [path.name for path in sorted((tmp_path / "journal").glob("0*"))] == ["00000001.damaged", "00000002.facts"]

    asyncio.run(write())
    for path in tmp_path.glob("store.db*"):
        path.unlink()
    segment = tmp_path / "journal" / "00000001.facts"
    content = segment.read_bytes()
    segment.write_bytes(content.replace(b"inv_00000000000000000000000001", b"inv_00000000000000000000000009"))
    asyncio.run(again())


def test_what_another_process_changed_is_read_without_a_scan_of_all_reviews(tmp_path: Path) -> None:
    connection = connect_writer(tmp_path / "store.db", 1000)
    changed = QUERIES["parked"].filled(which=QUERIES["parked_of"])
    asked: list[tuple[str, dict[str, str | int]]] = [
        (changed, {"invocations": "[]", "claim_for_ns": 1}),
        (QUERIES["cut_off"], {"process": "prc_1", "at": 1, "since": 1}),
    ]
    for query, values in asked:
        plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
        assert not [step for step in plan if step.startswith("SCAN") and "json_each" not in step], plan
    connection.close()


@pytest.mark.parametrize(
    "name",
    [
        "filed",
        "next_seq",
        "frames_of",
        "find_last",
        "find_inv",
        "newest_invocations",
        "older_invocations",
        "unfinished",
        "review",
    ],
)
def test_no_question_of_a_start_or_a_lookup_scans_the_history(tmp_path: Path, name: str) -> None:
    asyncio.run(open_and_close(tmp_path))
    database = sqlite3.connect(tmp_path / "store.db")
    query = QUERIES[name]
    values = ("x",) * query.count("?") if "?1" not in query else {"1": 1, "2": "x"}
    plan = [str(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {query}", values)]
    database.close()
    small = ("SCAN filed", "SCAN invocations USING INDEX invocations_unfinished")
    newest_first = name == "newest_invocations"  # walks the key from its end and stops at the limit
    assert all("SCAN" not in step or step.startswith(small) or newest_first for step in plan), plan
    assert not (newest_first and any("TEMP B-TREE" in step for step in plan)), plan
