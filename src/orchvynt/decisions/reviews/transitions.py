"""A review as a table of transitions over plain data: it is decided exactly once, and a late vote is told who was first."""

from typing import Literal

from orchvynt.language.snapshot import Gate
from orchvynt.model.faults import Fault

Choice = Literal["approve", "reject"]
REASON_CHARS_MAX = 2_000


def check_vote(review: str, status: str, decided_by: str, require_reason: bool, reason: str) -> Fault | None:
    """Whether a vote may count; None if it may."""
    if status != "open":
        return Fault(
            "conflict",
            f"Review {review} was {status} by {decided_by or 'nobody'} before this vote; a review is decided once.",
            f"See `orchvynt reviews show {review}`.",
            detail={"review": review, "status": status, "by": decided_by},
        )
    if require_reason and not reason.strip():
        return Fault(
            "invalid_request",
            f"The gate of review {review} requires a reason.",
            "Give one with --reason TEXT.",
            param="reason",
        )
    if len(reason) > REASON_CHARS_MAX:
        return Fault("invalid_request", f"The reason is {len(reason)} characters long; the most is {REASON_CHARS_MAX}.", param="reason")
    return None


def escalates_at(gate: Gate, opened_at: int) -> tuple[int, str]:
    """When the review's one escalation is due (ns UTC; 0: never), and what it is: `reject`, or `to GROUP`."""
    if gate.escalation is None:
        return 0, ""
    return opened_at + gate.escalation.after_ns, f"to {gate.escalation.to}" if gate.escalation.to else "reject"
