"""The audit in the real file: whatever a database tool changes is found, whatever moment a process dies at costs and doubles nothing."""

import asyncio
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.adapters.test_sqlite_steps import as_left_at
from tests.contract.store import lives
from tests.contract.store.test_audit import WHATS, whole
from tests.support.filing import settled_at_last

from orchvynt.adapters.journal.frames import HEADER
from orchvynt.adapters.sqlite.anchor import NAME, Anchor
from orchvynt.adapters.sqlite.auditing import AuditChain
from orchvynt.adapters.sqlite.opening import Opened, StoreLimits, open_store
from orchvynt.adapters.sqlite.writer import Filed
from orchvynt.decisions.audit.chain import Verified
from orchvynt.decisions.audit.entries import MISMATCH, Head
from orchvynt.ports.outbox import Delivered, MessageRow, News, OutboxChange
from orchvynt.ports.store import AuditRow, StoreUnavailableError


async def opened_in(folder: Path) -> Opened:
    return await open_store(folder / "store.db", folder / "journal")


def filled(folder: Path, notes: int = 3) -> None:
    async def run() -> None:
        opened = await opened_in(folder)
        for number in range(notes):
            await opened.store.audit(AuditRow(number, "token:ana", "policy.apply", f"why {number}", f"version {number}", {"n": number}))
        for frame in whole(1):
            opened.journal.append(frame)
        await opened.store.settled()
        await opened.store.audit(AuditRow(9, "token:ben", "token.issue", "", "ci"))
        await opened.store.close()

    asyncio.run(run())


def verified(folder: Path, while_open: Callable[[Path], None] | None = None) -> Verified:
    async def run() -> Verified:
        opened = await opened_in(folder)
        try:
            if while_open is not None:
                while_open(folder)
            return await opened.store.verify_audit()
        finally:
            await opened.store.close()

    return asyncio.run(run())


def sql(folder: Path, *statements: str) -> None:
    database = sqlite3.connect(folder / "store.db", isolation_level=None, timeout=20)
    for statement in statements:
        database.execute(statement)
    database.close()


COLUMNS = {
    "audit_entries": ("at", "who", "what", "subject", "details", "digests", "salted", "previous", "hash"),
    "audit_words": ("salts", "why", "forgotten_by"),
}


def changes() -> list[tuple[str, int, list[str]]]:
    """What is done to the ten entries, and the first number that must be named."""
    found: list[tuple[str, int, list[str]]] = []
    for table, columns in COLUMNS.items():
        for column in columns:
            number = 2 if column in ("why", "salts") else 5
            value = f"{column} + 1" if column in ("at", "forgotten_by") else f"{column} || ' '"
            found.append((f"{table}.{column}", number, [f"UPDATE {table} SET {column} = {value} WHERE number = {number}"]))
    swap = ["UPDATE {0} SET number = -1 WHERE number = 4", "UPDATE {0} SET number = 4 WHERE number = 5"]
    swap.append("UPDATE {0} SET number = 5 WHERE number = -1")
    both = [one.format(table) for table in COLUMNS for one in swap]
    row = "SELECT 11, at, who, what, subject, details, digests, salted, hash, hash FROM audit_entries WHERE number = 10"
    found += [
        ("reordered", 4, both),
        ("reordered words", 4, [one.format("audit_words") for one in swap]),
        ("removed", 6, ["DELETE FROM audit_entries WHERE number = 6"]),
        ("words removed", 6, ["DELETE FROM audit_words WHERE number = 6"]),
        ("first removed", 1, ["DELETE FROM audit_entries WHERE number = 1"]),
        ("truncated", 10, ["DELETE FROM audit_entries WHERE number > 9", "DELETE FROM audit_words WHERE number > 9"]),
        ("emptied", 1, ["DELETE FROM audit_entries", "DELETE FROM audit_words"]),
        ("inserted", 11, [f"INSERT INTO audit_entries {row}"]),
        ("put before the first", 1, [f"INSERT INTO audit_entries {row.replace('SELECT 11', 'SELECT -3')}"]),
        ("words before the first", 1, ["INSERT INTO audit_words VALUES (0, '{}', '', 0)"]),
        ("bytes that are no text", 5, ["UPDATE audit_entries SET who = CAST(x'FF41' AS TEXT) WHERE number = 5"]),
        ("a reason that is no text", 2, ["UPDATE audit_words SET why = CAST(x'FF41' AS TEXT) WHERE number = 2"]),
        ("salts that are no text", 2, ["UPDATE audit_words SET salts = CAST(x'FF41' AS TEXT) WHERE number = 2"]),
        ("renumbered", 7, ["UPDATE audit_entries SET number = number + 100 WHERE number > 6"]),
    ]
    return found


@pytest.mark.parametrize(("number", "done"), [pytest.param(number, done, id=name) for name, number, done in changes()])
def test_whatever_is_changed_in_the_file_is_named(tmp_path: Path, number: int, done: list[str]) -> None:
    filled(tmp_path)
    assert verified(tmp_path).entries == 10
    running = verified(tmp_path, lambda folder: sql(folder, *done))
    assert running.bad_at == number, running
    # A restart makes nothing good: what does not end with its anchored head says so for ever.
    again = verified(tmp_path)
    assert again.bad_at, again
    assert verified(tmp_path).bad_at


def test_what_is_no_text_is_still_shown(tmp_path: Path) -> None:
    filled(tmp_path)
    sql(tmp_path, "UPDATE audit_entries SET who = CAST(x'FF41' AS TEXT) WHERE number = 2")

    async def shown() -> tuple[str, str]:
        opened = await opened_in(tmp_path)
        listed, chained = (await opened.store.audits(1, before=3))[0], (await opened.store.audit_chain(1, 1))[0]
        await opened.store.close()
        return listed.who, chained.who

    assert asyncio.run(shown()) == ("\\xffA", "\\xffA")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_any_byte_of_any_text_is_named(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    folder = tmp_path / str(seed)
    folder.mkdir(exist_ok=True)
    if not (folder / "store.db").exists():
        filled(folder, notes=2)
    table = chance.choice(list(COLUMNS))
    column = chance.choice([one for one in COLUMNS[table] if one not in ("at", "forgotten_by")])
    database = sqlite3.connect(folder / "store.db", isolation_level=None)
    number, text = chance.choice(database.execute(f"SELECT number, {column} FROM {table} WHERE length({column}) > 0").fetchall())
    at = chance.randrange(len(text))
    other = chr((ord(text[at]) + 1) % 128 or 65)
    database.execute(f"UPDATE {table} SET {column} = ? WHERE number = ?", (text[:at] + other + text[at + 1 :], number))
    database.close()
    assert verified(folder).bad_at in (number, number + 1), (table, column, text, at)


def test_a_head_that_is_gone_or_another_is_noted_in_the_chain(tmp_path: Path) -> None:
    filled(tmp_path)
    head = tmp_path / "journal" / NAME
    kept = head.read_text()
    sql(tmp_path, "DELETE FROM audit_entries WHERE number > 8", "DELETE FROM audit_words WHERE number > 8")
    found = verified(tmp_path)
    assert (found.bad_at, found.entries) == (9, 9), "an entry tells of it"

    async def newest() -> dict[str, object]:
        opened = await opened_in(tmp_path)
        entry = (await opened.store.audits(1))[0]
        await opened.store.close()
        assert entry.what == MISMATCH
        return entry.details

    assert asyncio.run(newest())["found"] == 8
    assert asyncio.run(newest())["expected"] == 10
    assert verified(tmp_path).bad_at == 9, "for ever"
    assert head.read_text() != kept
    head.unlink()
    assert verified(tmp_path).bad_at == 9
    head.write_text("orchvynt audit head 1\nsettled zero\n")
    assert verified(tmp_path).bad_at == 9


def test_without_its_anchor_the_end_of_a_chain_proves_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    running = verified(tmp_path, lambda folder: (folder / "journal" / NAME).unlink())
    assert running.bad_at == 11
    assert "missing" in running.problem


@pytest.mark.parametrize("moment", ["before the intent", "after the intent", "before the commit", "after the commit", "after the settling"])
def test_a_process_that_dies_at_a_write_boundary_loses_and_doubles_nothing(tmp_path: Path, moment: str) -> None:
    """The files are copied at the moment, as they would be found; then the copy is opened."""
    import shutil

    copy = tmp_path / "copy"
    folder = tmp_path / "living"
    folder.mkdir()

    def left() -> None:
        shutil.copytree(folder, copy)

    class Dying(AuditChain):
        def before_commit(self) -> None:
            if self.head.number >= 7 and moment == "before the intent" and not copy.exists():
                left()
            super().before_commit()
            if self.head.number >= 7 and moment in ("after the intent", "before the commit") and not copy.exists():
                left()

        def committed(self) -> None:
            if self.head.number >= 7 and moment == "after the commit" and not copy.exists():
                left()
            super().committed()
            if self.head.number >= 7 and moment == "after the settling" and not copy.exists():
                left()

    async def live() -> None:
        opened = await opened_in(folder)
        for number in range(3):
            await opened.store.audit(AuditRow(number, "token:ana", "x", "", str(number)))
        filed = opened.store._writer._filed
        assert isinstance(filed, Filed)
        filed.chain = Dying(filed._connection, Anchor(folder / "journal"))
        for frame in whole(1):
            opened.journal.append(frame)
        await opened.store.settled()
        await opened.store.close()

    asyncio.run(live())

    async def look() -> None:
        opened = await opened_in(copy)
        found = await opened.store.verify_audit()
        assert (found.bad_at, found.entries) == (0, 9), found
        assert [one.what for one in (await opened.store.audits(6))[::-1]] == WHATS
        assert [one.what for one in await opened.store.audits(99, what=MISMATCH)] == []
        await opened.store.audit(AuditRow(9, "token:ana", "x", "", "later"))
        assert (await opened.store.verify_audit()).bad_at == 0
        await opened.store.close()

    asyncio.run(look())


def test_no_entry_is_committed_without_its_anchor(tmp_path: Path) -> None:
    filled(tmp_path)

    async def run() -> None:
        opened = await opened_in(tmp_path)
        head = tmp_path / "journal" / NAME
        aside = head.rename(head.with_name("aside"))
        head.mkdir()
        with pytest.raises(StoreUnavailableError, match="audit's head cannot be written"):
            await opened.store.audit(AuditRow(1, "token:ana", "x", "", "lost"))
        opened.journal.append(whole(2)[0])
        opened.journal.append(whole(2)[1])
        with pytest.raises(StoreUnavailableError):
            await opened.store.settled()
        head.rmdir()
        aside.rename(head)
        await settled_at_last(opened.store)
        assert (await opened.store.audits(1))[0].subject == lives.review_id(2)
        assert (await opened.store.verify_audit()).bad_at == 0
        await opened.store.close()

    asyncio.run(run())


def test_entries_of_before_the_chain_are_chained_at_the_upgrade_and_say_so(tmp_path: Path) -> None:
    async def first() -> None:
        opened = await opened_in(tmp_path)
        for frame in [*whole(1), *lives.life(3)]:
            opened.journal.append(frame)
        await opened.store.close()

    asyncio.run(first())
    as_left_at(tmp_path / "store.db", 11)
    (tmp_path / "journal" / NAME).unlink()
    sql(tmp_path, *(f"INSERT INTO audits (at, who, what, why, subject) VALUES ({n}, 'token:ana', 'x', 'why {n}', 's')" for n in range(3)))

    async def second() -> None:
        opened = await opened_in(tmp_path)
        kept = (await opened.store.audits(99))[::-1]
        assert [(one.at, one.why, one.details) for one in kept] == [
            (n, f"why {n}", {"chained": "at the upgrade, of an older build"}) for n in range(3)
        ]
        assert (await opened.store.verify_audit()).bad_at == 0
        assert await opened.store.matched("financial", 0, 1 << 62) == [lives.inv_id(1)]
        assert {one.review for one in await opened.store.states_due(1 << 62, 9)} == {lives.review_id(1), lives.review_id(3)}
        await opened.store.close()

    asyncio.run(second())
    assert verified(tmp_path).entries == 3
    database = sqlite3.connect(tmp_path / "store.db")
    assert database.execute("SELECT name FROM sqlite_schema WHERE name = 'audits'").fetchall() == []
    database.close()


def test_what_is_forgotten_is_in_no_file_any_more(tmp_path: Path) -> None:
    async def run() -> None:
        opened = await opened_in(tmp_path)
        for frame in [*whole(1, "u-to-be-erased"), *whole(2, "u-other-one")]:
            opened.journal.append(frame)
        await opened.store.settled()

        def holds(text: bytes) -> bool:
            return any(text in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

        assert holds(b"u-to-be-erased")
        await opened.store.forget([lives.inv_id(1)], AuditRow(9, "token:ana", "audit.forget", "T-9", "audit"))
        assert not holds(b"u-to-be-erased"), "neither in the database, nor in its log, nor in the journal"
        assert holds(b"u-other-one")
        assert opened.journal.end[1] == HEADER.size
        opened.journal.append(lives.life(5)[0])
        await opened.store.settled()
        assert await opened.store.facts(lives.inv_id(5))
        await opened.store.close()

    asyncio.run(run())
    assert verified(tmp_path).bad_at == 0


def test_twenty_thousand_entries_are_checked_in_seconds(tmp_path: Path) -> None:
    async def run() -> None:
        opened = await opened_in(tmp_path)
        chain = opened.store._writer.chain
        noted = [AuditRow(n, "token:ana", "policy.apply", f"why {n}", f"version {n}", {"n": n}) for n in range(20_000)]
        await opened.store._write(lambda connection: chain.append(connection, noted))
        began = time.monotonic()
        found = await opened.store.verify_audit()
        took = time.monotonic() - began
        assert (found.bad_at, found.entries) == (0, 20_000)
        assert took < 30, f"{took:.1f} s"
        await opened.store.close()

    asyncio.run(run())


def test_the_anchor_says_which_of_two_heads_it_is(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path)
    assert anchor.read() is None
    one, two = Head(1, "a" * 64), Head(2, "b" * 64)
    anchor.intend(one, two)
    assert anchor.read() == (one, two)
    anchor.settle(two)
    assert anchor.read() == (two, None)
    assert anchor.path.stat().st_mode & 0o777 == 0o600


def test_a_start_takes_the_traces_that_a_dead_process_left(tmp_path: Path) -> None:
    """It died between what it took from the records and the end of its log and journal: nothing of that is there after a start."""
    alive, dead = tmp_path / "alive", tmp_path / "dead"
    alive.mkdir()

    async def run() -> None:
        opened = await opened_in(alive)
        for frame in whole(1, "u-erased"):
            opened.journal.append(frame)
        await opened.store.settled()
        # The process is dead from here on; what it left is copied as it stands.
        await asyncio.to_thread(shutil.copytree, alive, dead)
        await opened.store.close()
        again = await opened_in(dead)
        left = [path.read_bytes() for path in (dead / "store.db-wal", *(dead / "journal").iterdir())]
        assert not any(b"u-erased" in one for one in left)
        assert b"u-erased" in (dead / "store.db").read_bytes(), "where it belongs"
        assert (await again.store.verify_audit()).bad_at == 0
        await again.store.close()

    asyncio.run(run())


def test_a_log_that_somebody_reads_is_told_and_emptied_later(tmp_path: Path) -> None:
    async def run() -> None:
        opened = await open_store(tmp_path / "store.db", tmp_path / "journal", limits=StoreLimits(busy_ms=20))
        for frame in whole(1, "u-erased"):
            opened.journal.append(frame)
        await opened.store.settled()
        reader = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM frames").fetchone()
        with pytest.raises(StoreUnavailableError, match="once more"):
            await opened.store.forget([lives.inv_id(1)], AuditRow(9, "token:ana", "audit.forget", "T-9", "audit"))
        reader.close()
        await opened.store.leave_no_traces()
        left = [path.read_bytes() for path in (tmp_path / "store.db", tmp_path / "store.db-wal", *(tmp_path / "journal").iterdir())]
        assert not any(b"u-erased" in one for one in left)
        assert (await opened.store.verify_audit()).forgotten == 3
        await opened.store.close()

    asyncio.run(run())


def test_what_is_replaced_or_delivered_is_overwritten_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        opened = await opened_in(tmp_path)
        bodies = [b"words of a caller %d " % number * (number * 7 % 900 + 1) for number in range(60)]
        messages = [MessageRow(f"msg_{number}", "heads", "reviews g", body, 1) for number, body in enumerate(bodies)]
        await opened.store.change_outbox(OutboxChange(messages=messages, news=[News(0, "heads", body) for body in bodies]))
        news = [one.seq for one in await opened.store.news(100, assigned=True)]
        await opened.store.change_outbox(OutboxChange(heard=news, delivered=[Delivered(one.id, "", 1) for one in messages]))
        await opened.store.leave_no_traces()
        assert b"words of a caller" not in (tmp_path / "store.db").read_bytes()
        await opened.store.close()

    asyncio.run(run())
