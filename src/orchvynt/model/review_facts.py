"""Facts of gates and reviews. They are read as a part of `facts`."""

from typing import Any, Literal

from orchvynt.model.fact import Fact

Decision = Literal["approve", "reject", "expire"]


class GateJudged(Fact, frozen=True, tag="gate_judged"):
    """`verdict` is matched, passed or failed. A gate that failed to evaluate closes."""

    gate: str
    stage: str
    verdict: Literal["matched", "passed", "failed"]
    reads: dict[str, Any] = {}
    problem: str = ""


class ReviewOpened(Fact, frozen=True, tag="review_opened"):
    """The invocation is parked. `state` is its whole state, enough to go on in another process; it holds the answer."""

    review: str
    gate: str
    reviewers: tuple[str, ...]
    key_id: str
    join_key: str
    state: bytes
    require_reason: bool = False
    escalates_at: int = 0
    escalation: str = ""


class ReviewEscalated(Fact, frozen=True, tag="review_escalated"):
    review: str
    to: str


class ReviewDecided(Fact, frozen=True, tag="review_decided"):
    """`by` is `token:NAME` or a person. `state` is the invocation's state after the decision."""

    review: str
    decision: Decision
    by: str
    state: bytes
    reason: str = ""


class CallerWaits(Fact, frozen=True, tag="caller_waits"):
    """`how` is held, pending (answered with hitl_pending), joined or gone."""

    how: Literal["held", "pending", "joined", "gone"]
