"""A judge is being asked about an answer: its hold, its attempt, and what comes of them, are those of every attempt.

Whatever comes of it, the answer is judged: without a number the confidence is unknown.
"""

import msgspec

from orchvynt.decisions.budgets.refusals import detail
from orchvynt.decisions.confidence import judges
from orchvynt.decisions.confidence.figures import Sureness
from orchvynt.decisions.fallback.moves import Failed, rest
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle import admission
from orchvynt.lifecycle.commands import AnyCommand, CancelAttempt, Close, ForJudge, LeaveQueue, PutToRest, Record, Send
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
from orchvynt.lifecycle.finding_out import find_out, give_up
from orchvynt.lifecycle.questions import PURPOSE, ask
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.settling import end_answered, end_failed, settle_unknown
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.lifecycle.waiting_callers import caller_wait_elapsed
from orchvynt.model import facts
from orchvynt.model.ids import attempt_id


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
    name = candidate_of(_asked(state)).model
    if event.short is not None:
        why = f"budget {detail(event.short)['budget']} has no room for {name}"
    else:
        why = event.detail or f"{name} cannot be asked now ({event.why}{f': {event.rest_why}' if event.rest_why else ''})"
    return _unknown(snapshot, state, event, [], why)


def answer_arrived(snapshot: Snapshot, state: State, event: AnswerArrived) -> list[AnyCommand]:
    """The judge has spoken: settled, and a number, or not."""
    question = _asked(state)
    noted = end_answered(snapshot, question, event, event.answer)
    question.answer = event.answer
    found = judges.verdict(reply_of(snapshot, question).text)
    return _found(snapshot, state, event, noted, found)


def attempt_failed(snapshot: Snapshot, state: State, event: AttemptFailed) -> list[AnyCommand]:
    """Asked again only where a kept-alive connection had been closed already; else unknown."""
    question, failure = _asked(state), event.failure
    noted = end_failed(snapshot, question, event)
    if event.stale and not question.repeated:
        question.repeated = True
        name, closed = candidate_of(question).model, "the kept-alive connection was closed"
        noted.append(facts.RetryScheduled(state.invocation.id, event.at, name, 0, closed))
        state.nanos += question.nanos
        question.nanos = 0
        question.counted = True
        return [Record(tuple(noted)), ask(question)]
    pause = rest(Failed(failure.outcome, failure.status, failure.retry_after_ns, 0, False, event.connected), snapshot.retry)
    candidate = candidate_of(question)
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
    give_up(snapshot, state, event, why)
    commands = find_out(snapshot, state, event, list(noted))
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
    state.sureness[f"{PURPOSE}:{candidate_of(question).model}"] = msgspec.structs.replace(found, attempt=attempt)
    state.nanos += question.nanos
    return find_out(snapshot, state, event, noted)
