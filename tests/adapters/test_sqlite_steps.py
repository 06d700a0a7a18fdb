"""Stores of older builds: what the steps make of what stands in them."""

import asyncio
import sqlite3
from importlib import resources
from pathlib import Path

import msgspec
from tests.contract.store import lives, naive

from orchvynt.adapters.sqlite.connecting import APPLICATION_ID, _steps
from orchvynt.adapters.sqlite.opening import open_store
from orchvynt.model.facts import AnyFact
from orchvynt.model.usage import Usage

RECEIPT = (
    "attempt, inv, settled_at, model, provider, upstream_model, response_id, price_source, why, nanos, input_tokens, output_tokens, "
    "cached_input_tokens, reasoning_tokens, cache_written_tokens, estimated, overrun"
)
STEPS = Path(str(resources.files("orchvynt.adapters.sqlite"))) / "steps"


async def filled(folder: Path, frames: list[list[AnyFact]], each: bool) -> None:
    opened = await open_store(folder / "store.db", folder / "journal")
    for frame in frames:
        opened.journal.append(frame)
        if each:
            await opened.store.settled()
    await opened.store.close()


def as_left_at(path: Path, step: int) -> None:
    """The store as the build of an older step would have left it: its tables, and of ours what they hold."""
    older = path.with_suffix(".older")
    database = sqlite3.connect(older, isolation_level=None)
    database.execute("PRAGMA page_size = 8192")
    for number, script in _steps():
        if number <= step:
            database.executescript(script)
    database.execute("ATTACH ? AS newer", (str(path),))
    newer = {name for (name,) in database.execute("SELECT name FROM newer.sqlite_schema WHERE type = 'table'")}
    for (name,) in database.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
        if name in newer and not name.startswith("sqlite_"):
            columns = [row[1] for row in database.execute(f"PRAGMA main.table_info({name})")]
            known = {row[1] for row in database.execute(f"PRAGMA newer.table_info({name})")}
            both = ", ".join(f'"{column}"' for column in columns if column in known)
            database.execute(f"DELETE FROM main.{name}")
            database.execute(f"INSERT INTO main.{name} ({both}) SELECT {both} FROM newer.{name}")
    database.execute("DETACH newer")
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {step}")
    database.close()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    older.rename(path)


def test_receipts_of_older_records_are_read_from_their_facts(tmp_path: Path) -> None:
    """A store as the build before receipts left it: with records in one and in several batches, an open attempt, absurd figures."""
    absurd = msgspec.structs.replace(lives.settled(60), nanos=1 << 80, usage=Usage(1 << 70, 3, estimated=True), overrun=True, why="absurd")
    frames = [frame for number in range(30) for frame in lives.life(number)]
    several: list[list[AnyFact]] = [*lives.life(40), *lives.life(43), [lives.received(60)], [lives.sent(60)], [absurd]]
    opened_frames: list[list[AnyFact]] = [[lives.received(70), lives.placed(70), lives.sent(70)]]
    asyncio.run(filled(tmp_path, frames, each=False))
    asyncio.run(filled(tmp_path, [*several, *opened_frames], each=True))
    database = sqlite3.connect(tmp_path / "store.db")
    before = {table: database.execute(f"SELECT * FROM {table} ORDER BY inv").fetchall() for table in ("receipts", "invocations")}
    database.close()
    as_left_at(tmp_path / "store.db", 9)

    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal")
        opened.journal.append([lives.ended(70), lives.settled(70)])
        await opened.store.settled()
        (late,) = [row for row in await opened.store.receipts(0, 1 << 62, 1000) if row.inv == lives.inv_id(70)]
        assert (late.model, late.workflow, late.nanos) == ("gpt-4o", "doc", 770)
        wanted = naive.receipts([fact for frame in [*frames, *several] for fact in frame])
        wanted[absurd.attempt] = msgspec.structs.replace(wanted[absurd.attempt], nanos=(1 << 63) - 1, input_tokens=1 << 40)
        assert {row.attempt: row for row in await opened.store.receipts(0, 1 << 62, 1000) if row != late} == wanted
        await opened.store.close()

    asyncio.run(run())
    database = sqlite3.connect(tmp_path / "store.db")
    late = (lives.inv_id(70), lives.attempt_id(70))
    for table, rows in before.items():
        after = database.execute(f"SELECT * FROM {table} ORDER BY inv").fetchall()
        assert [row for row in after if not {*late} & {*row}] == [row for row in rows if not {*late} & {*row}]
    database.close()


def test_claims_and_receipts_move_to_where_they_stand_now(tmp_path: Path) -> None:
    """A store as the build before step 18 left it, an attempt of it not settled yet."""
    frames: list[list[AnyFact]] = [frame for number in range(40) for frame in lives.life(number)]
    begun: list[list[AnyFact]] = [[lives.received(70), lives.placed(70), lives.sent(70), lives.ended(70)]]
    asyncio.run(filled(tmp_path, [*frames, *begun], each=False))
    path = tmp_path / "store.db"
    database = sqlite3.connect(path)
    said = database.execute('SELECT inv, "key", key_id, workflow, agent, run, session, workload, user, context FROM invocations').fetchall()
    settled = database.execute(f"SELECT {RECEIPT} FROM receipts").fetchall()
    waits = database.execute("SELECT attempt, model, provider, upstream_model, response_id FROM open_attempts").fetchall()
    assert lives.attempt_id(70) in [row[0] for row in waits]
    database.close()
    as_left_at(path, 17)
    database = sqlite3.connect(path)
    database.executemany(f"INSERT INTO claims VALUES ({', '.join('?' * 10)})", said)
    database.executemany(f"INSERT OR REPLACE INTO receipts ({RECEIPT}) VALUES ({', '.join('?' * 17)})", settled)
    database.executemany(
        f"INSERT INTO receipts ({RECEIPT}) VALUES (?1, 'inv_' || substr(?1, 5, 26), 0, ?2, ?3, ?4, ?5, '', '', 0, 0, 0, 0, 0, 0, 0, 0)",
        waits,
    )
    database.commit()
    database.close()

    async def run() -> None:
        opened = await open_store(path, tmp_path / "journal")
        await naive.check(opened.store, [*frames, *begun])
        end: list[AnyFact] = [lives.settled(70)]
        opened.journal.append(end)
        await opened.store.settled()
        await naive.check(opened.store, [*frames, *begun, end])
        await opened.store.close()

    asyncio.run(run())
    database = sqlite3.connect(path)
    assert len(database.execute("SELECT * FROM open_attempts").fetchall()) == len(waits) - 1
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def test_an_old_build_s_integrity_check_finds_nothing_either(tmp_path: Path) -> None:
    """SQLite 3.40 reads other columns as NULL where a table without rowids has one of its key's behind them."""
    asyncio.run(filled(tmp_path, [frame for number in range(4) for frame in lives.life(number)], each=False))
    database = sqlite3.connect(tmp_path / "store.db")
    tables = [name for name, sql in database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'") if "WITHOUT ROWID" in sql]
    assert "spend" in tables
    for table in tables:
        in_key = [bool(column[5]) for column in database.execute(f"PRAGMA table_info({table})")]
        assert in_key == sorted(in_key, reverse=True), f"{table}: the key's columns stand first"
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
