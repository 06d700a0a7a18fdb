"""What is peculiar to sockets and to a server's notifications: a crowd, a death without a word, a connection that is cut."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from tests.contract.wakeups.conftest import Ear
from tests.support.postgres import Server

from orchvynt.adapters.postgres.target import target
from orchvynt.adapters.postgres.wakeups import PostgresWakeups
from orchvynt.adapters.sqlite.wakeups import SocketWakeups, place_of
from orchvynt.ports.store import StoreUnavailableError


def test_a_dead_process_leaves_nothing_behind(tmp_path: Path) -> None:
    async def run() -> None:
        one, two = Ear(SocketWakeups(tmp_path)), Ear(SocketWakeups(tmp_path))
        await one.wakeups.start()
        await two.wakeups.start()
        left = tmp_path / "0000.socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
            dead.bind(str(left))
        assert left.exists()
        one.wakeups.tell("policy", "1")
        await two.hears(("policy", "1"))
        assert not left.exists()
        assert len(os.listdir(tmp_path)) == 2
        await one.wakeups.close()
        await two.wakeups.close()
        assert os.listdir(tmp_path) == []

    asyncio.run(run())


def test_a_path_may_be_longer_than_a_socket_s(tmp_path: Path) -> None:
    place = place_of(tmp_path / ("d" * 100) / "store.db")
    place.parent.mkdir()

    async def run() -> None:
        one, two = Ear(SocketWakeups(place)), Ear(SocketWakeups(place))
        await one.wakeups.start()
        await two.wakeups.start()
        one.wakeups.tell("keys")
        await two.hears(("keys", ""))
        await one.wakeups.close()
        await two.wakeups.close()

    asyncio.run(run())


def test_a_place_that_cannot_be_had_says_so(tmp_path: Path) -> None:
    async def run() -> None:
        with pytest.raises(StoreUnavailableError, match="cannot meet in"):
            await SocketWakeups(tmp_path / "no" / "wakeups").start()

    asyncio.run(run())


def test_a_cut_connection_comes_back_and_says_that_hints_may_be_missed(postgres: Server) -> None:
    place = target(postgres.url)

    async def run() -> None:
        one, two = Ear(PostgresWakeups(place, "one")), Ear(PostgresWakeups(place, "two"))
        await one.wakeups.start()
        await two.wakeups.start()
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '% wakeups'"
        await asyncio.to_thread(postgres.sql, cut)
        one.wakeups.tell("policy", "3")
        await two.hears(("everything", ""))
        await one.hears(("everything", ""))
        # It was told before the other one was back, or it is heard now.
        one.wakeups.tell("policy", "4")
        await two.hears(("policy", "4"))
        await one.wakeups.close()
        await two.wakeups.close()

    asyncio.run(run())


def test_a_server_that_is_away_at_the_start_is_found_later() -> None:
    async def run() -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            place = target(f"postgresql://postgres@127.0.0.1:{nobody.getsockname()[1]}/postgres")
            one = Ear(PostgresWakeups(place, "one"))
            await one.wakeups.start()
            one.wakeups.tell("policy", "3")
            assert one.heard == []
            await one.wakeups.close()

    asyncio.run(run())
