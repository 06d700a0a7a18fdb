"""Folds facts into what a store keeps of the callers of parked invocations. Every store shares this, as the rest of the projection."""

from collections.abc import Iterable

from msgspec.structs import replace

from orchvynt.model.facts import CallerWaits, ReviewOpened
from orchvynt.ports.parked import Departure

DepartureFact = ReviewOpened | CallerWaits


def fold_departure(known: Departure | None, fact: DepartureFact, process: str) -> Departure | None:
    """The row after one more fact, which a process wrote; None of an invocation that was never parked. A further review changes how long
    it may be claimed."""
    if isinstance(fact, ReviewOpened):
        return replace(known, claim_for_ns=fact.claim_for_ns) if known else Departure(fact.inv, fact.claim_for_ns, 0, process)
    if known is None or fact.how == "held":
        return known
    return replace(known, process=process) if fact.how == "joined" else replace(known, left_at=fact.at, process="")


def fold_departures(known: dict[str, Departure], facts: Iterable[DepartureFact], process: str) -> dict[str, Departure]:
    """The rows that a batch's facts leave, by invocation, given those that the store has."""
    rows = dict(known)
    for fact in facts:
        row = fold_departure(rows.get(fact.inv), fact, process)
        if row is not None:
            rows[fact.inv] = row
    return rows
