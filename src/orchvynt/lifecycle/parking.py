"""The answer is there: judged by the open gates, then delivered, or parked until people have decided.

INVARIANT: an answer leaves this room only when no gate is open or matched any more.
"""

import msgspec

from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.after_delivery import reviewed_later
from orchvynt.lifecycle.answer_values import answer_values
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
from orchvynt.model import facts


def judge_answer(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """Judges the gates that had to see the answer; a gate that fails to evaluate closes."""
    if state.gates_open or state.later_open:
        noted += judge_open_gates(snapshot, state, event)
    if state.gates_matched:
        state.reply = reply_of(snapshot, state)
        return open_review(snapshot, state, event, noted)
    return deliver(snapshot, state, event, noted)


def kept_for_reviewers(state: State) -> bool:
    """Whether a stream that flows is collected, because a gate that holds nothing still has to see it, or somebody to review it."""
    return bool(state.later_open or state.later_matched) and state.invocation.ask.choices == 1


def flowed(snapshot: Snapshot, state: State, event: StreamEnded) -> tuple[list[facts.AnyFact], list[AnyCommand]]:
    """A stream has gone out whole: what the gates that hold nothing say of it, and the reviews that follow."""
    if event.reply is not None:
        # Of a rescued stream each relay collects its own part.
        before = state.broken.text if state.broken is not None else ""
        state.reply = msgspec.structs.replace(event.reply, text=before + event.reply.text) if before else event.reply
        state.finding = event.finding
        if state.weighs:
            take_figures(snapshot, state)
    noted = judge_open_gates(snapshot, state, event) if state.later_open else []
    opened, queue = reviewed_later(snapshot, state, event)
    return [*noted, *opened], queue


def judge_open_gates(snapshot: Snapshot, state: State, event: AnyEvent) -> list[facts.AnyFact]:
    """What the gates say that had to see the answer."""
    kept = state.answer is not None or state.reply is not None
    values = answer_values(snapshot, state, event)
    return judge_open(snapshot, state, event, values, (lambda: values.reply) if kept else None)


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
    if state.caller_present:
        noted.append(facts.AnswerDelivered(state.invocation.id, event.at, 200, state.candidate.model, state.tier, review=state.review))
    if state.later_matched:
        state.reply = reply_of(snapshot, state)
    opened, queue = reviewed_later(snapshot, state, event)
    noted += [*opened, *finished(state, event, "answered")]
    return [Record(tuple(noted)), Deliver(), *queue, Close()]
