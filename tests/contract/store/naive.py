"""What a store must answer, folded from all facts in the plainest way: the measure that both stores are held against."""

from collections.abc import Iterable, Sequence

from orchvynt.model.facts import (
    AnswerDelivered,
    AnyFact,
    AttemptSent,
    AttemptSettled,
    HoldPlaced,
    HoldVoided,
    InvocationFinished,
    InvocationReceived,
    ReviewDecided,
    ReviewOpened,
    Routed,
)
from orchvynt.ports.store import OpenHold, Store


def records(frames: Iterable[Sequence[AnyFact]]) -> dict[str, list[AnyFact]]:
    found: dict[str, list[AnyFact]] = {}
    for frame in frames:
        for fact in frame:
            found.setdefault(fact.inv, []).append(fact)
    return found


def spend(facts: Iterable[AnyFact]) -> dict[tuple[str, str, int], tuple[int, int]]:
    totals: dict[tuple[str, str, int], tuple[int, int]] = {}
    for fact in facts:
        if isinstance(fact, AttemptSettled):
            for part in fact.reserved:
                key = (part.budget, part.subject, part.window)
                nanos, tokens = totals.get(key, (0, 0))
                totals[key] = (nanos + part.nanos, tokens + part.tokens)
    return totals


def open_holds(facts: Sequence[AnyFact]) -> dict[str, OpenHold]:
    gone = {fact.attempt for fact in facts if isinstance(fact, AttemptSettled | HoldVoided)}
    sent = {fact.attempt: fact.at for fact in facts if isinstance(fact, AttemptSent)}
    holds = [fact for fact in facts if isinstance(fact, HoldPlaced) and fact.attempt not in gone]
    return {fact.attempt: OpenHold(fact.inv, fact.attempt, fact, sent.get(fact.attempt, 0)) for fact in holds}


def outcome(facts: Sequence[AnyFact]) -> str:
    for fact in reversed(facts):
        if isinstance(fact, InvocationFinished):
            return fact.outcome
    opened = {fact.review for fact in facts if isinstance(fact, ReviewOpened)}
    decided = {fact.review for fact in facts if isinstance(fact, ReviewDecided)}
    return "parked" if opened - decided else ""


async def check(store: Store, frames: Sequence[Sequence[AnyFact]]) -> None:
    """Asserts that the store says of these frames, no more and no less, what they say."""
    facts = [fact for frame in frames for fact in frame]
    by_inv = records(frames)
    for inv, record in by_inv.items():
        assert await store.facts(inv) == record
    assert {(row.budget, row.subject, row.window): (row.nanos, row.tokens) for row in await store.spend()} == spend(facts)
    assert {hold.attempt: hold for hold in await store.open_holds()} == open_holds(facts)
    assert sorted(await store.unfinished()) == sorted(inv for inv, record in by_inv.items() if not outcome(record))
    rows = {row.inv: row for row in await store.invocations(1_000_000, "")}
    for inv, record in by_inv.items():
        row = rows.get(inv)
        first = next((fact for fact in record if isinstance(fact, InvocationReceived)), None)
        if row is None:
            assert not any(
                isinstance(fact, InvocationReceived | Routed | ReviewOpened | AnswerDelivered | InvocationFinished) for fact in record
            )
            continue
        assert row.outcome == outcome(record)
        assert (row.at, row.run) == ((first.at, first.claims.run) if first else (0, ""))
        assert row.rule == next((fact.rule for fact in record if isinstance(fact, Routed)), "")
        last = next((fact for fact in record if isinstance(fact, InvocationFinished)), None)
        assert (row.nanos, row.duration_ns) == ((last.nanos, last.duration_ns) if last else (0, 0))
    assert set(rows) <= set(by_inv)
    decided = {fact.review for fact in facts if isinstance(fact, ReviewDecided)}
    opened = {fact.review for fact in facts if isinstance(fact, ReviewOpened)}
    assert {row.review for row in await store.reviews(True)} == opened - decided
    assert {row.review for row in await store.reviews(False)} == opened
    ends = [fact.inv for fact in facts if isinstance(fact, InvocationFinished)]
    assert await store.find("last") == ends[-1:]
