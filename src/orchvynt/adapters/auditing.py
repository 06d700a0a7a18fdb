"""Folds the facts of reviews into what the audit says of them, and into what must be dropped later. Every store shares this.

A store does it in the transaction that moves its filed position: what is in the journal becomes an entry exactly once, whenever it dies.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from orchvynt.adapters.reviews import ReviewFact, fold_review
from orchvynt.decisions.audit.entries import AuditRow
from orchvynt.lifecycle.reviewed import ANSWER, contents_of
from orchvynt.model.facts import (
    AnswerDelivered,
    AnyFact,
    ReviewClaimed,
    ReviewConcluded,
    ReviewDecided,
    ReviewEscalated,
    ReviewOpened,
    ReviewReleased,
    ReviewReminded,
    ReviewVoted,
)
from orchvynt.ports.audit import StateDue
from orchvynt.ports.store import ReviewRow

AuditedFact = ReviewFact | AnswerDelivered

DELIVER: Final = "review.deliver"
US: Final = "orchvynt"
ANSWERABLE_NS: Final = 24 * 3_600 * 1_000_000_000
"""So long callers who come back are answered from the state of a decided review."""


def review_notes(known: Mapping[str, ReviewRow], facts: Iterable[AuditedFact], is_delivered: Callable[[str], bool]) -> list[AuditRow]:
    """What is to be noted of facts in their order, given the rows that the store has of their reviews. What changes nothing (a second
    decision, a further delivery) is not noted."""
    rows = dict(known)
    notes: list[AuditRow] = []
    delivered: set[str] = set()
    for fact in facts:
        if isinstance(fact, AnswerDelivered):
            if fact.review not in delivered and not is_delivered(fact.review):
                delivered.add(fact.review)
                notes.append(_delivered(fact))
            continue
        before = rows.get(fact.review)
        after = fold_review(before, fact)
        if after is None:
            continue
        rows[fact.review] = after
        if after != before and not isinstance(fact, ReviewConcluded):
            notes.append(_note(fact, after))
    return notes


def states_due(facts: Iterable[AuditedFact]) -> list[StateDue]:
    """When the states of decided reviews may go: a day after the decision, or after the end of what an approval let go on."""
    due: dict[str, StateDue] = {}
    for fact in facts:
        if isinstance(fact, ReviewDecided | ReviewConcluded):
            due[fact.review] = StateDue(fact.review, fact.inv, fact.at + ANSWERABLE_NS)
    return list(due.values())


def without_states(facts: Iterable[AnyFact], reviews: frozenset[str]) -> list[AnyFact]:
    """The same facts, without the states of these reviews, and without what voters wrote in place of an answer."""
    return [_without_state(fact) if getattr(fact, "review", "") in reviews else fact for fact in facts]


def _without_state(fact: AnyFact) -> AnyFact:
    if isinstance(fact, ReviewDecided):
        return msgspec.structs.replace(fact, state=b"", diff="")
    if isinstance(fact, ReviewOpened | ReviewConcluded):
        return msgspec.structs.replace(fact, state=b"")
    if isinstance(fact, ReviewVoted):
        return msgspec.structs.replace(fact, vote=msgspec.structs.replace(fact.vote, text=""))
    return fact


def _note(fact: ReviewFact, row: ReviewRow) -> AuditRow:
    match fact:
        case ReviewOpened():
            return _opened(fact)
        case ReviewClaimed():
            return AuditRow(fact.at, fact.by, "review.claim", "", fact.review, {"until": str(fact.until)})
        case ReviewReleased():
            return AuditRow(fact.at, fact.by, "review.release", "", fact.review)
        case ReviewVoted():
            said: dict[str, Any] = {"choice": fact.vote.choice, "votes": len(row.votes), "quorum": row.quorum}
            return AuditRow(fact.at, fact.vote.by, "review.vote", fact.vote.reason, fact.review, said)
        case ReviewReminded():
            return AuditRow(fact.at, US, "review.remind", "", fact.review, {"number": fact.number})
        case ReviewEscalated():
            return AuditRow(fact.at, US, "review.escalate", "", fact.review, {"to": fact.to})
        case ReviewDecided():
            return _decided(fact, row)
        case ReviewConcluded():
            raise AssertionError("the end of an invocation is no decision")


def _opened(fact: ReviewOpened) -> AuditRow:
    said: dict[str, Any] = {
        "invocation": fact.inv,
        "gate": fact.gate,
        "stage": fact.stage,
        "reviewers": list(fact.reviewers),
        "quorum": fact.quorum,
        "not_requester": fact.not_requester,
        "after_delivery": fact.after_delivery,
        "key": fact.key_id,
    }
    return AuditRow(fact.at, US, "review.open", "", fact.review, said, contents_of(fact.state))


def _decided(fact: ReviewDecided, row: ReviewRow) -> AuditRow:
    said: dict[str, Any] = {"votes": len(row.votes) + (fact.decision != "expire"), "quorum": row.quorum}
    what = f"review.{fact.decision}"
    if row.wanted is not None and fact.granted:
        said |= {"granted": str(fact.granted), "unit": row.wanted.unit, "budget": row.wanted.budget}
    contents = {}
    if fact.decision in ("edit", "respond"):
        contents = {name: content for name, content in contents_of(fact.state).items() if name == ANSWER}
    return AuditRow(fact.at, US if fact.decision == "expire" else fact.by, what, fact.reason, fact.review, said, contents)


def _delivered(fact: AnswerDelivered) -> AuditRow:
    said = {"invocation": fact.inv, "model": fact.model, "status": fact.status, "streaming": fact.streaming}
    return AuditRow(fact.at, US, DELIVER, "", fact.review, said)
