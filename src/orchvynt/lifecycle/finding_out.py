"""The answer is there, and gates ask what it does not say by itself: Presidio what is in it, judges how sure it is. Then they judge.

Who holds the answer is answered first. What only looks at it asks after it has gone out, so that nobody waits for that; where the answer
waits for people anyway, before.
INVARIANT: no question leaves a gate open: each has an answer, or is known to have none, before the gates are judged for good.
"""

from orchvynt.decisions.confidence.figures import Sureness
from orchvynt.language.detecting import delivered_text, of_presidio
from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.snapshot import EvaluationError, Gate, Snapshot
from orchvynt.lifecycle.after_delivery import reviewed_later
from orchvynt.lifecycle.answer_values import AnswerValues
from orchvynt.lifecycle.commands import AnyCommand, Close, EndStream, LookInto, Record
from orchvynt.lifecycle.confidence import open_gates, take_figures
from orchvynt.lifecycle.endings import finished, refuse
from orchvynt.lifecycle.events import AnyEvent, StreamEnded
from orchvynt.lifecycle.parking import deliver, give, judge_open_gates, open_review, take_stream
from orchvynt.lifecycle.questions import PURPOSE, ask, question
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.state import Judge, State
from orchvynt.lifecycle.unasked import cannot_be_asked
from orchvynt.model import facts


def weigh_answer(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """A whole answer, settled: what its gates read of it is found out, then they judge."""
    if state.weighs:
        take_figures(snapshot, state)
    return find_out(snapshot, state, event, noted)


def flowed(snapshot: Snapshot, state: State, event: StreamEnded, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """A stream has gone out whole: what the gates that hold nothing say of it, and the reviews that follow."""
    take_stream(snapshot, state, event)
    if not state.later_open or not _hanging(snapshot, state, event, everybody=True):
        return _over(snapshot, state, event, noted, [EndStream()])
    state.given_at = event.at
    return [Record(tuple(noted)), EndStream(), *find_out(snapshot, state, event, [])]


def find_out(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """One question after the other, each asked once, and only if a gate hangs on it."""
    state.judging = None
    if state.weighs or state.looks:
        following = _next_question(snapshot, state, event)
        if following is not None:
            return [Record(tuple(noted)), following] if noted else [following]
    if state.given_at:
        return _over(snapshot, state, event, noted, [])
    return _judged(snapshot, state, event, noted)


def _next_question(snapshot: Snapshot, state: State, event: AnyEvent) -> AnyCommand | None:
    if kinds := _kinds(snapshot, state, event):
        state.phase = "looking"
        return LookInto(kinds, delivered_text(reply_of(snapshot, state)))
    for gate, judge in _judges(snapshot, state, event):
        assert gate.confidence is not None
        if judge.refused:
            state.sureness[gate.confidence.text] = Sureness(None, judge.refused)
            continue
        state.phase = "judging"
        state.judging = asked = question(snapshot, state, judge, event)
        return ask(asked)
    return None


def _judged(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """Judges the gates that had to see the answer; a gate that fails to evaluate closes. Then it goes out, or waits for people."""
    later = [gate.name for gate in _hanging(snapshot, state, event, everybody=True)] if state.later_open else []
    if state.gates_open or state.later_open:
        noted += judge_open_gates(snapshot, state, event, put_off=later)
    if later and (state.gates_matched or state.owed):
        # Who waits for people does not wait for this, and who comes back for what they let go on finds a life that is over.
        return find_out(snapshot, state, event, noted)
    if state.gates_matched:
        if event.away and (fault := cannot_be_asked(state, event, f"gate {state.gates_matched[0]}")):
            return refuse(state, event, fault, noted)
        state.reply = reply_of(snapshot, state)
        return open_review(snapshot, state, event, noted)
    if later:
        return [*give(state, event, noted), *find_out(snapshot, state, event, [])]
    return deliver(snapshot, state, event, noted)


def _over(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact], ending: list[AnyCommand]) -> list[AnyCommand]:
    """What was given is judged by the gates that hold nothing, and the life ends."""
    if state.later_open:
        noted += judge_open_gates(snapshot, state, event)
    opened, queue = reviewed_later(snapshot, state, event)
    state.phase = "done"
    return [Record((*noted, *opened, *finished(state, event, "answered"))), *ending, *queue, Close()]


def give_up(snapshot: Snapshot, state: State, event: AnyEvent, why: str) -> None:
    """Whoever was not heard by now is not heard, and nobody is asked for more."""
    for gate, _ in _judges(snapshot, state, event, everybody=True):
        assert gate.confidence is not None
        state.sureness[gate.confidence.text] = Sureness(None, why)
    if state.looks and not state.unlooked:
        state.unlooked = why


def _kinds(snapshot: Snapshot, state: State, event: AnyEvent) -> tuple[str, ...]:
    """What Presidio was not asked for yet, and a gate hangs on."""
    if not state.looks or state.unlooked:
        return ()
    asked = {kind for gate in _hanging(snapshot, state, event) if gate.when is not None for kind in of_presidio(gate.when.names)}
    return tuple(sorted(asked - state.looked.keys()))


def _judges(snapshot: Snapshot, state: State, event: AnyEvent, everybody: bool = False) -> list[tuple[Gate, Judge]]:
    """The gates that cannot be decided without their judge's word, with the judge."""
    by_name = {judge.model: judge for judge in state.judges}
    found = []
    for gate in _hanging(snapshot, state, event, everybody) if by_name else ():
        confidence = gate.confidence
        if confidence is not None and confidence.source == PURPOSE and confidence.text not in state.sureness:
            found.append((gate, by_name[confidence.of]))
    return found


def _hanging(snapshot: Snapshot, state: State, event: AnyEvent, everybody: bool = False) -> list[Gate]:
    """The open gates that hang on what nobody was asked yet: those that hold the answer, and, where nobody waits for it, or with
    `everybody`, those that only look at it."""
    there = state.reply is not None or state.answer is not None
    if not (state.judges or state.looks) or not there or state.invocation.ask.choices > 1:
        return []
    everybody = everybody or bool(state.given_at or state.gates_matched or state.owed)
    values: AnswerValues | None = None
    found = []
    for gate in open_gates(snapshot, state):
        if gate.when is None or not (everybody or gate.name in state.gates_open) or not _may_ask(state, gate):
            continue
        if gate.stage == "tool_call" and not reply_of(snapshot, state).tool_calls:
            continue
        values = values or AnswerValues(snapshot, state, event)
        values.turn_to(gate)
        try:
            gate.when.evaluate(values)
        except NotKnownYetError:
            found.append(gate)
        except EvaluationError:
            pass  # it closes, whatever anybody would say
    return found


def _may_ask(state: State, gate: Gate) -> bool:
    """Whether the gate reads something that somebody has yet to be asked for."""
    confidence = gate.confidence
    if confidence is not None and confidence.source == PURPOSE and confidence.text not in state.sureness:
        return True
    kinds = of_presidio(gate.when.names) if gate.when is not None and state.looks and not state.unlooked else ()
    return any(kind not in state.looked for kind in kinds)
