"""What a store gives back at a start of invocations in review: those that people may decide, or callers come back for. Read as a part of
`ports.store`."""

from typing import Protocol

import msgspec

from orchvynt.model.facts import ReviewStage, Vote
from orchvynt.ports.reviews import ReviewStatus


class Departure(msgspec.Struct, frozen=True, gc=False):
    """`left_at` is when its last caller was told to come back, or went away (ns UTC); 0 if none was. `claim_for_ns` is how long from then
    on the same request joins. `process` is where one waits, as far as the record says, or got its answer; empty if none is left."""

    inv: str
    claim_for_ns: int
    left_at: int = 0
    process: str = ""


class ParkedTerms(msgspec.Struct, frozen=True, gc=False):
    """Of a ReviewRow what most reviews of a gate share: rows that have the same share one value."""

    reviewers: tuple[str, ...]
    require_reason: bool
    quorum: int
    not_requester: bool
    requester: str
    stage: ReviewStage


class ParkedRow(msgspec.Struct, frozen=True, gc=False):
    """Of a ReviewRow what a process keeps in memory, and the Departure of its invocation (`waits_at`: its process). `owner` is the process
    that decides about it, empty for none. 100,000 of them are read at a start (bench/open_reviews.py)."""

    review: str
    inv: str
    gate: str
    status: ReviewStatus
    opened_at: int
    decided_at: int
    by: str
    key_id: str
    join_key: str
    escalates_at: int
    escalations: int
    after_delivery: bool
    claimed_by: str
    claimed_until: int
    votes: tuple[Vote, ...]
    reminds: tuple[int, ...]
    reminded: int
    terms: ParkedTerms
    claim_for_ns: int
    left_at: int
    waits_at: str = ""
    owner: str = ""


class ParkedReviews(Protocol):
    async def parked(self, now: int, joinable_ns: int) -> list[ParkedRow]:
        """In the order of their opening: those that are open; and those decided less than `joinable_ns` before `now` (ns UTC), or whose
        last caller left, or was answered by the decision, less than `claim_for_ns` before it. The others are not read into memory."""
        ...
