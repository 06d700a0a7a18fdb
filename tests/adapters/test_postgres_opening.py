"""What a process finds when it opens a store in PostgreSQL: whose journal it is, which schema, whether the audit is whole."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.contract.store import lives
from tests.contract.store.test_audit import whole
from tests.support.postgres import Server, binary

from orchvynt.adapters.postgres.locks import serve_alone, serve_as
from orchvynt.adapters.postgres.migrating import all_steps, migrate, pending, printed
from orchvynt.adapters.postgres.opening import open_store
from orchvynt.adapters.postgres.session import QUERIES, Session
from orchvynt.adapters.postgres.target import target
from orchvynt.adapters.sqlite.opening import Opened
from orchvynt.adapters.sqlite.queries import QUERIES as OF_SQLITE
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    place = postgres.fresh()
    yield place
    postgres.give_back(place)


def session(url: str) -> Session:
    return Session(target(url), {}, 30.0)


async def lived(url: str, journal: Path, number: int = 1) -> Opened:
    opened = await open_store(target(url), journal)
    for frame in whole(number):
        opened.journal.append(frame)
    await opened.store.settled()
    return opened


def test_a_journal_that_came_to_its_end_makes_way_for_another_and_may_come_back(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        for number, journal in enumerate(("one", "two", "one"), 1):
            opened = await lived(url, tmp_path / journal, number)
            assert opened.audit_whole
            await opened.store.close()
        opened = await open_store(target(url), tmp_path / "two")
        assert opened.audit_whole, "others added to the chain, behind what this one saw"
        assert (await opened.store.verify_audit()).problem == ""
        assert len(await opened.store.invocations(9, "")) == 3
        await opened.store.close()

    asyncio.run(run())


def test_a_journal_that_did_not_come_to_its_end_is_named_as_out_of_reach(url: str, postgres: Server, tmp_path: Path) -> None:
    async def run() -> None:
        opened = await lived(url, tmp_path / "one")
        first = opened.store.process
        await opened.store.close()
        await asyncio.to_thread(postgres.sql, "UPDATE processes SET state = 'serving', seen_at = 0", url=url)
        opened = await open_store(target(url), tmp_path / "two")
        assert await opened.store.take_over() == [], "it may be on another machine"
        (row,) = [row for row in await opened.store.processes() if row.process == first]
        assert row.out_of_reach
        assert row.journal == str(tmp_path / "one")
        await opened.store.close()
        opened = await open_store(target(url), tmp_path / "one")
        assert not any(row.out_of_reach for row in await opened.store.processes())
        await opened.store.close()

    asyncio.run(run())


def test_a_journal_of_another_store_is_not_filed(url: str, postgres: Server, tmp_path: Path) -> None:
    other = postgres.fresh()

    async def run() -> None:
        opened = await lived(url, tmp_path / "one")
        await opened.store.close()
        with pytest.raises(StoreUnavailableError, match="does not know the journal"):
            await open_store(target(other), tmp_path / "one")
        (tmp_path / "one" / "process").unlink()
        with pytest.raises(JournalUnavailableError, match="another store's"):
            await open_store(target(url), tmp_path / "one")

    asyncio.run(run())
    postgres.give_back(other)


def test_an_entry_that_this_process_saw_and_is_gone_is_told_at_the_start(url: str, postgres: Server, tmp_path: Path) -> None:
    async def run() -> None:
        opened = await lived(url, tmp_path / "one")
        await opened.store.close()
        cut = ("DELETE FROM audit_entries WHERE number = 6", "DELETE FROM audit_words WHERE number = 6")
        await asyncio.to_thread(postgres.sql, *cut, url=url)
        opened = await open_store(target(url), tmp_path / "one")
        assert not opened.audit_whole
        assert (await opened.store.audits(1))[0].what == "audit.mismatch"
        assert (await opened.store.verify_audit()).bad_at == 6
        await opened.store.close()

    asyncio.run(run())


def test_a_process_is_one_and_who_changes_the_store_is_alone(url: str) -> None:
    def greeted(name: str, greet: Callable[[Session], None]) -> Session:
        return Session(target(url), {"application_name": name}, 30.0, greet)

    first, second = greeted("orchvynt host:7", partial(serve_as, process="prc_1")), greeted("x", partial(serve_as, process="prc_2"))
    first.connect()
    second.connect()
    for other in (greeted("y", partial(serve_as, process="prc_1")), greeted("z", serve_alone)):
        with pytest.raises(StoreInUseError, match=r"in use by (orchvynt host:7|x)"):
            other.connect()
        other.close()
    first.close()
    second.close()
    alone = greeted("orchvynt migrate", serve_alone)
    alone.connect()
    third = greeted("z", partial(serve_as, process="prc_3"))
    with pytest.raises(StoreInUseError, match="in use by orchvynt migrate"):
        third.connect()
    alone.close()
    third.close()


def test_steps_are_applied_once_and_the_printed_script_does_the_same(postgres: Server) -> None:
    made, scripted = postgres.fresh_schema(), postgres.fresh_schema()
    one, other = session(made), session(scripted)
    one.connect()
    other.connect()
    assert [step.name for step in migrate(one)] == [step.name for step in all_steps()]
    assert migrate(one) == []
    assert printed(pending(one)) == "-- Nothing is to be done.\n"
    script = _in(scripted, printed(pending(other)))
    subprocess.run([binary("psql"), "-v", "ON_ERROR_STOP=1", "-q", "-d", postgres.url], input=script, text=True, check=True)
    assert migrate(other) == []
    assert _columns(postgres, made) == _columns(postgres, scripted)
    one.script("INSERT INTO applied (number, part, name) VALUES (999, 'pre', 'later')")
    with pytest.raises(StoreUnavailableError, match="schema 999, this build knows"):
        pending(one)
    one.close()
    other.close()


def _in(url: str, script: str) -> str:
    return f"SET search_path = {url.rpartition('=')[2]};\n{script}"


def _columns(postgres: Server, url: str) -> list[tuple[object, ...]]:
    return postgres.sql(
        "SELECT table_name, column_name, ordinal_position, data_type, collation_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() ORDER BY 1, 3",
        url=url,
    )


def test_a_step_that_fails_leaves_nothing(postgres: Server) -> None:
    place = postgres.fresh_schema()
    postgres.sql("CREATE TABLE evidence (x int)", url=place)
    one = session(place)
    one.connect()
    with pytest.raises(StoreUnavailableError, match="half of ours"):
        migrate(one)
    one.close()
    assert postgres.sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()", url=place) == [("evidence",)]


def test_every_query_of_sqlite_has_its_words_here_and_the_server_takes_each(url: str) -> None:
    only_sqlite = {
        "has_old_audits", "old_audits", "drop_old_audits", "all_frames", "set_claims", "name_first_process", "name_first_filed",
    }  # fmt: skip
    assert OF_SQLITE.keys() - QUERIES.keys() == only_sqlite
    assert QUERIES.keys() - OF_SQLITE.keys() == {"lock_chain"}
    one = session(url)
    one.connect()
    migrate(one)
    for name, query in QUERIES.items():
        if "{" not in query and ":" not in query.replace("::", ""):
            one.script(f"PREPARE {name}_ AS {query.rstrip(';')}")
    one.close()


def test_what_the_server_refuses_is_said_without_a_password(postgres: Server, tmp_path: Path) -> None:
    async def refused(url: str, journal: str) -> str:
        with pytest.raises(StoreUnavailableError) as found:
            await open_store(target(url), tmp_path / journal)
        assert "secret" not in str(found.value)
        assert found.value.__cause__ is None
        return str(found.value)

    async def run() -> None:
        place = f"127.0.0.1:{postgres.port}"
        assert "no such database" in await refused(f"postgresql://postgres:secret@{place}/nowhere", "a")
        assert "refuses the login" in await refused(f"postgresql://nobody:secret@{place}/postgres", "b")
        assert "no such schema" in await refused(f"postgresql://postgres:secret@{place}/postgres?search_path=nowhere", "c")
        assert "cannot be reached" in await refused("postgresql://postgres:secret@127.0.0.1:1/postgres", "d")
        assert "cannot be reached" in await refused(f"postgresql://postgres:secret@{place}/postgres?sslmode=require", "e")
        assert not (tmp_path / "d" / "process").exists()
        assert "what no client knows" in await refused(f"postgresql://postgres:secret@{place}/postgres?sslmode=secret", "f")
        assert "a setting that --store names" in await refused(f"postgresql://postgres:secret@{place}/postgres?secret=1", "g")

    asyncio.run(run())


@pytest.mark.parametrize("table", ["people", "applied"])
def test_what_belongs_to_another_program_is_left_alone(table: str, postgres: Server, tmp_path: Path) -> None:
    place = postgres.fresh_schema()
    postgres.sql(f"CREATE TABLE {table} (id bigint)", url=place)
    with pytest.raises(StoreUnavailableError, match="another program's"):
        asyncio.run(open_store(target(place), tmp_path / "journal"))
    assert postgres.sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()", url=place) == [(table,)]


def test_records_that_the_server_lost_are_filed_again_from_the_journal(url: str, postgres: Server, tmp_path: Path) -> None:
    async def run() -> None:
        opened = await open_store(target(url), tmp_path / "journal")
        opened.journal.append([lives.received(1)])
        await opened.store.settled()
        lost = [f"DELETE FROM {table}" for table in ("frames", "lookups", "invocations")]
        await asyncio.to_thread(postgres.sql, 'UPDATE filed SET "offset" = 16', *lost, url=url)
        opened.journal.append([lives.received(2)])
        await opened.store.settled()
        assert len(await opened.store.invocations(9, "")) == 2
        await opened.store.close()

    asyncio.run(run())
