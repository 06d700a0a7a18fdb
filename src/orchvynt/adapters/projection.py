"""Folds facts into the rows that a store keeps beside them: spend, open holds,
receipts, reviews, list rows and references.

Every store shares this, so that they cannot disagree. It aggregates one batch before anything is written: a hold that is
placed and settled within a batch leaves no trace but its spend. It knows no database and no file.
"""

from collections.abc import Callable, Sequence
from typing import Final

from orchvynt.adapters.auditing import AuditedFact
from orchvynt.adapters.departures import DepartureFact
from orchvynt.adapters.receipts import Receipts, bounded
from orchvynt.adapters.reviews import ReviewFact
from orchvynt.adapters.spending import Spend, add_settled
from orchvynt.model.facts import (
    AnswerDelivered,
    AnyFact,
    AttemptEnded,
    AttemptSent,
    AttemptSettled,
    BudgetGranted,
    CallerWaits,
    FeedbackGiven,
    GateJudged,
    HoldPlaced,
    HoldVoided,
    InvocationFinished,
    InvocationReceived,
    ReviewClaimed,
    ReviewConcluded,
    ReviewDecided,
    ReviewEscalated,
    ReviewOpened,
    ReviewReleased,
    ReviewReminded,
    ReviewVoted,
    Routed,
)
from orchvynt.model.repeats import AnswerKept
from orchvynt.ports.store import FeedbackRow, InvocationRow

REFERENCE_CHARS_MAX: Final = 200
PARKED: Final = "parked"

_NOT_RECEIVED: Final = (0, "", "", "", "", "", "")


class Record:
    """What one batch says of one invocation. The fields of its InvocationRow are blank where the batch did not change them."""

    # Facts are kept as they are, and become a row once: no field is copied on the way.
    __slots__ = ("bodies", "finished", "inv", "model", "provider", "received", "rule", "seq", "tier", "touched")

    def __init__(self, seq: int, inv: str, payload: bytes) -> None:
        self.seq = seq
        self.inv = inv
        self.bodies = [payload]
        self.touched = False
        self.received: InvocationReceived | None = None
        self.finished: InvocationFinished | None = None
        self.model = self.provider = self.rule = ""
        self.tier = 0

    def values(self) -> tuple[str | int, ...]:
        """The fields of InvocationRow, in their order."""
        received, finished = self.received, self.finished
        if received is None:
            begun: tuple[str | int, ...] = _NOT_RECEIVED
        else:
            claims = received.claims
            begun = (
                received.at, received.endpoint, received.key_id, claims.workflow, claims.agent, claims.run, received.requested_model,
            )  # fmt: skip
        if finished is None:
            return (self.inv, *begun, self.model, self.provider, self.rule, self.tier, "", 0, 0)
        nanos, duration_ns = bounded(finished.nanos), bounded(finished.duration_ns)
        return (self.inv, *begun, self.model, self.provider, self.rule, self.tier, finished.outcome, nanos, duration_ns)

    def row(self) -> InvocationRow:
        return InvocationRow(*self.values())  # type: ignore[arg-type]  # their order is that of the fields


class Batch:
    """The changes of some frames, in the order in which they were appended. `next_seq` numbers the records that a store keeps."""

    def __init__(self, next_seq: int) -> None:
        self.next_seq = next_seq
        self.records: dict[str, Record] = {}
        self.references: list[tuple[str, int]] = []
        self.spend: Spend = {}
        self.holds: dict[str, tuple[HoldPlaced, int]] = {}
        self.sent: dict[str, int] = {}
        self.released: set[str] = set()
        self.receipts = Receipts()
        self.reviews: list[ReviewFact] = []
        # The same, and the deliveries of what was reviewed, in their order.
        self.audited: list[AuditedFact] = []
        self.matches: list[GateJudged] = []
        self.departures: list[DepartureFact] = []
        self.feedback: list[FeedbackGiven] = []
        self.kept: list[AnswerKept] = []
        self.grants: list[BudgetGranted] = []
        self.last_finished = ""

    def add(self, facts: Sequence[AnyFact], payload: bytes) -> None:
        """One frame: facts of one invocation, and their encoded form."""
        first = facts[0]
        if type(first) is AnswerKept:
            # INVARIANT: a caller's answer enters no record; its frame holds nothing else.
            self.kept.append(first)
            return
        inv = first.inv
        if not inv:
            # What an operator granted unasked belongs to no invocation, and its frame holds nothing else.
            self.grants += [fact for fact in facts if type(fact) is BudgetGranted]
            return
        record = self.records.get(inv)
        if record is None:
            record = self.records[inv] = Record(self.next_seq, inv, payload)
            self.next_seq += 1
        else:
            record.bodies.append(payload)
        for fold, fact in zip(map(_FOLDS.get, map(type, facts)), facts, strict=True):
            if fold is not None:
                fold(self, record, fact)

    def refer(self, record: Record, reference: str) -> None:
        self.references.append((reference[:REFERENCE_CHARS_MAX], record.seq))


def _received(batch: Batch, record: Record, fact: InvocationReceived) -> None:
    batch.receipts.received.append(fact)
    record.touched = True
    record.received = fact
    run = fact.claims.run
    if run:
        batch.refer(record, run)
    if fact.request_id:
        batch.refer(record, fact.request_id)
    if fact.trace_id and fact.trace_id != run:
        batch.refer(record, fact.trace_id)


def _routed(_: Batch, record: Record, fact: Routed) -> None:
    record.touched = True
    record.rule = fact.rule


def _hold_placed(batch: Batch, _: Record, fact: HoldPlaced) -> None:
    batch.holds[fact.attempt] = (fact, 0)


def _sent(batch: Batch, _: Record, fact: AttemptSent) -> None:
    batch.receipts.of(fact).went = (fact.model, fact.provider, fact.upstream_model)
    held = batch.holds.get(fact.attempt)
    if held is None:
        batch.sent[fact.attempt] = fact.at
    else:
        batch.holds[fact.attempt] = (held[0], fact.at)


def _ended(batch: Batch, record: Record, fact: AttemptEnded) -> None:
    if fact.response_id:
        batch.receipts.of(fact).response_id = fact.response_id
        batch.refer(record, fact.response_id)
    if fact.provider_request_id and fact.provider_request_id != fact.response_id:
        batch.refer(record, fact.provider_request_id)


def _settled(batch: Batch, record: Record, fact: AttemptSettled) -> None:
    _released(batch, record, fact)
    batch.receipts.of(fact).settled = fact
    add_settled(batch.spend, fact)


def _released(batch: Batch, _: Record, fact: AttemptSettled | HoldVoided) -> None:
    if batch.holds.pop(fact.attempt, None) is None:
        batch.released.add(fact.attempt)


def _voided(batch: Batch, record: Record, fact: HoldVoided) -> None:
    _released(batch, record, fact)
    batch.receipts.attempts.pop(fact.attempt, None)  # nothing will be settled


def _review(batch: Batch, record: Record, fact: ReviewFact) -> None:
    record.touched = True
    batch.reviews.append(fact)
    batch.audited.append(fact)


def _opened(batch: Batch, record: Record, fact: ReviewOpened) -> None:
    _review(batch, record, fact)
    batch.departures.append(fact)


def _waits(batch: Batch, _: Record, fact: CallerWaits) -> None:
    batch.departures.append(fact)


def _granted(batch: Batch, _: Record, fact: BudgetGranted) -> None:
    batch.grants.append(fact)


def _feedback(batch: Batch, _: Record, fact: FeedbackGiven) -> None:
    batch.feedback.append(fact)


def _judged(batch: Batch, _: Record, fact: GateJudged) -> None:
    if fact.verdict != "passed":
        batch.matches.append(fact)


def _delivered(batch: Batch, record: Record, fact: AnswerDelivered) -> None:
    if fact.review:
        batch.audited.append(fact)
    record.touched = True
    if fact.model:
        record.model = fact.model
        record.tier = fact.tier


def _finished(batch: Batch, record: Record, fact: InvocationFinished) -> None:
    record.touched = True
    record.finished = fact
    if fact.model:
        record.model = fact.model
        record.tier = fact.tier
    if fact.provider:
        record.provider = fact.provider
    batch.last_finished = fact.inv


_FOLDS: Final[dict[type, Callable[..., None]]] = {
    InvocationReceived: _received,
    Routed: _routed,
    HoldPlaced: _hold_placed,
    AttemptSent: _sent,
    AttemptEnded: _ended,
    AttemptSettled: _settled,
    HoldVoided: _voided,
    GateJudged: _judged,
    ReviewOpened: _opened,
    CallerWaits: _waits,
    ReviewClaimed: _review,
    ReviewReleased: _review,
    ReviewVoted: _review,
    ReviewReminded: _review,
    ReviewEscalated: _review,
    ReviewDecided: _review,
    ReviewConcluded: _review,
    BudgetGranted: _granted,
    AnswerDelivered: _delivered,
    FeedbackGiven: _feedback,
    InvocationFinished: _finished,
}


def feedback_row(fact: FeedbackGiven) -> FeedbackRow:
    return FeedbackRow(fact.inv, fact.at, fact.provider, fact.model, fact.workload, fact.score)


def merge_invocation(known: InvocationRow, new: InvocationRow) -> InvocationRow:
    """What is blank in `new` stays. `upsert_invocations` of the SQL stores says the same."""
    return InvocationRow(
        inv=known.inv,
        at=new.at or known.at,
        endpoint=new.endpoint or known.endpoint,
        key_id=new.key_id or known.key_id,
        workflow=new.workflow or known.workflow,
        agent=new.agent or known.agent,
        run=new.run or known.run,
        requested_model=new.requested_model or known.requested_model,
        model=new.model or known.model,
        provider=new.provider or known.provider,
        rule=new.rule or known.rule,
        tier=new.tier if new.model else known.tier,
        outcome=new.outcome or known.outcome,
        nanos=new.nanos or known.nanos,
        duration_ns=new.duration_ns or known.duration_ns,
    )
