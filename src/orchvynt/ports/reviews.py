"""What a store keeps of a review beside its facts, and how reviewers ask for it. Read as a part of `ports.store`."""

from typing import Literal, Protocol

import msgspec

from orchvynt.model.facts import Decision, ReviewStage, Vote, Wanted

ReviewStatus = Literal["open", "approved", "rejected", "expired"]


class ReviewRow(msgspec.Struct, frozen=True):
    """`wanted` is what is asked of a budget, None where an answer is judged; `granted` what an approval gave of it, in its unit.
    `escalations` counts the steps that are done; `escalates_at` and `escalation` are the next one. `reminds` are the reminders still to
    come (ns UTC), `reminded` counts those that came. `votes` are those that count: at the end, those that decided it, without texts."""

    review: str
    inv: str
    gate: str
    status: ReviewStatus
    opened_at: int
    decided_at: int
    by: str
    reason: str
    reviewers: tuple[str, ...]
    require_reason: bool
    key_id: str
    join_key: str
    escalates_at: int
    escalation: str
    wanted: Wanted | None = None
    granted: int = 0
    stage: ReviewStage = "output"
    quorum: int = 1
    not_requester: bool = False
    requester: str = ""
    votes: tuple[Vote, ...] = ()
    claimed_by: str = ""
    claimed_until: int = 0
    after_delivery: bool = False
    escalations: int = 0
    decision: Decision | Literal[""] = ""
    reminds: tuple[int, ...] = ()
    reminded: int = 0


class ReviewsAsked(msgspec.Struct, frozen=True):
    """Which reviews are asked for: those that match all of it, ordered by their opening, behind `after` (its instant and review).

    `status` all: decided ones, too. `gate` empty: any. `groups` None: whoever is asked; else those that ask one of these. `claimed` at
    `now` (ns UTC): `yes`, `no`, or by `claimed_by`; empty: either."""

    limit: int
    status: Literal["open", "approved", "rejected", "expired", "all"] = "open"
    gate: str = ""
    groups: frozenset[str] | None = None
    claimed: Literal["", "yes", "no", "by"] = ""
    claimed_by: str = ""
    now: int = 0
    newest_first: bool = False
    after: tuple[int, str] | None = None


class ReviewQueue(Protocol):
    async def reviews_page(self, asked: ReviewsAsked) -> list[ReviewRow]:
        """At most `limit` of those that match, read without the others."""
        ...
