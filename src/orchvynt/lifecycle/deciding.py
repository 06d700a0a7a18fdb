"""People have decided about a parked answer, or nobody did in time.

INVARIANT: one decision wins; what it lets through is exactly what was decided about.
"""

from orchvynt.decisions.reviews.escalating import next_step
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.asked_gates import asked_gate
from orchvynt.lifecycle.commands import AnyCommand, Close, Escalate, Record, Refuse
from orchvynt.lifecycle.endings import finished
from orchvynt.lifecycle.events import AnyEvent, EscalationDue, Voted
from orchvynt.lifecycle.join_keys import without_body
from orchvynt.lifecycle.parking import deliver, open_review
from orchvynt.lifecycle.state import State, encode
from orchvynt.model import facts
from orchvynt.model.faults import Fault


def voted(snapshot: Snapshot, state: State, event: Voted) -> list[AnyCommand]:
    """One decision wins; an approval lets exactly this answer through, unless a further gate still wants to see it."""
    review, gate = state.review, state.review_gate
    if event.decision == "reject":
        reason = f": {event.reason}" if event.reason else ""
        fault = Fault(
            "review_rejected",
            f"{event.by} rejected the answer at gate {gate}{reason}.",
            "Change the request; the same one is answered the same.",
            detail={"review": review, "gate": gate, "by": event.by, "reason": event.reason},
        )
        return verdict(state, event, "reject", event.by, event.reason, fault)
    state.gates_matched.pop(0)
    if state.gates_matched:
        decided = facts.ReviewDecided(state.invocation.id, event.at, review, "approve", event.by, encode(state), event.reason)
        return open_review(snapshot, state, event, [decided])
    state.phase = "done"
    decided = facts.ReviewDecided(state.invocation.id, event.at, review, "approve", event.by, encode(state), event.reason)
    return deliver(snapshot, state, event, [decided])


def escalation_due(snapshot: Snapshot, state: State, event: EscalationDue) -> list[AnyCommand]:
    """Nobody decided in time: a further group is asked, or the answer is rejected."""
    gate = asked_gate(snapshot, state)
    step = gate.escalation[state.escalations] if gate is not None and state.escalations < len(gate.escalation) else None
    if gate is not None and step is not None and step.to:
        state.escalations += 1
        due, then = next_step(gate, state.review_at, state.escalations)
        escalated = facts.ReviewEscalated(state.invocation.id, event.at, state.review, step.to, due, then)
        return [Record((escalated,)), Escalate(state.review, due)]
    fault = Fault(
        "review_expired",
        f"Nobody decided review {state.review} of gate {state.review_gate} in time, and the gate rejects then.",
        "Ask the reviewers to look sooner, or lengthen `escalation.after`.",
        detail={"review": state.review, "gate": state.review_gate},
    )
    return verdict(state, event, "expire", "escalation", "", fault)


def verdict(state: State, event: AnyEvent, decision: facts.Decision, by: str, reason: str, fault: Fault) -> list[AnyCommand]:
    """The review is decided against the invocation: every caller is told `fault`, now and later."""
    state.phase = "done"
    state.verdict = fault
    state.invocation = without_body(state.invocation)
    decided = facts.ReviewDecided(state.invocation.id, event.at, state.review, decision, by, encode(state), reason)
    refused = facts.InvocationRefused(state.invocation.id, event.at, fault.code, fault.status, fault.message, fault.detail)
    return [Record((decided, refused, *finished(state, event, "refused"))), Refuse(fault), Close()]
