"""People have decided about a parked answer, or nobody did in time.

INVARIANT: one decision wins; what it lets through is exactly what was decided about.
"""

from orchvynt.decisions.reviews.editing import difference, edited, in_words, rejection
from orchvynt.decisions.reviews.escalating import next_step
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.asked_gates import asked_gate
from orchvynt.lifecycle.commands import AnyCommand, Close, Escalate, Record, Refuse
from orchvynt.lifecycle.endings import finished
from orchvynt.lifecycle.events import AnyEvent, EscalationDue, Voted
from orchvynt.lifecycle.join_keys import without_body
from orchvynt.lifecycle.parking import deliver, open_review
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.state import State, encode
from orchvynt.model import facts
from orchvynt.model.chat import Reply
from orchvynt.model.faults import Fault


def voted(snapshot: Snapshot, state: State, event: Voted) -> list[AnyCommand]:
    """One decision wins; an approval lets exactly this answer through, or the edited one, unless a further gate still wants to see it."""
    if event.decision == "reject":
        return _rejected(snapshot, state, event)
    diff = ""
    if event.decision in ("edit", "respond"):
        before = reply_of(snapshot, state)
        after = edited(before, event.text) if event.decision == "edit" else in_words(before, event.text)
        diff = difference(before.text, after.text)
        _put(state, after, event.decision)
    state.gates_matched.pop(0)
    if not state.gates_matched:
        state.phase = "done"
    decided = facts.ReviewDecided(
        state.invocation.id, event.at, state.review, event.decision, event.by, encode(state), event.reason, diff=diff
    )
    return open_review(snapshot, state, event, [decided]) if state.gates_matched else deliver(snapshot, state, event, [decided])


def _put(state: State, reply: Reply, how: facts.Decision) -> None:
    """From now on this is the answer. The provider's own bytes say something else, so they go."""
    state.reply, state.answer, state.stream_body = reply, None, b""
    state.reworded = how


def _rejected(snapshot: Snapshot, state: State, event: Voted) -> list[AnyCommand]:
    """The caller is refused; or, where the gate says so, told the reviewer's words as a turn of the assistant."""
    named = asked_gate(snapshot, state)
    review, gate = state.review, state.review_gate
    if named is not None and named.rejects_in_words:
        _put(state, in_words(reply_of(snapshot, state), rejection(event.reason, gate)), "reject")
        # What is rejected needs no further gate's approval: nothing of the model's goes out.
        state.gates_matched.clear()
        state.phase = "done"
        decided = facts.ReviewDecided(state.invocation.id, event.at, review, "reject", event.by, encode(state), event.reason)
        return deliver(snapshot, state, event, [decided])
    reason = f": {event.reason}" if event.reason else ""
    fault = Fault(
        "review_rejected",
        f"{event.by} rejected the answer at gate {gate}{reason}.",
        "Change the request; the same one is answered the same.",
        detail={"review": review, "gate": gate, "by": event.by, "reason": event.reason},
    )
    return verdict(state, event, "reject", event.by, event.reason, fault)


def escalation_due(snapshot: Snapshot, state: State, event: EscalationDue) -> list[AnyCommand]:
    """Nobody decided in time: a further group is asked, or the answer is rejected."""
    gate = asked_gate(snapshot, state)
    step = gate.escalation[state.escalations] if gate is not None and state.escalations < len(gate.escalation) else None
    if gate is not None and step is not None and step.to:
        state.escalations += 1
        due, then = next_step(gate, state.review_at, state.escalations)
        escalated = facts.ReviewEscalated(state.invocation.id, event.at, state.review, step.to, due, then)
        return [Record((escalated,)), Escalate(state.review, due, step.to)]
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
