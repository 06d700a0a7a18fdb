"""The table has no silent gaps: all clients, all kinds of providers, and a reason for each cell that cannot be."""

import re
from collections import Counter
from itertools import product

from tests.clients.rows import CHAPTERS, ROWS, cells
from tests.clients.table import APIS, RAISES, WAYS, Fails
from tests.clients.world import FAULTS

# What the issue names has to stay in the table, whole and streamed where it can be.
NAMED = {"plain", "tool", "tools", "results", "schema", "image", "thinking", "system", "covered"}


def test_every_client_meets_every_row_and_provider() -> None:
    for client in APIS:
        found = Counter((cell.row.name, cell.provider, cell.how, cell.way) for cell in cells(client))
        assert set(found.values()) == {1}
        assert set(found) == {(row.name, *rest) for row in ROWS for rest in product(APIS, row.hows, WAYS)}


def test_rows_have_names_of_their_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) == sum(len(chapter.rows) for chapter in CHAPTERS)
    assert all(re.fullmatch(r"[a-z-]+", row.name) for row in ROWS)
    assert {row.name for row in ROWS if len(row.hows) == 2} >= NAMED


def test_what_cannot_be_has_a_reason_and_is_little() -> None:
    every = [cell for client in APIS for cell in cells(client)]
    without = [cell for cell in every if cell.unsayable or cell.refused]
    assert all(len((cell.unsayable or cell.refused).split()) >= 5 for cell in without)
    assert len(without) < len(every) / 8


def test_what_a_client_says_to_its_own_api_is_never_refused() -> None:
    assert [cell.name for client in APIS for cell in cells(client) if cell.own and (cell.refused or cell.lost)] == []


def test_every_error_has_a_class_and_every_fault_a_row() -> None:
    statuses = {row.gets.status for row in ROWS if isinstance(row.gets, Fails)}
    assert all(set(classes) == statuses for classes in RAISES.values())
    assert set(FAULTS) == {name for row in ROWS for name in row.asks[:1]} - {"sound"}
