"""Files what is to be told of reviews, in the transaction that files their facts."""

from collections.abc import Sequence

from orchvynt.adapters.outbox import news_of
from orchvynt.adapters.reviews import ReviewFact
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.queries import Value, run_rows


def file_news(connection: Connection, facts: Sequence[ReviewFact]) -> None:
    """For nobody yet: who is told, the policy says when they are."""
    values: list[Value] = []
    for fact in news_of(facts):
        values += ("", fact)
    run_rows(connection, "add_news", 2, values)
