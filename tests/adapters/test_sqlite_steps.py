"""Stores of older builds: what the steps make of what stands in them."""

import asyncio
import re
import sqlite3
from importlib import resources
from pathlib import Path

import msgspec
from tests.contract.store import lives, naive

from orchvynt.adapters.sqlite.opening import open_store
from orchvynt.model.facts import AnyFact
from orchvynt.model.usage import Usage

STEPS = Path(str(resources.files("orchvynt.adapters.sqlite"))) / "steps"


async def filled(folder: Path, frames: list[list[AnyFact]], each: bool) -> None:
    opened = await open_store(folder / "store.db", folder / "journal")
    for frame in frames:
        opened.journal.append(frame)
        if each:
            await opened.store.settled()
    await opened.store.close()


def undone(version: int) -> str:
    """SQL that takes back what the steps after `version` added."""
    later = [step.read_text() for step in sorted(STEPS.glob("*.sql")) if int(step.name[:3]) > version]
    found: list[str] = []
    for pattern, undo in (
        (r"CREATE (?:UNIQUE )?INDEX (\w+)()", "DROP INDEX {0};"),
        (r"CREATE TABLE (\w+)()", "DROP TABLE {0};"),
        (r"ALTER TABLE (\w+) ADD COLUMN (\w+)", "ALTER TABLE {0} DROP COLUMN {1};"),
    ):
        found += [undo.format(*match) for text in later for match in re.findall(pattern, text)]
    return " ".join(found)


def test_receipts_of_older_records_are_read_from_their_facts(tmp_path: Path) -> None:
    """A store as the build before receipts left it: with records in one and in several batches, an open attempt, absurd figures."""
    absurd = msgspec.structs.replace(lives.settled(60), nanos=1 << 80, usage=Usage(1 << 70, 3, estimated=True), overrun=True, why="absurd")
    frames = [frame for number in range(30) for frame in lives.life(number)]
    several: list[list[AnyFact]] = [*lives.life(40), *lives.life(43), [lives.received(60)], [lives.sent(60)], [absurd]]
    opened_frames: list[list[AnyFact]] = [[lives.received(70), lives.placed(70), lives.sent(70)]]
    asyncio.run(filled(tmp_path, frames, each=False))
    asyncio.run(filled(tmp_path, [*several, *opened_frames], each=True))
    database = sqlite3.connect(tmp_path / "store.db")
    before = {table: database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in ("receipts", "claims")}
    database.executescript(f"{undone(9)} PRAGMA user_version = 9;")
    database.close()

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
    for table, rows in before.items():
        after = database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
        assert [row for row in after if not str(row[0]).endswith("70.0")] == [row for row in rows if not str(row[0]).endswith("70.0")]
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
