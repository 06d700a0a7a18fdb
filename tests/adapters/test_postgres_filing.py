"""Filing into a real PostgreSQL whose connections are cut: whatever the moment, each fact counts once."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.contract.store import lives, naive
from tests.contract.store.test_audit import WHATS, whole
from tests.support.postgres import Server
from tests.support.relay import Relay, When

from orchvynt.adapters.postgres.opening import open_store
from orchvynt.adapters.postgres.reader import Reader
from orchvynt.adapters.postgres.target import target
from orchvynt.adapters.sqlite.opening import Opened
from orchvynt.ports.store import AuditRow, StoreUnavailableError


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    place = postgres.fresh()
    yield place
    postgres.give_back(place)


@asynccontextmanager
async def store_at(url: str, folder: Path) -> AsyncIterator[Opened]:
    opened = await open_store(target(url), folder / "journal")
    try:
        yield opened
    finally:
        await opened.store.close()


async def at_last(ask: Callable[[], Awaitable[object]]) -> None:
    """Until then whoever asks is told why. The server may need a while to see that a connection is gone."""
    until = time.monotonic() + 60
    while True:
        try:
            await ask()
        except StoreUnavailableError:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        else:
            return


@pytest.mark.parametrize("when", ["before", "behind"])
def test_a_commit_whose_answer_is_lost_files_each_fact_once(url: str, postgres: Server, tmp_path: Path, when: When) -> None:
    relay = Relay(postgres.port, b"COMMIT")
    frames = [frame for number in range(8) for frame in (whole(number) if number == 6 else lives.life(number))]

    async def run() -> None:
        async with store_at(url.replace(str(postgres.port), str(relay.port), 1), tmp_path) as opened:
            for frame in frames:
                opened.journal.append(frame)
                if len(frame) > 1:
                    relay.cut = when
                    await at_last(opened.store.settled)
            await at_last(opened.store.settled)
            assert relay.cuts > 5
            await naive.check(opened.store, frames)
            kept = await opened.store.audits(100, subject=lives.review_id(6))
            assert [one.what for one in kept][::-1] == WHATS, "entries, too, stand there once"
            assert (await opened.store.verify_audit()).problem == ""

    asyncio.run(run())
    relay.close()


def test_a_change_whose_answer_is_lost_is_said_to_be_unknown(url: str, postgres: Server, tmp_path: Path) -> None:
    relay = Relay(postgres.port, b"COMMIT")

    async def run() -> None:
        async with store_at(url.replace(str(postgres.port), str(relay.port), 1), tmp_path) as opened:
            relay.cut = "behind"
            with pytest.raises(StoreUnavailableError, match="not known whether"):
                await opened.store.audit(AuditRow(1, "token:ana", "x", "", "s"))
            await at_last(lambda: opened.store.audit(AuditRow(2, "token:ana", "y", "", "s")))
            assert [one.what for one in await opened.store.audits(9)] == ["y", "x"]
            assert (await opened.store.verify_audit()).problem == ""

    asyncio.run(run())
    relay.close()


def test_reads_go_on_over_connections_that_were_cut_while_they_rested(url: str, postgres: Server, tmp_path: Path) -> None:
    async def run() -> None:
        async with store_at(url, tmp_path) as opened:
            opened.journal.append([lives.received(1)])
            await opened.store.settled()
            for _ in range(3):
                await asyncio.to_thread(
                    postgres.sql, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'orchvynt %'"
                )
                assert await opened.store.facts(lives.inv_id(1)) == [lives.received(1)]
                await opened.store.audit(AuditRow(1, "token:ana", "x", "", "s"))

    asyncio.run(run())


def test_a_store_that_is_back_refuses_nobody(url: str, postgres: Server) -> None:
    """One connection hears that nobody listens, another one gets its answer right after: whoever comes then is not told of before."""
    parts = urlsplit(url)
    relay = Relay(postgres.port, b"")
    reader = Reader(target(parts._replace(netloc=f"postgres@127.0.0.1:{relay.port}").geturl()), "orchvynt test", 2, 10.0)

    async def ask(sql: str = "SELECT 1") -> None:
        await reader.run(lambda connection: connection.execute(sql).fetchall())

    async def run() -> None:
        await asyncio.gather(ask("SELECT pg_sleep(0.5)"), ask("SELECT pg_sleep(0.5)"))
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            relay.target, relay.cut = nobody.getsockname()[1], "before"
            with pytest.raises(StoreUnavailableError, match="cannot be reached"):
                await ask()
        relay.target = postgres.port
        await ask()
        await ask()

    try:
        asyncio.run(run())
    finally:
        reader.close()
        relay.close()


def test_a_value_that_no_database_holds_is_its_sender_s_mistake_alone(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with store_at(url, tmp_path) as opened:
            for wrong in ("\ud800", 1 << 70):
                with pytest.raises(ValueError, match="none that the database can hold"):
                    await opened.store.use_keys([("id", wrong)] if isinstance(wrong, int) else [(wrong, 1)])
            await opened.store.audit(AuditRow(1, "token:ana", "x", "", "s"))

    asyncio.run(run())


def test_zeros_in_names_stay_what_they_are_and_apart_from_others(url: str, tmp_path: Path) -> None:
    names = ["a", "a\0", "a\x1a0", "a\x1a", "a\x1a1"]

    async def run() -> None:
        async with store_at(url, tmp_path) as opened:
            for number, name in enumerate(names):
                part = type(lives.parts(1, 1, 1)[0])("b", name, 0, 1, 1, 1)
                settled = lives.settled(number)
                opened.journal.append([type(settled)(settled.inv, 1, settled.attempt, settled.usage, 1, (part,), "policy")])
            await opened.store.settled()
            assert sorted(row.subject for row in await opened.store.spend()) == sorted(names)

    asyncio.run(run())
