"""Reads a page of the inbox: the rows that match, by an index, and no state of any."""

from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.filing import review_row
from orchvynt.adapters.sqlite.queries import QUERIES, Value
from orchvynt.ports.reviews import ReviewRow, ReviewsAsked

_CLAIMED = "(claimed_by <> '' AND claimed_until > :now)"
_CLAIMS = {"yes": _CLAIMED, "no": f"NOT {_CLAIMED}", "by": f"claimed_by = :claimed_by AND {_CLAIMED}"}


def reviews_page(connection: Connection, asked: ReviewsAsked) -> list[ReviewRow]:
    values: dict[str, Value] = {"limit": asked.limit, "now": asked.now, "claimed_by": asked.claimed_by}
    conditions: list[str] = []
    if asked.status != "all":
        conditions.append("status = :status")
        values["status"] = asked.status
    if asked.gate:
        conditions.append("gate = :gate")
        values["gate"] = asked.gate
    if asked.claimed:
        conditions.append(_CLAIMS[asked.claimed])
    listed = ""
    if asked.groups is not None:
        names = {f"group{number}": group for number, group in enumerate(sorted(asked.groups))}
        listed = ", ".join(f":{name}" for name in names)
        conditions.append("{asks_one_of}" if listed else "1 = 0")
        values.update(names)
    if asked.after is not None:
        conditions.append(f"(opened_at, review) {'<' if asked.newest_first else '>'} (:after_at, :after)")
        values["after_at"], values["after"] = asked.after
    query = QUERIES["reviews_page"].filled(
        conditions=f"WHERE {' AND '.join(conditions)}" if conditions else "",
        asks_one_of=QUERIES["asks_one_of"],
        groups=listed,
        order="DESC" if asked.newest_first else "ASC",
    )
    return [review_row(row) for row in connection.execute(query, values)]
