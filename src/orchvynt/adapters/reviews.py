"""Folds the facts of reviews into the rows that a store keeps of them. Every store shares this, as the rest of the projection."""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from orchvynt.decisions.reviews.cases import counted
from orchvynt.model.facts import (
    AnyFact,
    ReviewClaimed,
    ReviewConcluded,
    ReviewDecided,
    ReviewEscalated,
    ReviewOpened,
    ReviewReleased,
    ReviewVoted,
)
from orchvynt.ports.store import ReviewRow, ReviewStatus

ReviewFact = ReviewOpened | ReviewClaimed | ReviewReleased | ReviewVoted | ReviewEscalated | ReviewDecided | ReviewConcluded

_STATUS: Final[dict[str, ReviewStatus]] = {
    "approve": "approved",
    "edit": "approved",
    "respond": "approved",
    "reject": "rejected",
    "expire": "expired",
}


def fold_review(known: ReviewRow | None, fact: ReviewFact) -> ReviewRow | None:
    """The row after one more fact. The first decision stands: later ones change nothing. None if the review was never opened."""
    if isinstance(fact, ReviewOpened):
        return known or ReviewRow(
            review=fact.review,
            inv=fact.inv,
            gate=fact.gate,
            status="open",
            opened_at=fact.at,
            decided_at=0,
            by="",
            reason="",
            reviewers=fact.reviewers,
            require_reason=fact.require_reason,
            key_id=fact.key_id,
            join_key=fact.join_key,
            escalates_at=fact.escalates_at,
            escalation=fact.escalation,
            wanted=fact.wanted,
            stage=fact.stage,
            quorum=fact.quorum,
            not_requester=fact.not_requester,
            requester=fact.requester,
            after_delivery=fact.after_delivery,
        )
    if isinstance(fact, ReviewConcluded):
        # What no retry may join is found by its review and its invocation only.
        return known if known is None or fact.joinable else replace(known, join_key="")
    if known is None or known.status != "open":
        return known
    if isinstance(fact, ReviewEscalated):
        reviewers = known.reviewers if fact.to in known.reviewers else (*known.reviewers, fact.to)
        done = known.escalations + 1
        return replace(known, reviewers=reviewers, escalates_at=fact.escalates_at, escalation=fact.escalation, escalations=done)
    if isinstance(fact, ReviewClaimed):
        return replace(known, claimed_by=fact.by, claimed_until=fact.until)
    if isinstance(fact, ReviewReleased):
        return replace(known, claimed_by="", claimed_until=0)
    if isinstance(fact, ReviewVoted):
        return replace(known, votes=counted(known.votes, fact.vote), claimed_by="", claimed_until=0)
    status = _STATUS[fact.decision]
    return replace(known, status=status, decided_at=fact.at, by=fact.by, reason=fact.reason, granted=fact.granted, claimed_by="")


def fold_reviews(known: dict[str, ReviewRow], facts: Iterable[ReviewFact]) -> dict[str, ReviewRow]:
    """The rows that a batch's review facts leave, given the rows that the store has of them."""
    rows = dict(known)
    for fact in facts:
        row = fold_review(rows.get(fact.review), fact)
        if row is not None:
            rows[fact.review] = row
    return rows


def newest_state(facts: Iterable[AnyFact], review: str) -> bytes | None:
    """The state of the end of what `review` let go on, else of the first decision on it, else of its opening; None if none is there."""
    opened: bytes | None = None
    decided: bytes | None = None
    for fact in facts:
        if isinstance(fact, ReviewConcluded) and fact.review == review:
            return fact.state or None
        if isinstance(fact, ReviewDecided) and fact.review == review and decided is None:
            decided = fact.state
        elif isinstance(fact, ReviewOpened) and fact.review == review and opened is None:
            opened = fact.state
    return (decided if decided is not None else opened) or None
