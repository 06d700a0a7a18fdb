"""A store of each earlier schema is brought to this build's, with all that it holds, and is the same as one that was made new."""

from collections.abc import Iterator

import pytest
from tests.support.postgres import Server

from orchvynt.adapters.postgres.migrating import Step, all_steps, migrate, pending, printed
from orchvynt.adapters.postgres.session import Session
from orchvynt.adapters.postgres.target import target

ROWS = 3
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT IN ('applied', 'audit_lock') ORDER BY 1"
_COLUMNS = (
    "SELECT column_name::text, data_type::text FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"
)
_SHAPE = (
    "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text, collation_name::text FROM information_schema.columns "
    "WHERE table_schema = current_schema() ORDER BY 1, 2"
)
_INDEXES = "SELECT replace(indexdef, current_schema(), '') FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"


@pytest.fixture
def session(postgres: Server) -> Iterator[Session]:
    one = Session(target(postgres.fresh_schema()), {}, 30.0)
    one.connect()
    yield one
    one.close()


def _fill(session: Session, steps: list[Step]) -> dict[str, int]:
    """Made-up rows in every table, but in those that the second part of the last of `steps` fills first. Gives how many each has."""
    counts = {}
    begun = printed(steps[-1:]) if (steps[-1].number, "post") in {(step.number, step.part) for step in all_steps()} else ""
    for (table,) in session.execute(_TABLES):
        if steps[-1].part == "pre" and f"CREATE TABLE {table} (" in begun:
            continue
        columns = [(str(name), str(kind)) for name, kind in session.execute(_COLUMNS, (table,))]
        counts[str(table)] = 1 if ("one", "bigint") in columns else ROWS
        for number in range(1, counts[str(table)] + 1):
            made_up = {"bigint": str(number), "text": f"'t{number}'", "bytea": f"'\\x0{number}'", "double precision": f"{number}.5"}
            names, values = ", ".join(f'"{name}"' for name, _ in columns), ", ".join(made_up[kind] for _, kind in columns)
            session.script(f'INSERT INTO "{table}" ({names}) OVERRIDING SYSTEM VALUE VALUES ({values})')
    return counts


@pytest.mark.parametrize("applied", range(1, len(all_steps())))
def test_an_older_store_keeps_its_rows_and_gets_this_build_s_shape(
    applied: int, session: Session, postgres: Server, request: pytest.FixtureRequest
) -> None:
    new = Session(target(postgres.fresh_schema()), {}, 30.0)
    request.addfinalizer(new.close)
    new.connect()
    migrate(new)
    older = all_steps()[:applied]
    session.script(printed(older))
    counts = _fill(session, older)
    rest = pending(session)
    assert rest == all_steps()[applied:]
    assert all(f"-- Step {step.number} {step.name}, {step.part}." in printed(rest) for step in rest)
    assert migrate(session) == rest
    assert pending(session) == []
    for query in (_SHAPE, _INDEXES):
        assert session.execute(query).fetchall() == new.execute(query).fetchall()
    for table, count in counts.items():
        assert session.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (count,), table


def test_what_may_run_while_the_build_before_serves_comes_before_what_may_not() -> None:
    steps = [(step.number, step.part) for step in all_steps()]
    assert steps == sorted(steps, key=lambda step: (step[0], step[1] == "post"))
    assert len({*steps}) == len(steps)
