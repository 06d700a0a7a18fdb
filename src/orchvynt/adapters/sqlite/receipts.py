"""Files receipts, gives them back, and sums them: in the database, because a month may hold millions."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from orchvynt.adapters.projection import Batch
from orchvynt.adapters.receipts import NOT_SENT, said_values
from orchvynt.adapters.sqlite.queries import QUERIES, Value, run_rows
from orchvynt.adapters.sqlite.records import record_batches
from orchvynt.decisions.billing.dimensions import CONTEXT, context_value
from orchvynt.ports.receipts import ReceiptRow, Spent, SpentRow

_OF_CLAIMS: Final = frozenset({"workflow", "agent", "run", "session", "workload", "user"})
_EXPRESSIONS: Final = {
    "key": "coalesce(nullif(claims.\"key\", ''), claims.key_id, '')",
    "day": "date(settled_at / 1000000000, 'unixepoch')",
}
_JOIN: Final = "LEFT JOIN invocations AS claims ON claims.inv = receipts.inv"


def file_receipts(connection: sqlite3.Connection, batch: Batch) -> None:
    attempts = batch.receipts.attempts
    ended = [attempt for attempt, one in attempts.items() if one.settled is not None and one.went is NOT_SENT]
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


def fill(connection: sqlite3.Connection) -> None:
    """Receipts and claims of all records that are there. Raises StoreUnavailableError where one cannot be read."""
    for batch in record_batches(connection):
        file_receipts(connection, batch)
        connection.executemany(QUERIES["set_claims"], [(fact.inv, *said_values(fact)) for fact in batch.receipts.received])


def receipts(connection: sqlite3.Connection, begin: int, end: int, limit: int, after: tuple[int, str]) -> list[ReceiptRow]:
    rows = connection.execute(QUERIES["receipts"], (begin, end, limit, *after)).fetchall()
    return [ReceiptRow(*(*row[:15], bool(row[15]), bool(row[16]), *row[17:])) for row in rows]


def spent(connection: sqlite3.Connection, begin: int, end: int, by: Sequence[str], limit: int) -> Spent:
    connection.create_function("context_value", 2, context_value, deterministic=True)
    # One transaction for both questions: what is filed in between must not part the groups from their sum.
    connection.execute("BEGIN")
    try:
        groups = _sums(connection, begin, end, by, limit) if by else []
        (total,) = _sums(connection, begin, end, (), 1)
    finally:
        connection.execute("COMMIT")
    return Spent(groups, total)


def _sums(connection: sqlite3.Connection, begin: int, end: int, by: Sequence[str], limit: int) -> list[SpentRow]:
    values: dict[str, Value] = {"begin": begin, "end": end, "limit": limit}
    columns, joins = [], False
    for number, name in enumerate(by):
        if name.startswith(CONTEXT):
            values[f"path{number}"] = name.removeprefix(CONTEXT)
            columns.append(f"context_value(coalesce(claims.context, ''), :path{number})")
        else:
            columns.append(_EXPRESSIONS.get(name) or (f"coalesce(claims.{name}, '')" if name in _OF_CLAIMS else f"receipts.{name}"))
        joins = joins or "claims" in columns[-1]
    query = QUERIES["spent"].replace("{columns}", "".join(f", {column}" for column in columns))
    query = query.replace("{claims}", _JOIN if joins else "")
    query = query.replace("{groups}", f"GROUP BY {', '.join(str(14 + number) for number in range(len(by)))}" if by else "")
    return [_row(row) for row in connection.execute(query, values)]


def _row(row: tuple[Any, ...]) -> SpentRow:
    count, invocations, high, low, estimated, estimated_high, estimated_low, *rest = (cell or 0 for cell in row[:13])
    nanos, unsure = (high << 32) + low, (estimated_high << 32) + estimated_low
    return SpentRow(tuple(row[13:]), count, invocations, nanos, estimated, unsure, *rest)
