"""The answer is there, and gates ask how sure it is: read of the answer, or asked of a judge, a model that answers with a number.

The question is an attempt of its own, with a life within the life (`State.judging`): held at the judge's price on every budget that
applies before it is sent, and settled after. Whatever comes of it, the answer is judged: without a number the confidence is unknown.
INVARIANT: no figure leaves a gate open: each source has one, known or unknown, before the gates are judged for good.
"""

import msgspec

from orchvynt.catalog.reasoning import reasons
from orchvynt.decisions.budgets.refusals import detail
from orchvynt.decisions.confidence import judges
from orchvynt.decisions.confidence.figures import Sureness
from orchvynt.decisions.fallback.moves import Failed, rest
from orchvynt.decisions.routing.names import resolve
from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Reading
from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.snapshot import EvaluationError, Gate, Model, Snapshot
from orchvynt.lifecycle import admission
from orchvynt.lifecycle.answer_values import answer_values
from orchvynt.lifecycle.commands import Admit, AnyCommand, CancelAttempt, Close, ForJudge, LeaveQueue, PutToRest, Record, Send
from orchvynt.lifecycle.confidence import open_gates, take_figures
from orchvynt.lifecycle.endings import finished
from orchvynt.lifecycle.events import (
    Admitted,
    AnswerArrived,
    AnyEvent,
    AttemptFailed,
    CallerGone,
    DeadlinePassed,
    HoldsAwaited,
    NotAdmitted,
    ShutDown,
)
from orchvynt.lifecycle.parking import judge_answer
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.settling import end_answered, end_failed, settle_unknown
from orchvynt.lifecycle.state import Judge, State
from orchvynt.lifecycle.waiting_callers import caller_wait_elapsed
from orchvynt.model import facts
from orchvynt.model.candidates import CandidateChosen
from orchvynt.model.ids import attempt_id

PURPOSE = "judge"
OUTPUT_TOKENS = 64
# Of models that may think before they write the number: those of OpenAI that reason, and whatever else is served.
OUTPUT_TOKENS_THINKING = 2_048


def weigh_answer(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """A whole answer, settled: what its gates read of it is found out, then they judge."""
    if not state.weighs:
        return judge_answer(snapshot, state, event, noted)
    take_figures(snapshot, state)
    return _next_judge(snapshot, state, event, noted)


def _next_judge(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """One judge is asked after the other, each once, and only if a gate hangs on it."""
    state.judging = None
    for gate, judge in _wanted(snapshot, state, event):
        assert gate.confidence is not None
        if judge.refused:
            state.sureness[gate.confidence.text] = Sureness(None, judge.refused)
            continue
        state.phase = "judging"
        state.judging = question = _question(snapshot, state, judge, event)
        return [Record(tuple(noted)), _ask(question)] if noted else [_ask(question)]
    return judge_answer(snapshot, state, event, noted)


def _wanted(snapshot: Snapshot, state: State, event: AnyEvent) -> list[tuple[Gate, Judge]]:
    """The gates that cannot be decided without their judge's word, with the judge."""
    if not state.judges:
        return []
    values = answer_values(snapshot, state, event)
    by_name = {judge.model: judge for judge in state.judges}
    found = []
    for gate in open_gates(snapshot, state):
        confidence = gate.confidence
        if gate.name not in state.gates_open:
            continue  # it holds nothing, so nobody waits for what a judge would say
        if confidence is None or confidence.source != PURPOSE or confidence.text in state.sureness or gate.when is None:
            continue
        if gate.stage == "tool_call" and not reply_of(snapshot, state).tool_calls:
            continue
        try:
            gate.when.evaluate(values)
        except NotKnownYetError:
            found.append((gate, by_name[confidence.of]))
        except EvaluationError:
            pass  # it closes, whatever the judge would say
    return found


def _question(snapshot: Snapshot, state: State, judge: Judge, event: AnyEvent) -> State:
    """The life of one question. It stands on the budgets of the invocation, and is no invocation more on any of them."""
    model = resolve(snapshot, judge.model)
    assert model is not None
    invocation = state.invocation
    reply = reply_of(snapshot, state)
    calls = [(call.name, call.arguments) for call in reply.tool_calls]
    request = registry.caller(invocation.dialect).input_text(invocation.ask)
    case = judges.case(request, reply.text or reply.refusal, calls, invocation.id)
    read = registry.caller("openai_chat").read(_body(model, judge.model, case))
    assert isinstance(read, Reading), "what is asked of a judge is a well-formed request"
    return State(
        msgspec.structs.replace(invocation, dialect="openai_chat", ask=read.ask),
        phase="admitting",
        policy_version=state.policy_version,
        candidates=(CandidateChosen(1, judge.model, judge.provider, PURPOSE),),
        tier=1,
        attempt_count=state.attempt_count + state.judged,
        started_mono=event.mono,
        applied=[msgspec.structs.replace(one, prompt="") for one in state.applied],
        counted=True,
        purpose=PURPOSE,
    )


def _body(model: Model, name: str, case: str) -> bytes:
    kind, thinks = model.provider.kind, reasons(model.upstream_model)
    body: dict[str, object] = {
        "model": name,
        "messages": [{"role": "system", "content": judges.rules()}, {"role": "user", "content": case}],
        "max_tokens": OUTPUT_TOKENS if kind in ("openai", "anthropic") and not thinks else OUTPUT_TOKENS_THINKING,
    }
    if not thinks:
        body["temperature"] = 0
    if model.capabilities.json_schema:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": judges.FIELD, "strict": True, "schema": judges.SCHEMA},
        }
    return msgspec.json.encode(body)


def _ask(question: State) -> ForJudge:
    # There is nobody else to ask, so whatever would only cost it its place is forgiven.
    question.phase = "admitting"
    name = question.candidate.model
    return ForJudge(Admit(1, name, attempt_id(question.invocation.id, question.attempt_count + 1), at_last=True))


def _asked(state: State) -> State:
    assert state.judging is not None
    return state.judging


def admitted(snapshot: Snapshot, state: State, event: Admitted) -> list[AnyCommand]:
    """The hold of the question stands: on record with it, and only then sent."""
    following = admission.admitted(snapshot, _asked(state), event)
    state.judged += 1
    return [ForJudge(command) if isinstance(command, Send) else command for command in following]


def holds_awaited(snapshot: Snapshot, state: State, event: HoldsAwaited) -> list[AnyCommand]:
    return admission.holds_awaited(snapshot, _asked(state), event)


def not_admitted(snapshot: Snapshot, state: State, event: NotAdmitted) -> list[AnyCommand]:
    """No room on a budget, or the judge rests: unknown, and nobody is asked for more."""
    name = _asked(state).candidate.model
    if event.short is not None:
        why = f"budget {detail(event.short)['budget']} has no room for {name}"
    else:
        why = event.detail or f"{name} cannot be asked now ({event.why}{f': {event.rest_why}' if event.rest_why else ''})"
    return _unknown(snapshot, state, event, [], why)


def answer_arrived(snapshot: Snapshot, state: State, event: AnswerArrived) -> list[AnyCommand]:
    """The judge has spoken: settled, and a number, or not."""
    question = _asked(state)
    noted = end_answered(snapshot, question, event)
    question.answer = event.answer
    found = judges.verdict(reply_of(snapshot, question).text)
    return _found(snapshot, state, event, noted, found)


def attempt_failed(snapshot: Snapshot, state: State, event: AttemptFailed) -> list[AnyCommand]:
    """Asked again only where a kept-alive connection had been closed already; else unknown."""
    question, failure = _asked(state), event.failure
    noted = end_failed(snapshot, question, event)
    if event.stale and not question.repeated:
        question.repeated = True
        name, closed = question.candidate.model, "the kept-alive connection was closed"
        noted.append(facts.RetryScheduled(state.invocation.id, event.at, name, 0, closed))
        state.nanos += question.nanos
        question.nanos = 0
        question.counted = True
        return [Record(tuple(noted)), _ask(question)]
    pause = rest(Failed(failure.outcome, failure.status, failure.retry_after_ns, 0, False, event.connected), snapshot.retry)
    candidate = question.candidate
    resting: list[AnyCommand] = [PutToRest(candidate.provider, candidate.model, pause)] if pause is not None else []
    return [*resting, *_unknown(snapshot, state, event, noted, f"{candidate.model} gave no judgement ({failure.outcome})")]


def caller_gone(snapshot: Snapshot, state: State, event: CallerGone) -> list[AnyCommand]:
    """Nobody waits for the answer any more; one that is owed is judged all the same."""
    if state.owed:
        state.caller_present = False
        return [Record((facts.CallerWaits(state.invocation.id, event.at, "gone"),))]
    left = facts.CallerLeft(state.invocation.id, event.at, "judging")
    stop, settled = _stop(snapshot, state, event, "the caller left")
    state.phase = "done"
    return [Record((left, *settled, *finished(state, event, "cancelled"))), stop, Close()]


def time_up(snapshot: Snapshot, state: State, event: DeadlinePassed | ShutDown) -> list[AnyCommand]:
    """The answer is there and paid, so it is not thrown away: who was not heard by now is not heard."""
    why = "the server stopped" if isinstance(event, ShutDown) else "no judgement within `timeouts.invocation`"
    stop, noted = _stop(snapshot, state, event, why)
    for gate, _ in _wanted(snapshot, state, event):
        assert gate.confidence is not None
        state.sureness[gate.confidence.text] = Sureness(None, why)
    commands = judge_answer(snapshot, state, event, list(noted))
    commands.insert(1, stop)
    if isinstance(event, ShutDown) and state.phase == "in_review":
        commands += caller_wait_elapsed(snapshot, state, event)
    return commands


def _stop(
    snapshot: Snapshot, state: State, event: CallerGone | DeadlinePassed | ShutDown, why: str
) -> tuple[ForJudge, tuple[facts.AnyFact, ...]]:
    """Ends the question: what was sent is settled at its bound."""
    question = _asked(state)
    state.judging = None
    if question.phase != "attempting":
        return ForJudge(LeaveQueue()), ()
    settled = settle_unknown(snapshot, question, event, None, f"outcome unknown: {why}")
    state.nanos += question.nanos
    return ForJudge(CancelAttempt()), settled


def _unknown(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact], why: str) -> list[AnyCommand]:
    return _found(snapshot, state, event, noted, Sureness(None, why))


def _found(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact], found: Sureness) -> list[AnyCommand]:
    question = _asked(state)
    attempt = attempt_id(state.invocation.id, question.attempt_count) if question.phase == "attempting" else ""
    state.sureness[f"{PURPOSE}:{question.candidate.model}"] = msgspec.structs.replace(found, attempt=attempt)
    state.nanos += question.nanos
    return _next_judge(snapshot, state, event, noted)
