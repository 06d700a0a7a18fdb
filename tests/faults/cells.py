"""The whole table, and `meets`, by which a test takes rows upon itself. What no test takes, tests/faults/test_table.py finds."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final, TypeVar

import pytest
from tests.faults import caller_rows, later_rows, provider_rows, world_rows
from tests.faults.table import Cell, Chapter, Row, Same, cells_of

PROVIDER: Final[tuple[Chapter, ...]] = (
    provider_rows.REFUSES,
    world_rows.UNREACHED,
    provider_rows.SILENT,
    provider_rows.BREAKS,
    later_rows.RESCUED,
    provider_rows.GARBLES,
    world_rows.TOO_MUCH,
    world_rows.MISCOUNTS,
    world_rows.MANY,
    later_rows.FLAPS,
)
CALLER: Final[tuple[Chapter, ...]] = (
    caller_rows.LEAVES,
    caller_rows.SLOW,
    caller_rows.REPEATS,
    later_rows.NAMED,
    caller_rows.CLAIMS,
    caller_rows.HOSTILE,
)
ROWS: Final[MappingProxyType[str, Row]] = MappingProxyType({row.name: row for chapter in (*PROVIDER, *CALLER) for row in chapter.rows})

Test = TypeVar("Test", bound=Callable[..., None])


def runnable(*names: str) -> list[Cell]:
    """The cells of these rows that have something to run."""
    return [cell for name in names for cell in cells_of(ROWS[name]) if not isinstance(cell.sees, Same)]


def of_chapters(*chapters: Chapter) -> list[str]:
    return [row.name for chapter in chapters for row in chapter.rows]


def meets(*names: str) -> Callable[[Test], Test]:
    """Runs the test once for each cell of these rows, as its argument `cell`."""
    return pytest.mark.parametrize("cell", runnable(*names), ids=lambda cell: cell.name)
