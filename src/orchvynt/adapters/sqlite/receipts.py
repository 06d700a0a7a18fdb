"""Files receipts, gives them back, and sums them: in the database, because a month may hold millions."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from orchvynt.adapters.projection import Batch
from orchvynt.adapters.receipts import NOT_SENT, said_values
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.connection import SqliteConnection
from orchvynt.adapters.sqlite.queries import QUERIES, Value, run_rows
from orchvynt.adapters.sqlite.records import record_batches
from orchvynt.decisions.billing.dimensions import CONTEXT
from orchvynt.ports.receipts import ReceiptRow, Spent, SpentRow

_OF_CLAIMS: Final = frozenset({"workflow", "agent", "run", "session", "workload", "user"})
_EXPRESSIONS: Final = {
    "key": "coalesce(nullif(claims.\"key\", ''), claims.key_id, '')",
    "day": "settled_at / 86400000000000",
}
_EPOCH: Final = date(1970, 1, 1).toordinal()
_JOIN: Final = "LEFT JOIN invocations AS claims ON claims.inv = receipts.inv"


def file_receipts(connection: Connection, batch: Batch) -> None:
    attempts = batch.receipts.attempts
    ended = [attempt for attempt, one in attempts.items() if one.settled is not None and one.went == NOT_SENT]
    for attempt, *went, response_id in run_rows(connection, "take_open_attempts", 1, [*batch.released.union(ended)]):
        if attempt in attempts:
            attempts[attempt].join((went[0], went[1], went[2]), response_id)
    rows: list[Value] = []
    waiting: list[Value] = []
    for attempt, one in attempts.items():
        if one.settled is not None:
            rows.append(attempt)
            rows += one.values(one.settled)
        else:
            waiting += (attempt, *one.went, one.response_id)
    run_rows(connection, "add_receipts", 17, rows)
    run_rows(connection, "put_open_attempts", 5, waiting)


def fill(connection: SqliteConnection) -> None:
    """Receipts and claims of all records that are there. Raises StoreUnavailableError where one cannot be read."""
    for batch in record_batches(connection):
        file_receipts(connection, batch)
        connection.executemany(QUERIES["set_claims"], [(fact.inv, *said_values(fact)) for fact in batch.receipts.received])


def receipts(connection: Connection, begin: int, end: int, limit: int, after: tuple[int, str]) -> list[ReceiptRow]:
    rows = connection.execute(QUERIES["receipts"], (begin, end, limit, *after)).fetchall()
    return [ReceiptRow(*(*row[:15], bool(row[15]), bool(row[16]), *row[17:])) for row in rows]


def spent(connection: Connection, begin: int, end: int, by: Sequence[str], limit: int) -> Spent:
    # What is filed between the two questions must not part the groups from their sum.
    with connection.moment():
        groups = _sums(connection, begin, end, by, limit) if by else []
        (total,) = _sums(connection, begin, end, (), 1)
    return Spent(groups, total)


def _sums(connection: Connection, begin: int, end: int, by: Sequence[str], limit: int) -> list[SpentRow]:
    values: dict[str, Value] = {"begin": begin, "end": end, "limit": limit}
    columns, joins = [], False
    for number, name in enumerate(by):
        if name.startswith(CONTEXT):
            values[f"path{number}"] = name.removeprefix(CONTEXT)
            columns.append(f"context_value(coalesce(claims.context, ''), :path{number})")
        else:
            columns.append(_EXPRESSIONS.get(name) or (f"coalesce(claims.\"{name}\", '')" if name in _OF_CLAIMS else f"receipts.{name}"))
        joins = joins or "claims" in columns[-1]
    query = QUERIES["spent"].filled(
        columns="".join(f", {column}" for column in columns),
        claims=_JOIN if joins else "",
        groups=f"GROUP BY {', '.join(str(14 + number) for number in range(len(by)))}" if by else "",
    )
    return [_row(row, by) for row in connection.execute(query, values)]


def _row(row: tuple[Any, ...], by: Sequence[str]) -> SpentRow:
    count, invocations, high, low, estimated, estimated_high, estimated_low, *rest = (cell or 0 for cell in row[:13])
    names = tuple([_day(cell) if name == "day" else cell for name, cell in zip(by, row[13:], strict=True)])
    nanos, unsure = (high << 32) + low, (estimated_high << 32) + estimated_low
    return SpentRow(names, count, invocations, nanos, estimated, unsure, *rest)


def _day(number: int) -> str:
    """Of the days since 1970 (UTC)."""
    return date.fromordinal(_EPOCH + number).isoformat()
