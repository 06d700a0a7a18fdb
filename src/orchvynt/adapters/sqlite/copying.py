"""Copies all that one store holds into an empty one, of whichever databases, in one transaction of the target, and compares what arrived.

It knows the tables by name: one that it was told nothing about is refused, so that nothing is left behind unseen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from queue import Empty, Full, Queue
from threading import Event
from types import MappingProxyType
from typing import Final, NamedTuple

from orchvynt.adapters.sql import Connection, Row
from orchvynt.adapters.sqlite.filing import BUCKET_BITS
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.ports.store import StoreUnavailableError

MOVED: Final = (
    "policies", "changes", "tokens", "keys", "people", "sessions", "frames", "lookups", "invocations", "spend", "renamed", "holds",
    "grants", "receipts", "open_attempts", "reviews", "departures", "review_states", "gate_matches", "evidence", "legal_holds",
    "audit_entries", "audit_words", "feedback", "kept_answers", "alerting", "news", "messages", "told", "whereabouts",
    "told_shares", "review_owners",
)  # fmt: skip
LEFT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "filed": "how far the journals of one store are filed there; what was finished last is moved",
        "applied": "the schema's own steps",
        "audit_lock": "a row to lock",
        "processes": "who serves from a store; none does, and there it will be others",
        "leases": "what processes have of budgets; none has",
        "rate_levels": "what stands for rate limits, which begin full",
        "rate_running": "what of them runs; nothing does",
        "served": "what processes serve",
        "questions": "of processes to one another",
        "tenures": "what one process does for all",
        "revisions": "numbers of changes, which begin anew",
        "review_changes": "what processes look at by these numbers",
    }
)
"""Tables of either database that stay behind, and why."""
_DERIVED: Final = MappingProxyType({"lookups": "bucket", "holds": "process", "invocations": "process"})
"""Columns that are made there: of the others, or with the number of the process that takes what was open."""
_PAGE: Final = 200
_PAGES_WAITING: Final = 8
_LOOK_S: Final = 0.2


class NotMovedError(ValueError):
    """Nothing was moved. The message says why, and what to do."""


class Copied(NamedTuple):
    """`digest` is the sum of its rows' SHA-256, in hex: it does not depend on their order."""

    table: str
    rows: int
    digest: str


class _Begun(NamedTuple):
    table: str
    columns: Sequence[str]


class _Tally:
    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, page: Sequence[Row]) -> None:
        self.rows += len(page)
        for row in page:
            self._sum += int.from_bytes(sha256(repr(row).encode("utf-8", "surrogatepass")).digest(), "big")

    def copied(self, table: str) -> Copied:
        return Copied(table, self.rows, f"{self._sum % (1 << 256):064x}")


class Pipe:
    """From the thread that reads to the one that writes, a few pages at a time. Whoever fails ends the other."""

    def __init__(self) -> None:
        self._items: Queue[_Begun | list[Row] | str | StoreUnavailableError] = Queue(_PAGES_WAITING)
        self._abandoned = Event()

    def read_from(self, connection: Connection) -> None:
        """All tables of the source as they stand at one moment, then what was finished last."""
        try:
            with connection.moment():
                layout = columns_of(connection)
                _check_known(layout)
                for table in MOVED:
                    columns = [name for name in layout[table] if name != _DERIVED.get(table)]
                    self._put(_Begun(table, columns))
                    for page in connection.pages(QUERIES["move_all"].filled(columns=_listed(columns), table=table), _PAGE):
                        self._put(page)
                last = connection.execute(QUERIES["find_last"]).fetchone()
                self._put(last[0] if last is not None else "")
        except StoreUnavailableError as error:
            self._put(error)
            raise
        except Exception as error:
            self._put(StoreUnavailableError(f"the store cannot be read: {error}"))
            raise

    def _put(self, item: _Begun | list[Row] | str | StoreUnavailableError) -> None:
        while not self._abandoned.is_set():
            try:
                return self._items.put(item, timeout=_LOOK_S)
            except Full:
                continue
        raise NotMovedError("the target gave up.")

    def taken(self) -> Iterator[_Begun | list[Row] | str]:
        """Raises StoreUnavailableError where the source failed."""
        while True:
            try:
                item = self._items.get(timeout=_LOOK_S)
            except Empty:
                if self._abandoned.is_set():
                    raise StoreUnavailableError("the source cannot be read.") from None
                continue
            if isinstance(item, StoreUnavailableError):
                raise item
            yield item
            if isinstance(item, str):
                return

    def abandon(self) -> None:
        """Nobody reads, or nobody writes any more."""
        self._abandoned.set()


def columns_of(connection: Connection) -> dict[str, list[str]]:
    """The tables of the database, and the columns of each, by name."""
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(QUERIES["move_columns"]):
        found.setdefault(str(table), []).append(str(column))
    return found


def occupied(connection: Connection) -> str:
    """The first table that holds anything which a move would meet; empty where there is none."""
    for table in columns_of(connection):
        if table not in LEFT and connection.execute(QUERIES["move_first"].filled(table=f'"{table}"')).fetchone() is not None:
            return table
    return ""


def write_all(connection: Connection, pipe: Pipe, process: int, tell: Callable[[str, int], None]) -> list[Copied]:
    """Within a transaction of the target, of which `process` is the number of the one that takes it all. `tell` is called with a table and
    how many of its rows are there so far. Raises NotMovedError, StoreUnavailableError; then nothing may be committed."""
    if table := occupied(connection):
        raise NotMovedError(f"the target is not empty: its table {table} holds rows. Name one that is empty.")
    layout = columns_of(connection)
    tallies: dict[str, _Tally] = {}
    kept: dict[str, Sequence[str]] = {}
    begun, tally, last = _Begun("", ()), _Tally(), ""
    for item in pipe.taken():
        if isinstance(item, _Begun):
            begun, tally = item, _Tally()
            _check_same(begun, layout)
            tallies[begun.table], kept[begun.table] = tally, begun.columns
        elif isinstance(item, str):
            last = item
        else:
            _add(connection, begun, layout[begun.table], item, process)
            tally.add(item)
        if begun.table:
            tell(begun.table, tally.rows)
    connection.execute(QUERIES["move_last"], (last,))
    connection.execute(QUERIES["move_sequences"]).fetchall()
    return [_compared(connection, table, tallies[table], kept[table]) for table in MOVED]


def _compared(connection: Connection, table: str, sent: _Tally, columns: Sequence[str]) -> Copied:
    arrived = _Tally()
    for page in connection.pages(QUERIES["move_all"].filled(columns=_listed(columns), table=table), _PAGE):
        arrived.add(page)
    if arrived.copied(table) != sent.copied(table):
        raise NotMovedError(f"the table {table} did not arrive as it was: {sent.rows} rows were sent, {arrived.rows} are there.")
    return arrived.copied(table)


def _add(connection: Connection, begun: _Begun, there: Sequence[str], rows: Sequence[Row], process: int) -> None:
    columns = [*begun.columns]
    derived = _DERIVED.get(begun.table)
    if derived is not None and derived in there:
        place = columns.index("seq") if derived == "bucket" else None
        columns.append(derived)
        rows = [(*row, process if place is None else row[place] >> BUCKET_BITS) for row in rows]
    query = QUERIES["move_row"].filled(
        table=begun.table,
        columns=_listed(columns),
        marks=", ".join("?" * len(columns)),
        numbers=", ".join(f"${number}" for number in range(1, len(columns) + 1)),
    )
    connection.executemany(query, rows)


def _check_known(layout: Mapping[str, object]) -> None:
    for table in layout:
        if table not in MOVED and table not in LEFT:
            raise NotMovedError(f"the source has a table {table} that this build does not know how to move. Use the build that made it.")
    for table in MOVED:
        if table not in layout:
            raise NotMovedError(f"the source has no table {table}: it is no store, or one that was damaged.")


def _check_same(begun: _Begun, layout: Mapping[str, Sequence[str]]) -> None:
    there = {*layout.get(begun.table, ())} - {_DERIVED.get(begun.table)}
    if there != {*begun.columns}:
        differs = ", ".join(sorted(map(str, there ^ {*begun.columns})))
        raise NotMovedError(f"the table {begun.table} differs between the two databases ({differs}). This is a defect of OrchVynt.")


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
