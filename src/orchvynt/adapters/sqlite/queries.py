"""The queries of `queries.sql` by name. It runs none of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from orchvynt.adapters.sql import Connection, Query, Row, load_queries
from orchvynt.adapters.sql import Value as Value

QUERIES: Final[Mapping[str, Query]] = load_queries(__package__)


def run_rows(connection: Connection, name: str, width: int, values: Sequence[Value]) -> list[Row]:
    """Runs a query with `{rows}` over `values`, `width` to a row, and gives what it returns."""
    return connection.execute_rows(QUERIES[name], width, values)
