"""The answer is there: judged by the open gates, then delivered, or parked until people have decided.

INVARIANT: an answer leaves this room only when no gate is open or matched any more.
"""

import msgspec

from orchvynt.decisions.confidence.figures import Sureness
from orchvynt.decisions.gates.judgement import judge
from orchvynt.decisions.reviews.escalating import next_step
from orchvynt.decisions.routing.names import resolve
from orchvynt.decisions.unusual.baselines import Finding
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Answer, CallerDialect, UnsupportedError
from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.scope import OutputValues, recorded
from orchvynt.language.snapshot import EvaluationError, Gate, Snapshot
from orchvynt.lifecycle.commands import AnyCommand, Close, Deliver, Park, Record
from orchvynt.lifecycle.endings import finished
from orchvynt.lifecycle.events import (
    AnyEvent,
)
from orchvynt.lifecycle.join_keys import join_key, without_body
from orchvynt.lifecycle.state import State, encode
from orchvynt.model import facts
from orchvynt.model.chat import AnswerFormat, Reply
from orchvynt.model.ids import review_id
from orchvynt.model.invocation import Ask
from orchvynt.model.money import NANOS_PER_USD
from orchvynt.model.turns import Digest, digest_of

NANOS_PER_SECOND = 1_000_000_000
UNASKED = Sureness(None, "nobody was asked")


def judge_answer(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """Judges the gates that had to see the answer; a gate that fails to evaluate closes."""
    if state.gates_open:
        noted += _judge_open(snapshot, state, event)
    if state.gates_matched:
        state.reply = reply_of(snapshot, state)
        return open_review(snapshot, state, event, noted)
    return deliver(state, event, noted)


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

    __slots__ = ("answer", "finding", "sureness", "unsure")

    answer: Answer | None
    finding: Finding | None
    # What the gate under way knows of the confidence, None where nothing is known yet; and whether it asked in vain.
    sureness: Sureness | None
    unsure: bool

    def turn_to(self, gate: Gate, state: State) -> None:
        """From now on this gate reads: each has its own confidence."""
        self.pop("confidence", None)
        self.unsure = False
        self.sureness = state.sureness.get(gate.confidence.text) if gate.confidence is not None else None

    def of_answer(self, name: str) -> object:
        if name == "confidence":
            if self.sureness is None or self.sureness.value is None:
                self.unsure = True
                why = self.sureness.why if self.sureness is not None else "nobody was asked"
                raise NotKnownYetError(f"the confidence is unknown: {why}")
            return self.sureness.value
        if name == "unusual":
            return self.finding is not None and bool(self.finding.unusual)
        if name == "output.finish" and self.answer is not None:
            return self.answer.finish
        return super().of_answer(name)


def answer_values(snapshot: Snapshot, state: State, event: AnyEvent) -> _AnswerValues:
    """What expressions read of the answer that is there. Until `turn_to` its confidence is unknown."""
    caller = registry.caller(state.invocation.dialect)
    ask = state.invocation.ask
    candidate = state.candidate
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
        zone=snapshot.timezone,
        asked_format=lambda: _asked_format(caller, ask),
    )
    values.answer = state.answer
    values.finding = state.finding
    values.sureness, values.unsure = None, False
    return values


def _judge_open(snapshot: Snapshot, state: State, event: AnyEvent) -> list[facts.AnyFact]:
    values = answer_values(snapshot, state, event)
    open_gates, state.gates_open = state.gates_open, []
    noted: list[facts.AnyFact] = []
    asked: dict[str, list[str]] = {}
    for gate in snapshot.gates:
        if gate.name not in open_gates:
            continue
        values.turn_to(gate, state)
        judged = judge(gate, values)
        read = recorded(values)
        if values.unsure:
            read["unknown"] = sorted([*read.get("unknown", ()), "confidence"])
        if gate.confidence is not None and (values.unsure or "confidence" in read):
            asked.setdefault(gate.confidence.text, []).append(gate.name)
        if len(open_gates) > 1:
            names = {*gate.when.names, "unknown"} if gate.when is not None else set()
            read = {name: value for name, value in read.items() if name in names}
        noted.append(facts.GateJudged(state.invocation.id, event.at, gate.name, gate.stage, judged.verdict, read, judged.problem))
        if judged.closes:
            state.gates_matched.append(gate.name)
    noted = [*_read_of_answer(state, event, values, asked), *noted]
    if len(state.gates_matched) > 1:
        order = [gate.name for gate in snapshot.gates]
        state.gates_matched.sort(key=order.index)
    return noted


def _asked_format(caller: CallerDialect, ask: Ask) -> AnswerFormat | None:
    """The form that the caller asked the answer to have. Raises EvaluationError where its request cannot be read for it."""
    if not ask.wants_json_schema:
        return None
    try:
        return caller.chat(ask).answer_format
    except UnsupportedError as error:
        raise EvaluationError("what the answer must fit cannot be read from this request") from error


def _read_of_answer(state: State, event: AnyEvent, values: _AnswerValues, asked: dict[str, list[str]]) -> list[facts.AnyFact]:
    """How sure the answer is, by each source that gates read, and how it compares with its model's others, if one read that."""
    candidate, noted = state.candidate, list[facts.AnyFact]()
    for source, gates in asked.items():
        known = state.sureness.get(source, UNASKED)
        told = (source, known.value, tuple(gates), candidate.model, candidate.provider, known.why, known.attempt, known.textless)
        noted.append(facts.ConfidenceTaken(state.invocation.id, event.at, *told))
    if "unusual" in values:
        found = state.finding or Finding()
        compared = (found.unusual, found.samples, found.measured, found.figures)
        noted.append(facts.AnswerMeasured(state.invocation.id, event.at, candidate.model, *compared))
    return noted


def open_review(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    gate = _gate(snapshot, state.gates_matched[0])
    state.join_key = join_key(state)
    if snapshot.evidence is not None:
        state.request = state.request or state.invocation.ask.body
    state.invocation = without_body(state.invocation)
    state.phase = "in_review"
    # From here on the review keeps the answer.
    state.owed = False
    state.review_count += 1
    state.review = review_id(state.invocation.id, state.review_count)
    state.review_gate = gate.name
    state.review_at = event.at
    state.escalations = 0
    due, escalation = next_step(gate, event.at)
    opened = facts.ReviewOpened(
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
    )
    return [Record((*noted, opened)), Park(state.review, gate.name, gate.wait_up_to_ns, due)]


def _gate(snapshot: Snapshot, name: str) -> Gate:
    return next(gate for gate in snapshot.gates if gate.name == name)


def deliver(state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    state.phase = "done"
    if state.caller_present:
        noted.append(facts.AnswerDelivered(state.invocation.id, event.at, 200, state.candidate.model, state.tier, review=state.review))
    noted += finished(state, event, "answered")
    return [Record(tuple(noted)), Deliver(), Close()]
