"""The queries of `queries.sql` by name, and how many rows go into one statement. It runs none of them."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

Value = str | bytes | int | float

_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT: Final = re.compile(r"^--.*\n", re.MULTILINE)
_ROWS_MAX: Final = 64


def _load() -> Mapping[str, str]:
    text = resources.files(__package__).joinpath("queries.sql").read_text("utf-8")
    parts = _NAME.split(text)[1:]
    return MappingProxyType({name: _COMMENT.sub("", body).strip() for name, body in zip(parts[::2], parts[1::2], strict=True)})


QUERIES: Final = _load()


@cache
def _with_rows(name: str, width: int, rows: int) -> str:
    row = f"({','.join('?' * width)})"
    return QUERIES[name].replace("{rows}", ",".join([row] * rows))


def run_rows(connection: sqlite3.Connection, name: str, width: int, values: Sequence[Value]) -> list[tuple[Any, ...]]:
    """Runs a query with `{rows}` over `values`, `width` to a row, and gives what it returns.

    One statement takes many rows: the interpreter's lock is released once for all of them instead of once a row, and
    the data path, which shares it, is interrupted less. Sizes are powers of two, so that few statements are prepared.
    """
    returned: list[tuple[Any, ...]] = []
    start, total = 0, len(values) // width
    while start < total:
        rows = min(_ROWS_MAX, 1 << (total - start).bit_length() - 1)
        returned += connection.execute(_with_rows(name, width, rows), values[start * width : (start + rows) * width])
        start += rows
    return returned
