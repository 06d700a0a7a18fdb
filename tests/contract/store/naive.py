"""What a store must answer, folded from all facts in the plainest way: the measure that both stores are held against."""

from collections.abc import Iterable, Sequence

import msgspec

from orchvynt.model.facts import (
    AnswerDelivered,
    AnyFact,
    AttemptEnded,
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
from orchvynt.ports.receipts import ReceiptRow
from orchvynt.ports.reviews import ReviewsAsked
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


def receipts(facts: Sequence[AnyFact]) -> dict[str, ReceiptRow]:
    """Each receipt with all that other facts say of its attempt and its invocation."""
    sent = {fact.attempt: fact for fact in facts if isinstance(fact, AttemptSent)}
    answered = {fact.attempt: fact.response_id for fact in facts if isinstance(fact, AttemptEnded)}
    received = {fact.inv: fact for fact in facts if isinstance(fact, InvocationReceived)}
    found = {}
    for fact in facts:
        if not isinstance(fact, AttemptSettled):
            continue
        went, asked, usage = sent[fact.attempt], received[fact.inv], fact.usage
        said = asked.claims
        found[fact.attempt] = ReceiptRow(
            fact.attempt, fact.inv, fact.at, went.model, went.provider, went.upstream_model, answered.get(fact.attempt, ""),
            fact.price_source, fact.why, fact.nanos, usage.input_tokens, usage.output_tokens, usage.cached_input_tokens,
            usage.reasoning_tokens, usage.cache_written_tokens, usage.estimated, fact.overrun, asked.key, asked.key_id, said.workflow,
            said.agent, said.run, said.session, said.workload, said.user,
            msgspec.json.encode(said.context).decode() if said.context else "",
        )  # fmt: skip
    return found


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
    assert {row.review for row in await store.reviews_page(ReviewsAsked(1_000_000))} == opened - decided
    assert {row.review for row in await store.reviews_page(ReviewsAsked(1_000_000, "all"))} == opened
    settled = await store.receipts(0, 1 << 62, 1_000_000)
    assert {row.attempt: row for row in settled} == receipts(facts)
    assert settled == sorted(settled, key=lambda row: (row.settled_at, row.attempt))
    ends = [fact.inv for fact in facts if isinstance(fact, InvocationFinished)]
    assert await store.find("last") == ends[-1:]
