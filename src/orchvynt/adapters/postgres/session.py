"""One connection to the server, used by one thread at a time: made when it is needed, thrown away when it is cut. It decides nothing.

asyncpg speaks in coroutines. Its loop is private to the connection and runs while a query does: who writes waits for each answer, and the
process's own loop is not held up by decoding.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final, TypeVar

import asyncpg

from orchvynt.adapters.postgres import texts
from orchvynt.adapters.postgres.faults import unavailable
from orchvynt.adapters.postgres.target import Target
from orchvynt.adapters.sql import Broken, Query, Row, Value, fill, load_queries
from orchvynt.ports.store import StoreUnavailableError

T = TypeVar("T")

QUERIES: Final = load_queries(__package__)
# asyncpg takes no kind of text but `str` itself.
_TEXTS: Final = {name: str(query) for name, query in QUERIES.items()}
_CONNECT_S: Final = 5.0
_CLOSE_S: Final = 2.0
_ROUNDS: Final = 3
_STATEMENTS: Final = 400
_NAMED: Final = re.compile(r"(?<!:):([a-z_]\w*)")
_KEEPALIVES: Final = {"tcp_keepalives_idle": "15", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}


class Answer:
    """Implements adapters.sql.Rows."""

    def __init__(self, rows: list[Row], rowcount: int = 0) -> None:
        self._rows = rows
        self._read = 0
        self.rowcount = rowcount

    def fetchone(self) -> Row | None:
        if self._read >= len(self._rows):
            return None
        self._read += 1
        return self._rows[self._read - 1]

    def fetchall(self) -> list[Row]:
        rest = self._rows[self._read :]
        self._read = len(self._rows)
        return rest

    def __iter__(self) -> Iterator[Row]:
        return iter(self.fetchall())


class Session:
    """Implements adapters.sql.Connection. `settings` are the server's for this session; `seconds` bound each statement.

    `greet` is called with each new connection, before it is used for anything else."""

    def __init__(
        self, target: Target, settings: Mapping[str, str], seconds: float, greet: Callable[["Session"], None] = lambda _session: None
    ) -> None:
        self._target = target
        self._settings = {**_KEEPALIVES, "client_encoding": "utf8", **settings}
        self._seconds = seconds
        self._greet = greet
        self._loop = asyncio.new_event_loop()
        self._connection: asyncpg.Connection[Any] | None = None
        self._cursors = 0

    @property
    def shown(self) -> str:
        return self._target.shown

    @property
    def is_connected(self) -> bool:
        """As far as is known: a connection that was cut while nothing ran is seen when something does."""
        return self._connection is not None and not self._connection.is_closed()

    def connect(self) -> None:
        """Does nothing where a connection is there. Raises StoreUnavailableError, and what `greet` raises."""
        if self.is_connected:
            return
        self.drop()
        if self._loop.is_closed():
            raise StoreUnavailableError("the store is closed.")
        try:
            self._connection = self._loop.run_until_complete(self._connected())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            self._let_go()
            raise unavailable(error, self.shown) from None  # what asyncpg chains may hold the URL
        try:
            self._greet(self)
        except BaseException:
            self.drop()
            raise

    async def _connected(self) -> "asyncpg.Connection[Any]":
        connection = await asyncpg.connect(
            self._target.url,
            timeout=_CONNECT_S,
            command_timeout=self._seconds,
            statement_cache_size=_STATEMENTS,
            server_settings=self._settings,
        )
        await connection.set_type_codec("text", schema="pg_catalog", encoder=texts.stored, decoder=texts.read, format="text")
        return connection

    def drop(self) -> None:
        """Ends the connection at once; what was under way is rolled back by the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
            self._let_go()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                self._loop.run_until_complete(connection.close(timeout=_CLOSE_S))
        if not self._loop.is_closed():
            self._let_go()
            self._loop.close()

    def _let_go(self) -> None:
        """Sockets are closed by the loop, in its next rounds."""
        for _ in range(_ROUNDS):
            self._loop.run_until_complete(asyncio.sleep(0))

    def execute(self, sql: str, parameters: Any = (), /) -> Answer:
        """Raises StoreUnavailableError; ValueError for a value that the database cannot hold."""
        text, values = _words(sql, parameters)
        if text.startswith(("SELECT", "WITH")):
            return Answer([tuple(row) for row in self._run(lambda connection: connection.fetch(text, *values))])
        said = str(self._run(lambda connection: connection.execute(text, *values)))
        count = said.rpartition(" ")[2]
        return Answer([], int(count) if count.isdigit() else 0)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Answer:
        rows = [_plain(values) for values in parameters]
        if rows:
            text = _own(sql)
            self._run(lambda connection: connection.executemany(text, rows))
        return Answer([])

    def execute_rows(self, query: Query, width: int, values: Sequence[Value]) -> list[Row]:
        """A query that gives rows takes its values, of one column, as an array."""
        if "RETURNING" not in _TEXTS[query.name]:
            self.executemany(query, (values[start : start + width] for start in range(0, len(values), width)))
            return []
        text = _TEXTS[query.name]
        return [tuple(row) for row in self._run(lambda connection: connection.fetch(text, list(values)))] if values else []

    def script(self, sql: str, seconds: float | None = None) -> None:
        """Statements without values, within so many seconds (None: as the others)."""
        self._run(lambda connection: connection.execute(sql, timeout=seconds))

    def pages(self, sql: str, size: int, /) -> Iterator[list[Row]]:
        # A name of its own: a statement that is known by its text gives the same columns each time.
        self._cursors += 1
        cursor = f"pages_{self._cursors}"
        self.script(f"DECLARE {cursor} NO SCROLL CURSOR FOR {_own(sql)}")
        while page := self._run(lambda connection: connection.fetch(f"FETCH FORWARD {size} FROM {cursor}")):
            yield [tuple(row) for row in page]
        self.script(f"CLOSE {cursor}")

    @contextmanager
    def moment(self, broken: Broken = "strict") -> Iterator[None]:  # noqa: ARG002 - here every text is one
        self.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield
        finally:
            self.script("COMMIT")

    def _run(self, ask: Callable[["asyncpg.Connection[Any]"], Coroutine[Any, Any, T]]) -> T:
        connection = self._connection
        if connection is None:
            raise unavailable(asyncpg.InterfaceError("no connection"), self.shown)
        try:
            return self._loop.run_until_complete(ask(connection))
        except asyncpg.DataError as error:
            raise ValueError("a value is none that the database can hold.") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if not isinstance(error, asyncpg.PostgresError) or connection.is_closed():
                self.drop()
            raise unavailable(error, self.shown) from error


def _own(sql: str) -> str:
    """The query in PostgreSQL's words."""
    if not isinstance(sql, Query):
        return sql
    parts = {name: _TEXTS[part.name] if isinstance(part, Query) else part for name, part in sql.parts.items()}
    return fill(_TEXTS[sql.name], parts)


def _words(sql: str, parameters: Any) -> tuple[str, list[Value]]:
    text = _own(sql)
    if not isinstance(parameters, Mapping):
        return text, _plain(parameters)
    numbered, names = _numbered(text)
    return numbered, _plain([parameters[name] for name in names])


@lru_cache(1024)
def _numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """`:name` → `$1`, and the names in their order."""
    names = tuple(dict.fromkeys(_NAMED.findall(text)))
    return _NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", text), names


def _plain(values: Iterable[Value]) -> list[Value]:
    return [int(value) if type(value) is bool else value for value in values]
