"""A store that is moved arrives row for row, in either direction, or not at all."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.store import lives
from tests.contract.store.test_audit import whole
from tests.support.postgres import Server

from orchvynt.adapters.postgres.opening import open_store as open_postgres
from orchvynt.adapters.postgres.target import target
from orchvynt.adapters.sqlite.copying import LEFT, MOVED, Copied, NotMovedError, Pipe
from orchvynt.adapters.sqlite.moving import SqliteMoving, move
from orchvynt.adapters.sqlite.opening import Opened, open_store
from orchvynt.decisions.audit.entries import AuditRow
from orchvynt.ports.store import StoreUnavailableError

pytestmark = pytest.mark.timeout(300)  # seconds, and minutes where others build beside it

NOTE = AuditRow(lives.START, "test", "store.move", "moved", "store")
ROWS = 450
AUDITED = ("audit_entries", "audit_words")


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    place = postgres.fresh_schema()
    yield place
    postgres.sql(f'DROP SCHEMA "{place.rpartition("=")[2]}" CASCADE')


def sqlite(folder: Path, name: str) -> Path:
    return folder / f"{name}.db"


async def opened(path: Path) -> Opened:
    return await open_store(path, path.with_suffix(".journal"))


def made(folder: Path) -> Path:
    """A SQLite store that lived, and has rows in every table: those that a life does not fill have made-up ones, with all that is hard."""
    path = sqlite(folder, "made")

    async def live() -> None:
        store = await opened(path)
        for number in range(40):
            for frame in whole(number, f"user {number}\0\x1a"):
                store.journal.append(frame)
        await store.store.close()

    asyncio.run(live())
    with sqlite3.connect(path) as connection:
        for table in MOVED:
            if not connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone():
                _fill(connection, table)
    connection.close()
    return path


def _fill(connection: sqlite3.Connection, table: str) -> None:
    columns = [(name, kind) for _, name, kind, *_ in connection.execute(f'PRAGMA table_info("{table}")')]
    for number in range(1, 2 if table == "alerting" else ROWS):
        values: list[object] = []
        for name, kind in columns:
            made_up: dict[str, object] = {
                "INTEGER": number if name != "at" else -number,
                "TEXT": f"{name} {number} é\u2028\0\x1a'\"{{}}",
                "BLOB": bytes([number % 256, 0, 255]),
                "REAL": number / 3,
            }
            values.append(made_up[kind])
        connection.execute(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(values))})', values)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All but the numbers of processes, which are others in another store."""
    connection = sqlite3.connect(path)
    try:
        found: dict[str, list[tuple[object, ...]]] = {}
        for table in MOVED:
            names = [name for _, name, *_ in connection.execute(f'PRAGMA table_info("{table}")')]
            listed = ", ".join(f'"{name}"' for name in names if name != "process" or table not in ("holds", "invocations"))
            found[table] = sorted(connection.execute(f'SELECT {listed} FROM "{table}"'), key=repr)
        return found
    finally:
        connection.close()


def told(_table: str, _rows: int) -> None:
    """Nobody looks."""


async def _moved(source: Opened, into: Opened) -> list[Copied]:
    try:
        return await move(source.store, into.store, NOTE, told)
    finally:
        await source.store.close()
        await into.store.close()


def without_audit(copied: list[Copied]) -> list[Copied]:
    return [one for one in copied if one.table not in AUDITED]


def test_every_row_arrives_there_and_back(url: str, tmp_path: Path) -> None:
    first, last = made(tmp_path), sqlite(tmp_path, "back")

    async def run() -> None:
        there = await _moved(await opened(first), await open_postgres(target(url), tmp_path / "journal"))
        assert {one.table for one in there} == {*MOVED}
        assert all(one.rows for one in there), "no table is empty in this test"
        back = await _moved(await open_postgres(target(url), tmp_path / "journal"), await opened(last))
        assert without_audit(there) == without_audit(back)
        again = await opened(last)
        assert again.audit_whole
        assert (await again.store.verify_audit()).problem == ""
        assert [one.entry.what for one in await again.store.audits(2)] == ["store.move"] * 2
        await again.store.close()

    asyncio.run(run())
    before, after = contents(first), contents(last)
    for table in MOVED:
        if table in AUDITED:
            assert len(after[table]) == len(before[table]) + 2
            assert {*before[table]} <= {*after[table]}
        else:
            assert before[table] == after[table], table


def test_a_moved_store_goes_on_where_it_stood(url: str, tmp_path: Path) -> None:
    """Numbers of what comes next collide with nothing."""
    path = made(tmp_path)

    async def run() -> None:
        into = await open_postgres(target(url), tmp_path / "journal")
        await _moved(await opened(path), into)
        moved = await open_postgres(target(url), tmp_path / "journal")
        assert moved.audit_whole
        assert await moved.store.find("last") == [lives.inv_id(39)]
        for number in range(100, 103):
            for frame in whole(number):
                moved.journal.append(frame)
        await moved.store.settled()
        assert await moved.store.find("last") == [lives.inv_id(102)]
        assert len(await moved.store.facts(lives.inv_id(39))) > 5
        assert (await moved.store.verify_audit()).problem == ""
        await moved.store.close()

    asyncio.run(run())


def test_a_target_that_holds_anything_is_left_as_it_is(tmp_path: Path) -> None:
    path, other = made(tmp_path), sqlite(tmp_path, "other")

    async def run() -> None:
        into = await opened(other)
        await into.store.remove_token("nobody")
        await into.store.audit(NOTE)
        await into.store.close()
        before = contents(other)
        with pytest.raises(NotMovedError, match="audit_entries holds rows"):
            await _moved(await opened(path), await opened(other))
        assert contents(other) == before

    asyncio.run(run())


def test_a_source_that_fails_in_between_leaves_nothing(tmp_path: Path) -> None:
    path, other = made(tmp_path), sqlite(tmp_path, "other")

    async def run() -> None:
        source = await opened(path)
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE later (x INTEGER)")
        connection.close()
        with pytest.raises((NotMovedError, StoreUnavailableError), match="later"):
            await _moved(source, await opened(other))

    asyncio.run(run())
    assert not any(contents(other).values())


def test_a_source_that_cannot_be_read_at_all_holds_nobody_up(tmp_path: Path) -> None:
    class Gone(SqliteMoving):
        async def send_all(self, pipe: Pipe) -> None:
            raise StoreUnavailableError("it is gone.")

    async def run() -> None:
        into = await opened(sqlite(tmp_path, "other"))
        with pytest.raises(StoreUnavailableError, match="source"):
            await move(Gone(), into.store, NOTE, told)
        await into.store.close()

    asyncio.run(run())


def test_of_every_table_it_is_known_whether_it_is_moved(url: str, postgres: Server, tmp_path: Path) -> None:
    async def run() -> None:
        await (await opened(sqlite(tmp_path, "new"))).store.close()
        await (await open_postgres(target(url), tmp_path / "journal")).store.close()

    asyncio.run(run())
    connection = sqlite3.connect(sqlite(tmp_path, "new"))
    known = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")}
    connection.close()
    known |= {str(name) for (name,) in postgres.sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()", url=url)}
    assert known == {*MOVED, *LEFT}
