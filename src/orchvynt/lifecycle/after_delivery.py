"""Reviews of what the caller has got already: nobody waits for them, and nothing that was delivered changes with them.

INVARIANT: what is decided here is on record, and touches neither the invocation nor its caller.
"""

import msgspec

from orchvynt.decisions.reviews.escalating import next_step
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.asked_gates import asked_gate, own_gate
from orchvynt.lifecycle.commands import AnyCommand, Escalate, Record, ReviewLater
from orchvynt.lifecycle.events import AnyEvent, EscalationDue, Voted
from orchvynt.lifecycle.join_keys import without_body
from orchvynt.lifecycle.opening import opened_at
from orchvynt.lifecycle.review_cases import terms_of
from orchvynt.lifecycle.state import State, encode
from orchvynt.model import facts
from orchvynt.model.faults import Fault


def reviewed_later(snapshot: Snapshot, state: State, event: AnyEvent) -> tuple[list[facts.AnyFact], list[AnyCommand]]:
    """A review for each gate that matched and holds nothing, with a copy of the state for whoever looks at it."""
    opened: list[facts.AnyFact] = []
    queue: list[AnyCommand] = []
    if not state.later_matched:
        return opened, queue
    named = [own_gate(snapshot, name) for name in dict.fromkeys(state.later_matched)]
    for gate in (gate for gate in named if gate is not None):
        copy = _copy(state, keeps_request=snapshot.evidence is not None)
        opened.append(fact := opened_at(gate, copy, event, after_delivery=True))
        state.review_count = copy.review_count
        queue.append(ReviewLater(fact.review, gate.name, fact.escalates_at, terms_of(fact), fact.reminds))
    state.later_matched = []
    return opened, queue


def _copy(state: State, keeps_request: bool) -> State:
    """What a reviewer needs of it: of the answer the canonical form, which any later policy can show, and the request only where the
    policy keeps that as evidence."""
    return msgspec.structs.replace(
        state,
        phase="delivered",
        invocation=without_body(state.invocation),
        request=(state.request or state.invocation.ask.body) if keeps_request else b"",
        answer=None,
        stream_body=b"",
        join_key="",
        owed=False,
        caller_present=False,
        later_matched=[],
    )


def voted(snapshot: Snapshot, state: State, event: Voted) -> list[AnyCommand]:
    """The decision is on record, and that is all."""
    return _decided(state, event, event.decision, event.by, event.reason)


def escalation_due(snapshot: Snapshot, state: State, event: EscalationDue) -> list[AnyCommand]:
    """Nobody decided in time: a further group is asked, or the review is over without anybody's judgement."""
    gate = asked_gate(snapshot, state)
    step = gate.escalation[state.escalations] if gate is not None and state.escalations < len(gate.escalation) else None
    if gate is None or step is None or not step.to:
        return _decided(state, event, "expire", "escalation", "")
    state.escalations += 1
    due, then = next_step(gate, state.review_at, state.escalations)
    escalated = facts.ReviewEscalated(state.invocation.id, event.at, state.review, step.to, due, then)
    return [Record((escalated,)), Escalate(state.review, due, step.to)]


def _decided(state: State, event: AnyEvent, decision: facts.Decision, by: str, reason: str) -> list[AnyCommand]:
    state.phase = "done"
    if decision in ("reject", "expire"):
        code = "review_rejected" if decision == "reject" else "review_expired"
        state.verdict = Fault(code, f"The answer was delivered before it was reviewed at gate {state.review_gate}.")
    return [Record((facts.ReviewDecided(state.invocation.id, event.at, state.review, decision, by, encode(state), reason),))]
