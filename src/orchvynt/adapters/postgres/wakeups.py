"""Hints between processes by LISTEN and NOTIFY, on a connection of its own: it comes back when it was cut, and says then that some hints
may have been missed. What could not be sent meanwhile is sent then.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final
from zlib import crc32

import asyncpg

from orchvynt.adapters.hints import Waiting, decoded, encoded
from orchvynt.adapters.postgres.target import Target
from orchvynt.ports.wakeups import EVERYTHING, Heard, Topic

_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 5.0
# A connection that died without a word is noticed by this.
_PING_S: Final = 5.0
_AGAIN_FIRST_S: Final = 0.05
_AGAIN_MAX_S: Final = 2.0
# The third is what asyncpg says where a server ends a connection in the middle of something.
_CUT: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, ValueError)


class PostgresWakeups:
    """Implements ports.wakeups.Wakeups. `name` is shown in pg_stat_activity."""

    alone = False

    def __init__(self, target: Target, name: str) -> None:
        self._target = target
        self._settings = {"application_name": f"{name} wakeups", "client_encoding": "utf8"}
        self._heard: list[Heard] = []
        self._due = Waiting()
        self._channel = ""
        self._arrived = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def listen(self, heard: Heard) -> None:
        self._heard.append(heard)

    def tell(self, topic: Topic, payload: str = "") -> None:
        self._due.add((topic, payload))
        self._arrived.set()

    async def start(self) -> None:
        """A server that is away does not stop it."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._tried.wait()

    async def _run(self) -> None:
        wait_s = _AGAIN_FIRST_S
        while True:
            with suppress(*_CUT):
                connection = await self._connected()
                try:
                    if self._tried.is_set():
                        self._say(EVERYTHING, "")
                    self._tried.set()
                    wait_s = _AGAIN_FIRST_S
                    await self._carry(connection)
                finally:
                    connection.terminate()
            self._tried.set()
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _AGAIN_MAX_S)

    async def _connected(self) -> "asyncpg.Connection[Any]":
        """It listens already."""
        connection = await asyncpg.connect(
            self._target.url, timeout=_CONNECT_S, command_timeout=_ANSWER_S, statement_cache_size=0, server_settings=self._settings
        )
        try:
            connection.add_termination_listener(lambda _: self._arrived.set())
            schema = await connection.fetchval("SELECT current_schema()::text")
            # Several stores may be in one database.
            self._channel = f"orchvynt_{crc32(str(schema).encode()):08x}"
            own = connection.get_server_pid()
            await connection.add_listener(self._channel, lambda _connection, pid, _channel, said: self._hear(pid == own, str(said)))
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _carry(self, connection: "asyncpg.Connection[Any]") -> None:
        """Until it is cut: then it raises one of _CUT."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PING_S):
                    await self._arrived.wait()
            self._arrived.clear()
            while self._due:
                hint = self._due.first()
                await connection.execute("SELECT pg_notify($1, $2)", self._channel, encoded(hint).decode())
                self._due.sent(hint)
            await connection.execute("SELECT 1")

    def _hear(self, own: bool, said: str) -> None:
        if not own:
            self._say(*decoded(said))

    def _say(self, topic: Topic, payload: str) -> None:
        for heard in self._heard:
            heard(topic, payload)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
