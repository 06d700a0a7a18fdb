"""What the stores in SQL databases share: queries that have names, and what a connection does with them. It knows no database.

A query's text is SQLite's. Another database has its own words under the same name, and puts the same parts into them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, TypeVar

T = TypeVar("T")

Value = str | bytes | int | float
Row = tuple[Any, ...]
Broken = Literal["strict", "backslashreplace", "surrogateescape"]
"""What is made of bytes in a database that are no text."""

_NAME: Final = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT: Final = re.compile(r"^--.*\n", re.MULTILINE)


class Query(str):
    """A query as it is sent to SQLite. `parts` are what was filled into it, by name."""

    name: str
    parts: Mapping[str, str]

    def __new__(cls, text: str, name: str, parts: Mapping[str, str] = MappingProxyType({})) -> "Query":
        query = super().__new__(cls, text)
        query.name = name
        query.parts = parts
        return query

    def filled(self, **parts: str) -> "Query":
        """With texts in place of their `{names}`, one after the other; a part may be a query, and may have places for later ones."""
        return Query(fill(self, parts), self.name, parts)


def fill(text: str, parts: Mapping[str, str]) -> str:
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text


def load_queries(package: str) -> Mapping[str, Query]:
    """Those of the package's `queries.sql`."""
    text = resources.files(package).joinpath("queries.sql").read_text("utf-8")
    parts = _NAME.split(text)[1:]
    return MappingProxyType({name: Query(_COMMENT.sub("", body).strip(), name) for name, body in zip(parts[::2], parts[1::2], strict=True)})


class Rows(Protocol):
    """What a query gave. `rowcount` is how many rows it changed."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """One thread uses it at a time."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Rows: ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Rows: ...

    def execute_rows(self, query: Query, width: int, values: Sequence[Value]) -> list[Row]:
        """Runs a query with `{rows}` over `values`, `width` to a row, and gives what it returns."""
        ...

    def moment(self, broken: Broken = "strict") -> AbstractContextManager[None]:
        """All that is read within it is of one moment. Within no transaction."""
        ...


class Reading(Protocol):
    """Reads beside who writes. Both raise StoreUnavailableError."""

    async def rows(self, name: str, *values: Value) -> list[Row]: ...

    async def run(self, work: Callable[[Connection], T]) -> T: ...

    def close(self) -> None: ...


class Closing(Protocol):
    def close(self) -> None: ...
