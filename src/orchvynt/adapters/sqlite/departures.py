"""Files what is known of the callers of parked invocations, and gives it back."""

from collections.abc import Sequence

from orchvynt.adapters.departures import DepartureFact, fold_departures
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.queries import QUERIES, Value, run_rows
from orchvynt.ports.parked import Departure


def file_departures(connection: Connection, facts: Sequence[DepartureFact], process: str) -> None:
    known = {}
    for inv in {fact.inv for fact in facts}:
        values = connection.execute(QUERIES["departure"], (inv,)).fetchone()
        if values is not None:
            known[inv] = Departure(*values)
    changed: list[Value] = []
    for row in fold_departures(known, facts, process).values():
        changed += (row.inv, row.claim_for_ns, row.left_at, row.process)
    run_rows(connection, "put_departure", 4, changed)
