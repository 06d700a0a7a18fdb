"""What becomes of an answer: judged by its open gates, delivered, or parked until people have decided.

INVARIANT: an answer leaves this room only when no gate is open or matched any more.
"""

from collections.abc import Collection

import msgspec

from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.after_delivery import reviewed_later
from orchvynt.lifecycle.answer_values import AnswerValues
from orchvynt.lifecycle.asked_gates import own_gate
from orchvynt.lifecycle.commands import AnyCommand, Close, Deliver, Record
from orchvynt.lifecycle.confidence import take_figures
from orchvynt.lifecycle.endings import finished
from orchvynt.lifecycle.events import AnyEvent, StreamEnded
from orchvynt.lifecycle.gate_verdicts import judge_open
from orchvynt.lifecycle.join_keys import join_key, without_body
from orchvynt.lifecycle.opening import park_at
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model import facts


def kept_for_reviewers(state: State) -> bool:
    """Whether a stream that flows is collected, because a gate that holds nothing still has to see it, or somebody to review it."""
    return bool(state.later_open or state.later_matched) and state.invocation.ask.choices == 1


def take_stream(snapshot: Snapshot, state: State, event: StreamEnded) -> None:
    """A stream has gone out whole: what of it the gates that hold nothing read, where it was kept for them."""
    if event.reply is None:
        return
    # Of a rescued stream each relay collects its own part.
    before = state.broken.text if state.broken is not None else ""
    state.reply = msgspec.structs.replace(event.reply, text=before + event.reply.text) if before else event.reply
    state.finding = event.finding
    if state.weighs:
        take_figures(snapshot, state)


def judge_open_gates(snapshot: Snapshot, state: State, event: AnyEvent, put_off: Collection[str] = ()) -> list[facts.AnyFact]:
    """What the gates say that had to see the answer, but for those that only look at it and are `put_off`."""
    return judge_open(snapshot, state, event, AnswerValues(snapshot, state, event), put_off)


def open_review(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """The answer waits for the first of the gates that matched."""
    gate = own_gate(snapshot, state.gates_matched[0])
    assert gate is not None
    state.join_key = join_key(state)
    if snapshot.evidence is not None:
        state.request = state.request or state.invocation.ask.body
    state.invocation = without_body(state.invocation)
    state.phase = "in_review"
    return park_at(gate, state, event, noted)


def deliver(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """To whoever waits; what is to be reviewed after that is kept for its reviewers."""
    state.phase = "done"
    noted += _delivered(state, event)
    queue: list[AnyCommand] = []
    if state.later_matched:
        state.reply = reply_of(snapshot, state)
        opened, queue = reviewed_later(snapshot, state, event)
        noted += opened
    noted += finished(state, event, "answered")
    return [Record(tuple(noted)), Deliver(), *queue, Close()]


def give(state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """To whoever waits, while gates that only look at the answer have yet to be judged: the life goes on without its caller."""
    state.given_at = event.at
    return [Record((*noted, *_delivered(state, event))), Deliver()]


def _delivered(state: State, event: AnyEvent) -> tuple[facts.AnyFact, ...]:
    if not state.caller_present:
        return ()
    return (facts.AnswerDelivered(state.invocation.id, event.at, 200, candidate_of(state).model, state.tier, review=state.review),)
