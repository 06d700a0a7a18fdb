"""Folds the facts of reviews into the rows that a store keeps of them. Every store shares this, as the rest of the projection."""

from collections.abc import Iterable
from typing import Final

import msgspec

from orchvynt.model.facts import AnyFact, ReviewConcluded, ReviewDecided, ReviewEscalated, ReviewOpened
from orchvynt.ports.store import ReviewRow, ReviewStatus

ReviewFact = ReviewOpened | ReviewEscalated | ReviewDecided | ReviewConcluded

_STATUS: Final[dict[str, ReviewStatus]] = {"approve": "approved", "reject": "rejected", "expire": "expired"}


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
        )
    if isinstance(fact, ReviewConcluded):
        # What no retry may join is found by its review and its invocation only.
        return known if known is None or fact.joinable else msgspec.structs.replace(known, join_key="")
    if known is None or known.status != "open":
        return known
    if isinstance(fact, ReviewEscalated):
        reviewers = known.reviewers if fact.to in known.reviewers else (*known.reviewers, fact.to)
        return msgspec.structs.replace(known, reviewers=reviewers, escalates_at=0, escalation="")
    status = _STATUS[fact.decision]
    return msgspec.structs.replace(known, status=status, decided_at=fact.at, by=fact.by, reason=fact.reason, granted=fact.granted)


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
            return fact.state
        if isinstance(fact, ReviewDecided) and fact.review == review and decided is None:
            decided = fact.state
        elif isinstance(fact, ReviewOpened) and fact.review == review and opened is None:
            opened = fact.state
    return decided if decided is not None else opened
