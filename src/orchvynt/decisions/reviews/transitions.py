"""A review as a table of transitions over plain data: it is decided exactly once, and a late vote is told who was first."""

from typing import Literal

from orchvynt.language.snapshot import Gate
from orchvynt.model.facts import Wanted
from orchvynt.model.faults import Fault
from orchvynt.model.money import nanos_of_text, usd_text

Choice = Literal["approve", "reject"]
REASON_CHARS_MAX = 2_000


def check_grant(review: str, choice: Choice, amount: str | None, wanted: Wanted | None) -> int | Fault:
    """What a vote grants, in the unit of what is wanted: one of the amounts that the policy lists, or the only one. 0 where nothing is
    granted. `amount` is as the reviewer wrote it, None where none was."""
    if wanted is None or choice == "reject":
        if amount is None:
            return 0
        why = "a rejection grants nothing" if wanted is not None else f"review {review} asks about an answer, not for more of a budget"
        return Fault("invalid_request", f"An amount cannot be granted here: {why}.", "Leave the amount out.", param="grant")
    listed = ", ".join(amount_text(one, wanted) for one in wanted.grants)
    unit = "USD" if wanted.unit == "usd" else "tokens"
    help = f"Give one of these, in {unit}: {listed}."
    if amount is None:
        if len(wanted.grants) == 1:
            return wanted.grants[0]
        return Fault("invalid_request", f"Review {review} may grant one of several amounts, and none was named.", help, param="grant")
    asked = nanos_of_text(amount) if wanted.unit == "usd" else _tokens(amount)
    if asked is not None and asked in wanted.grants:
        return asked
    return Fault("invalid_request", f"{amount[:40]} {unit} is not an amount that budget {wanted.budget} lists.", help, param="grant")


def amount_text(amount: int, wanted: Wanted) -> str:
    """An amount in the unit of what is wanted: dollars, or tokens."""
    return usd_text(amount) if wanted.unit == "usd" else str(amount)


def _tokens(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


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
