"""What follows an attempt: a whole answer, a stream that begins or ends, or a failure and the move after it."""

from orchvynt.decisions.fallback.moves import Failed, GiveUp, NextTier, Retrying, move, rest
from orchvynt.decisions.fallback.outcomes import SILENT
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.admission import can_go_on, next_candidate
from orchvynt.lifecycle.chains import chain_of, fallback_activated
from orchvynt.lifecycle.commands import AnyCommand, Close, EndStream, Flow, KeepAlive, PutToRest, Record, WakeAfter
from orchvynt.lifecycle.endings import finished, refuse
from orchvynt.lifecycle.events import AnswerArrived, AttemptFailed, StreamEnded, StreamStarted
from orchvynt.lifecycle.finding_out import flowed, weigh_answer
from orchvynt.lifecycle.rescue import RESTART, begin_rescue, break_off, prefix_for
from orchvynt.lifecycle.settling import end_answered, end_failed
from orchvynt.lifecycle.state import State, Tried
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model import facts
from orchvynt.model.faults import Fault


def answer_arrived(snapshot: Snapshot, state: State, event: AnswerArrived) -> list[AnyCommand]:
    """A whole answer: settled first, then judged by the gates that are still open."""
    noted = end_answered(snapshot, state, event, event.answer)
    state.answer, state.dropped, state.finding = event.answer, event.dropped, event.finding
    return weigh_answer(snapshot, state, event, noted)


def stream_started(snapshot: Snapshot, state: State, event: StreamStarted) -> list[AnyCommand]:
    """The first content is here: from now on the answer flows, and no other tier may answer in its place."""
    state.phase, state.dropped = "streaming", event.dropped
    state.delivered_tier = state.tier
    prefix, placed, model = prefix_for(snapshot, state), state.placed, candidate_of(state).model
    if prefix is None:
        return [Record((facts.AnswerDelivered(state.invocation.id, event.at, 200, model, state.tier, streaming=True),)), Flow()]
    assert placed is not None
    state.rescues += 1
    rescued = facts.StreamRescued(
        state.invocation.id,
        event.at,
        placed.attempt,
        prefix.method if prefix.text else RESTART,
        state.broken_model,
        model,
        state.tier,
        len(prefix.text.encode("utf-8", "surrogatepass")),
        event.cut_chars,
    )
    return [Record((rescued,)), Flow()]


def stream_ended(snapshot: Snapshot, state: State, event: StreamEnded) -> list[AnyCommand]:
    """The provider's own terminal marker came: only now may the caller get one."""
    noted = end_answered(snapshot, state, event, event.seen, event.delivered_bytes)
    state.dropped = event.dropped
    if state.phase == "attempting":
        state.reply, state.stream_body, state.finding = event.reply, event.body, event.finding
        return weigh_answer(snapshot, state, event, noted)
    whole = facts.StreamEnded(state.invocation.id, event.at, True, bytes=state.delivered_bytes + event.delivered_bytes)
    if state.later_open or state.later_matched:
        return flowed(snapshot, state, event, [*noted, whole])
    state.phase = "done"
    return [Record((*noted, whole, *finished(state, event, "answered"))), EndStream(), Close()]


def attempt_failed(snapshot: Snapshot, state: State, event: AttemptFailed) -> list[AnyCommand]:
    """Ends the attempt on record, returns or settles its hold, and moves on as the chain says."""
    noted = end_failed(snapshot, state, event)
    failure, candidate = event.failure, candidate_of(state)
    if _refused_for_logprobs(state, event):
        state.weighless = (*state.weighless, candidate.model)
        state.phase = "backing_off"
        noted.append(
            facts.RetryScheduled(state.invocation.id, event.at, candidate.model, 0, "it refuses to be asked for log probabilities")
        )
        return [Record(tuple(noted)), WakeAfter(0)]
    ms = (event.mono - state.sent_mono) // 1_000_000
    failed = Failed(
        failure.outcome,
        failure.status,
        failure.retry_after_ns,
        state.retries,
        can_go_on(snapshot, state),
        event.connected,
        event.stale and not state.repeated,
        event.barred_ns > 0,
        event.may_retry,
    )
    # A rest comes before the hold is released: who waited for the hold must not be sent to a model that just asked for peace.
    resting: list[AnyCommand] = []
    pause = rest(failed, snapshot.retry)
    if pause is not None:
        resting.append(PutToRest(candidate.provider, candidate.model, pause))
    # Silence only costs the model its place: whoever comes back may have it asked.
    rests_ns = max(pause.for_ns if pause is not None and failed.outcome not in SILENT else 0, event.barred_ns)
    state.tried.append(Tried(candidate.model, failure.outcome, failure.status, ms, failure.message, rests_ns))
    if state.phase == "streaming" or state.broken is not None:
        return [*resting, *_go_on(snapshot, state, event, failed, noted)]
    following = move(failed, snapshot.retry, chain_of(snapshot, state), event.chance)
    match following:
        case Retrying():
            state.retries += 1
            state.repeated = state.repeated or failed.stale
            state.phase = "backing_off"
            noted.append(facts.RetryScheduled(state.invocation.id, event.at, candidate.model, following.wait_ns, following.why))
            return [*resting, Record(tuple(noted)), WakeAfter(following.wait_ns, not following.free)]
        case NextTier():
            commands = next_candidate(snapshot, state, event)
            if state.phase == "admitting":
                noted.append(fallback_activated(state, event, following.trigger, candidate.model))
            return [*resting, Record(tuple(noted)), *commands]
        case GiveUp():
            return [*resting, Record(tuple(noted)), *_give_up(snapshot, state, event)]


def _refused_for_logprobs(state: State, event: AttemptFailed) -> bool:
    """Whether the provider refused what we, and not the caller, asked for: the request is then sent as the caller wrote it."""
    asked = state.logprobs == "hidden" and candidate_of(state).model not in state.weighless
    return asked and event.failure.outcome == "bad_request" and "logprob" in event.failure.message.lower()


def _go_on(snapshot: Snapshot, state: State, event: AttemptFailed, failed: Failed, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """Part of the answer is out: the next tier goes on with it, or nobody. The same model is asked again only for a stale connection."""
    left = candidate_of(state).model
    if state.phase == "streaming":
        why = begin_rescue(chain_of(snapshot, state), snapshot, state, event, failed)
        state.delivered_bytes += event.delivered_bytes
        if why:
            return break_off(state, event, noted, why)
    elif failed.stale:
        state.repeated = True
        state.ahead.insert(0, state.tier)
    commands = next_candidate(snapshot, state, event)
    if state.phase == "admitting" and candidate_of(state).model != left:
        noted.append(fallback_activated(state, event, failed.outcome, left))
    return [Record(tuple(noted)), KeepAlive(), *commands]


def _give_up(snapshot: Snapshot, state: State, event: AttemptFailed) -> list[AnyCommand]:
    failure = event.failure
    if failure.outcome in ("bad_request", "content_filter"):
        # Not every 4xx is the caller's to see: a status that means something else here becomes a plain 400.
        status = failure.status if failure.status in (400, 404, 409, 413, 415, 422) else 400
        fault = Fault(
            "invalid_request",
            failure.message or f"The provider refused the request with status {failure.status}.",
            f"{candidate_of(state).provider} refused it; no other tier was asked, because the request itself is at fault.",
            detail={"upstream_status": failure.status, "upstream_type": failure.error_type, "upstream_code": failure.error_code},
            status_passed_on=status,
        )
        return refuse(state, event, fault)
    state.ahead.clear()
    state.later.clear()
    state.downgrades = ()
    return next_candidate(snapshot, state, event)
