"""The answer is there: judged by the open gates, then delivered, or parked until people have decided.

INVARIANT: an answer leaves this room only when no gate is open or matched any more.
"""

import msgspec

from orchvynt.decisions.routing.names import resolve
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Answer, CallerDialect, UnsupportedError
from orchvynt.language.scope import OutputValues
from orchvynt.language.snapshot import EvaluationError, Snapshot
from orchvynt.lifecycle.after_delivery import reviewed_later
from orchvynt.lifecycle.asked_gates import own_gate
from orchvynt.lifecycle.commands import AnyCommand, Close, Deliver, Record
from orchvynt.lifecycle.endings import finished
from orchvynt.lifecycle.events import AnyEvent, StreamEnded
from orchvynt.lifecycle.join_keys import join_key, without_body
from orchvynt.lifecycle.judging import judge_open
from orchvynt.lifecycle.opening import park_at
from orchvynt.lifecycle.state import State
from orchvynt.model import facts
from orchvynt.model.chat import AnswerFormat, Reply
from orchvynt.model.invocation import Ask
from orchvynt.model.money import NANOS_PER_USD
from orchvynt.model.turns import Digest, digest_of

NANOS_PER_SECOND = 1_000_000_000


def judge_answer(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """Judges the gates that had to see the answer; a gate that fails to evaluate closes."""
    if state.gates_open or state.later_open:
        noted += judge_open_gates(snapshot, state, event)
    if state.gates_matched:
        state.reply = reply_of(snapshot, state)
        return open_review(snapshot, state, event, noted)
    return deliver(snapshot, state, event, noted)


def reply_of(snapshot: Snapshot, state: State) -> Reply:
    """The answer in canonical form."""
    if state.reply is not None:
        return state.reply
    assert state.answer is not None
    model = resolve(snapshot, state.candidate.model)
    assert model is not None
    reply = registry.provider_for(model.provider.wire, state.invocation.dialect).to_reply(state.answer)
    # Anthropic names no instant; the arrival is the one that every reading of this answer agrees on.
    return reply if reply.created_s else msgspec.structs.replace(reply, created_s=state.invocation.at // NANOS_PER_SECOND)


def answer_said(snapshot: Snapshot, state: State) -> Digest:
    """The digest of the answer, by which a request that goes on with it is recognised."""
    if state.reply is None and state.answer is not None and state.answer.said is not None:
        found = state.answer.said
    else:
        reply = reply_of(snapshot, state)
        found = digest_of(reply.text + reply.refusal, [call.id for call in reply.tool_calls if call.id])
    return (found[0], found[1], ()) if state.invocation.dialect in registry.NAMELESS else found


class _AnswerValues(OutputValues):
    """What was read of a whole answer when it came need not be read again: most gates ask how it ended, and nothing else of it."""

    __slots__ = ("answer",)

    answer: Answer | None

    def of_answer(self, name: str) -> object:
        if name == "output.finish" and self.answer is not None:
            return self.answer.finish
        return super().of_answer(name)


def kept_for_reviewers(state: State) -> bool:
    """Whether a stream that flows is collected, because a gate that holds nothing still has to see it, or somebody to review it."""
    return bool(state.later_open or state.later_matched) and state.invocation.ask.choices == 1


def flowed(snapshot: Snapshot, state: State, event: StreamEnded) -> tuple[list[facts.AnyFact], list[AnyCommand]]:
    """A stream has gone out whole: what the gates that hold nothing say of it, and the reviews that follow."""
    if event.reply is not None:
        # Of a rescued stream each relay collects its own part.
        before = state.broken.text if state.broken is not None else ""
        state.reply = msgspec.structs.replace(event.reply, text=before + event.reply.text) if before else event.reply
    noted = judge_open_gates(snapshot, state, event) if state.later_open else []
    opened, queue = reviewed_later(snapshot, state, event)
    return [*noted, *opened], queue


def judge_open_gates(snapshot: Snapshot, state: State, event: AnyEvent) -> list[facts.AnyFact]:
    """What the gates say that had to see the answer."""
    caller = registry.caller(state.invocation.dialect)
    ask = state.invocation.ask
    candidate = state.candidate
    kept = state.answer is not None or state.reply is not None
    values = _AnswerValues(
        state.invocation,
        event.at,
        lambda: caller.input_text(ask),
        lambda: reply_of(snapshot, state),
        candidate.model,
        candidate.provider,
        candidate.tier,
        state.nanos / NANOS_PER_USD,
        (event.mono - state.started_mono) / 1_000_000,
        rescued=state.rescues > 0,
        zone=snapshot.timezone,
        asked_format=lambda: _asked_format(caller, ask),
    )
    values.answer = state.answer
    return judge_open(snapshot, state, event, values, (lambda: values.reply) if kept else None)


def _asked_format(caller: CallerDialect, ask: Ask) -> AnswerFormat | None:
    """The form that the caller asked the answer to have. Raises EvaluationError where its request cannot be read for it."""
    if not ask.wants_json_schema:
        return None
    try:
        return caller.chat(ask).answer_format
    except UnsupportedError as error:
        raise EvaluationError("what the answer must fit cannot be read from this request") from error


def open_review(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """The answer waits for the first of the gates that matched."""
    gate = own_gate(snapshot, state.gates_matched[0])
    assert gate is not None
    state.join_key = join_key(state)
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
