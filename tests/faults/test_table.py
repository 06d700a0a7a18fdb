"""The table has no silent gaps: every cell is run by a test or says the same bytes with and without its fault."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.faults.cells import CALLER, PROVIDER, ROWS
from tests.faults.table import LEGEND, Cell, Same, cells_of
from tests.scripted.wire_client import PATHS, ask, send

from orchvynt.scripted.faults import FAILURES, MANNERS, read_fault
from orchvynt.testing.scripted import ScriptedProvider

ALL = [cell for row in ROWS.values() for cell in cells_of(row)]
# The faults that no row of its own shows: a prefilled answer is refused by the tier that rescues.
ELSEWHERE = frozenset({"refuses_prefill"})


def met() -> Counter[str]:
    """How many tests of this folder take each cell upon themselves with `meets`, by its name."""
    found: Counter[str] = Counter()
    for file in Path(__file__).parent.glob("test_*.py"):
        for value in vars(import_module(f"tests.faults.{file.stem}")).values():
            for mark in getattr(value, "pytestmark", ()):
                if mark.name == "parametrize" and mark.args[0] == "cell":
                    found.update(cell.name for cell in mark.args[1])
    return found


def test_every_cell_is_run_once_or_has_a_reason() -> None:
    run = met()
    assert {cell.name for cell in ALL if not isinstance(cell.sees, Same)} == set(run)
    assert [name for name, count in run.items() if count != 1] == []


def test_rows_have_names_of_their_own() -> None:
    chapters = [*PROVIDER, *CALLER]
    assert len(ROWS) == sum(len(chapter.rows) for chapter in chapters)
    assert all(re.fullmatch(r"[a-z0-9-]{2,40}", name) for name in ROWS), "they are names of virtual providers"
    assert all(len(cell.name) <= 64 for cell in ALL)


def test_every_word_of_the_legend_is_used() -> None:
    assert {cell.sees for cell in ALL if not isinstance(cell.sees, Same)} == set(LEGEND)


def test_every_fault_that_the_scripted_provider_knows_has_a_row() -> None:
    played = {name for cell in ALL if cell.fault is not None for name in _named(cell.fault)}
    assert {*FAILURES, *MANNERS} - ELSEWHERE == played


def _named(fault: Any) -> set[str]:
    read = read_fault(fault)
    return {name for name in (*FAILURES, *MANNERS) if (value := getattr(read, name)) is not None and value is not False}


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as provider:
        yield provider


@pytest.mark.parametrize("idle", [cell for cell in ALL if isinstance(cell.sees, Same)], ids=lambda cell: cell.name)
def test_where_nothing_is_run_nothing_is_different(provider: ScriptedProvider, idle: Cell) -> None:
    """The provider says the same, but for ids (some longer than others) and instants, so that the server cannot tell."""

    def said(fault: Any, answer: Any) -> bytes:
        provider.script({"otherwise": {"text": "one answer", **answer}})
        provider.fault("p", fault)
        seen = send(provider.url, f"/p/p{PATHS[idle.kind]}", ask(idle.kind, stream=idle.streams))
        return re.sub(rb"p_\d+|content-length: \d+|\d{10}|\d{4}-\d\d-\d\dT[\d:.]+Z|\"[a-z_]*duration\":\d+", b"", seen.raw)

    plain = {"text": idle.row.answer["text"]} if idle.row.answer and "text" in idle.row.answer else {}
    assert said(idle.fault, idle.row.answer or {}) == said(None, plain), json.dumps(idle.row.answer)
