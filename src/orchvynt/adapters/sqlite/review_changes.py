"""Files which process decides about each open review, and that an invocation in review changed, for the processes that keep an index."""

from collections.abc import Sequence

from orchvynt.adapters.projection import Batch
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.model.facts import ReviewDecided, ReviewOpened
from orchvynt.ports.peers import REVIEW_CHANGES_KEPT


def file_review_changes(connection: Connection, batch: Batch, process: str) -> None:
    """Last of all: whoever files another change waits for this one's commit, so that numbers come in the order of commits."""
    opened = [(fact.review, process) for fact in batch.reviews if isinstance(fact, ReviewOpened)]
    connection.executemany(QUERIES["own_review"], opened)
    decided = [(fact.review,) for fact in batch.reviews if isinstance(fact, ReviewDecided)]
    connection.executemany(QUERIES["disown_review"], decided)
    number_changes(connection, list(dict.fromkeys(fact.inv for fact in (*batch.reviews, *batch.departures))))


def number_changes(connection: Connection, changed: Sequence[str]) -> None:
    """Of reviews of these invocations."""
    if not changed:
        return
    (last,) = connection.execute(QUERIES["count_review_changes"], (len(changed),)).fetchone()
    numbered = [(last - len(changed) + place, inv) for place, inv in enumerate(changed, 1)]
    connection.executemany(QUERIES["add_review_change"], numbered)
    connection.execute(QUERIES["drop_review_changes"], (last - REVIEW_CHANGES_KEPT,))
