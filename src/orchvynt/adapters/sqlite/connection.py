"""A connection to SQLite, with what the stores in SQL databases ask of one."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from orchvynt.adapters.sql import Broken, Query, Row, Value
from orchvynt.decisions.billing.dimensions import context_value

_ROWS_MAX: Final = 64


class SqliteConnection(sqlite3.Connection):
    """Implements adapters.sql.Connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.create_function("context_value", 2, context_value, deterministic=True)

    def execute_rows(self, query: Query, width: int, values: Sequence[Value]) -> list[Row]:
        """One statement takes many rows: the interpreter's lock is released once for all of them instead of once a row, and the data
        path, which shares it, is interrupted less. Sizes are powers of two, so that few statements are prepared."""
        returned: list[Row] = []
        start, total = 0, len(values) // width
        while start < total:
            rows = min(_ROWS_MAX, 1 << (total - start).bit_length() - 1)
            returned += self.execute(_with_rows(query, width, rows), values[start * width : (start + rows) * width])
            start += rows
        return returned

    @contextmanager
    def moment(self, broken: Broken = "strict") -> Iterator[None]:
        self.text_factory = str if broken == "strict" else lambda stored: stored.decode("utf-8", broken)
        try:
            self.execute("BEGIN")
            try:
                yield
            finally:
                self.execute("COMMIT")
        finally:
            self.text_factory = str


@cache
def _with_rows(query: Query, width: int, rows: int) -> str:
    row = f"({','.join('?' * width)})"
    return query.replace("{rows}", ",".join([row] * rows))
