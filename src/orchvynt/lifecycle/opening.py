"""Opens the review of a gate: what its people are told, and who may decide."""

from orchvynt.decisions.reviews.escalating import next_step, reminders
from orchvynt.language.snapshot import Gate
from orchvynt.lifecycle.commands import AnyCommand, Park, Record
from orchvynt.lifecycle.events import AnyEvent
from orchvynt.lifecycle.review_cases import terms_of
from orchvynt.lifecycle.state import State, encode
from orchvynt.model import facts
from orchvynt.model.ids import review_id


def park_at(gate: Gate, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """The invocation waits for this gate's people: with its answer, or before its send, as its phase says. From here on the review
    keeps what is owed."""
    state.owed = False
    opened = opened_at(gate, state, event)
    park = Park(state.review, gate.name, gate.wait_up_to_ns, opened.escalates_at, terms_of(opened), opened.reminds, gate.claim_for_ns)
    return [Record((*noted, opened)), park]


def opened_at(gate: Gate, state: State, event: AnyEvent, after_delivery: bool = False) -> facts.ReviewOpened:
    """The next review of the invocation, on record with the whole state."""
    state.review_count += 1
    state.review = review_id(state.invocation.id, state.review_count)
    state.review_gate = gate.name
    state.review_at = event.at
    state.escalations = 0
    due, escalation = next_step(gate, event.at)
    return facts.ReviewOpened(
        state.invocation.id,
        event.at,
        state.review,
        gate.name,
        (gate.reviewers,),
        state.invocation.caller,
        state.join_key,
        encode(state),
        gate.require_reason,
        due,
        escalation,
        stage=gate.stage,
        quorum=gate.quorum,
        not_requester=gate.not_requester,
        requester=state.invocation.key_owner,
        after_delivery=after_delivery,
        reminds=reminders(gate, event.at),
        claim_for_ns=gate.claim_for_ns,
    )
