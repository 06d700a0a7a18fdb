"""What a store keeps of a review beside its facts. Read as a part of `ports.store`."""

from typing import Literal

import msgspec

from orchvynt.model.facts import ReviewStage, Vote, Wanted

ReviewStatus = Literal["open", "approved", "rejected", "expired"]


class ReviewRow(msgspec.Struct, frozen=True):
    """`wanted` is what is asked of a budget, None where an answer is judged; `granted` what an approval gave of it, in its unit.
    `escalations` counts the steps that are done; `escalates_at` and `escalation` are the next one."""

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
