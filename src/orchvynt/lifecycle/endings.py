"""How a life ends without an answer: refusals, the list of what failed, and callers that left."""

from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.before_send import concluded, cut_off
from orchvynt.lifecycle.beginning import received
from orchvynt.lifecycle.commands import AnyCommand, BreakStream, CancelAttempt, Close, LeaveQueue, Record, Refuse
from orchvynt.lifecycle.downgrading import decisive_fault
from orchvynt.lifecycle.events import AnyEvent, CallerGone, DeadlinePassed, ShutDown
from orchvynt.lifecycle.settling import settle_unknown
from orchvynt.lifecycle.state import State, Tried
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model import facts
from orchvynt.model.faults import Fault

RETRY_AFTER_MOST_S = 120


def refuse(state: State, event: AnyEvent, fault: Fault, noted: list[facts.AnyFact] | None = None) -> list[AnyCommand]:
    """The invocation ends with a fault before any byte of an answer went out."""
    state.phase = "done"
    state.verdict = fault
    failed = fault.kind.blame == "upstream"
    refused = facts.InvocationRefused(state.invocation.id, event.at, fault.code, fault.status, fault.message, fault.detail)
    return [
        Record((*(noted or ()), refused, *finished(state, event, "failed" if failed else "refused"))),
        Refuse(fault),
        Close(),
    ]


def all_failed(state: State, event: AnyEvent) -> list[AnyCommand]:
    """No candidate is left. If none was even tried, the first candidate's own refusal says why."""
    if not state.tried and not state.later:
        fault = decisive_fault(state)
        if fault is not None:
            return refuse(state, event, fault)
    last = state.tried[-1] if state.tried else None
    if last is not None and all(tried.trigger == "policy" for tried in state.tried):
        return refuse(state, event, Fault("unsupported", f"No model of the plan can take this request: {last.message.rstrip('.')}."))
    if last is not None and all(tried.trigger == "context_length" for tried in state.tried):
        return refuse(state, event, Fault("context_length", f"The request is too long for {last.model}: {last.message}"))
    said = [f"{tried.model}: {tried.trigger}" + (f" ({tried.upstream_status})" if tried.upstream_status else "") for tried in state.tried]
    said += [f"{skipped.model}: skipped, {skipped.why}" for skipped in state.skipped]
    # What was last said of each model; the first of them that may be asked again is worth coming back for.
    rests = {tried.model: tried.rests_ns for tried in state.tried}
    rests |= {state.candidates[later.tier - 1].model: later.rests_ns for later in state.later}
    wait_s = max(1, -(-min(rests.values()) // 1_000_000_000)) if rests else 1
    detail = {
        "attempts": _attempts(state),
        "skipped": [{"model": skipped.model, "why": skipped.why} for skipped in state.skipped],
    }
    fault = Fault(
        "all_providers_failed",
        f"No tier answered: {'; '.join(said)}.",
        f"See `orchvynt explain {state.invocation.id}`.",
        detail=detail,
        retry_after_seconds=wait_s,
        retry=wait_s <= RETRY_AFTER_MOST_S,
    )
    return refuse(state, event, fault)


def _attempts(state: State) -> list[dict[str, str | int]]:
    """Each attempt that gave no answer, as error bodies list them."""
    return [
        {
            "model": tried.model,
            "trigger": tried.trigger,
            "upstream_status": tried.upstream_status,
            "ms": tried.ms,
            "message": tried.message,
        }
        for tried in state.tried
    ]


def caller_gone(snapshot: Snapshot, state: State, event: CallerGone) -> list[AnyCommand]:
    """Nobody waits any more: the attempt is cancelled at once, and settled at no less than what was consumed. An answer that is owed is
    kept for whoever comes back."""
    if state.owed:
        state.caller_present = False
        return [Record((facts.CallerWaits(state.invocation.id, event.at, "gone"),))]
    where = state.phase
    left = facts.CallerLeft(state.invocation.id, event.at, where)
    return _stop(snapshot, state, event, left, "cancelled", "the caller left")


def left_at_once(snapshot: Snapshot, state: State, event: CallerGone) -> list[AnyCommand]:
    """It left before the first step: what came is on record, and nothing is routed, held or sent for nobody."""
    left = facts.CallerLeft(state.invocation.id, event.at, state.phase)
    state.policy_version, state.phase = snapshot.version, "done"
    return [Record((received(snapshot, state), left, *finished(state, event, "cancelled"))), Close()]


def deadline_passed(snapshot: Snapshot, state: State, event: DeadlinePassed) -> list[AnyCommand]:
    """`timeouts.invocation` is over and the caller has not got a byte."""
    seconds = f"{snapshot.timeouts.invocation_ns / 1_000_000_000:g}"
    if state.phase == "attempting":
        state.tried.append(
            Tried(candidate_of(state).model, "timeout", 0, (event.mono - state.sent_mono) // 1_000_000, "`timeouts.invocation`")
        )
    fault = Fault(
        "all_providers_failed",
        f"No answer within {seconds} s (`timeouts.invocation`).",
        f"See `orchvynt explain {state.invocation.id}`.",
        detail={"attempts": _attempts(state)},
        retry_after_seconds=1,
        retry=True,
    )
    return _interrupt(snapshot, state, event, fault)


def shut_down(snapshot: Snapshot, state: State, event: ShutDown) -> list[AnyCommand]:
    """The process stops: nothing stays held, and no stream ends as if it were whole."""
    if state.owed:
        fault = cut_off(state.review, state.attempt_count > 0)
    else:
        fault = Fault("overloaded", "This server is shutting down.", "Send the request again.", retry_after_seconds=1)
    return _interrupt(snapshot, state, event, fault)


def _interrupt(snapshot: Snapshot, state: State, event: DeadlinePassed | ShutDown, fault: Fault) -> list[AnyCommand]:
    streaming = state.phase == "streaming" or state.broken is not None
    refused = facts.InvocationRefused(state.invocation.id, event.at, fault.code, fault.status, fault.message, fault.detail)
    noted: facts.AnyFact = refused
    if streaming:
        delivered = event.delivered_bytes if isinstance(event, ShutDown) and state.phase == "streaming" else 0
        noted = facts.StreamEnded(state.invocation.id, event.at, False, fault.code, state.delivered_bytes + delivered)
    state.verdict = fault
    commands = _stop(snapshot, state, event, noted, "failed", fault.message)
    commands.insert(-1, BreakStream(fault) if streaming else Refuse(fault))
    return commands


def _stop(
    snapshot: Snapshot, state: State, event: CallerGone | DeadlinePassed | ShutDown, noted: facts.AnyFact, outcome: facts.Outcome, why: str
) -> list[AnyCommand]:
    under_way = state.phase in ("attempting", "streaming")
    queued = state.phase == "admitting"
    state.phase = "done"
    written: tuple[facts.AnyFact, ...] = (noted,)
    if under_way:
        seen = None if isinstance(event, DeadlinePassed) else event.seen
        written = (*written, *settle_unknown(snapshot, state, event, seen, f"outcome unknown: {why}"))
    commands: list[AnyCommand] = [Record((*written, *finished(state, event, outcome))), Close()]
    if under_way:
        commands.insert(1, CancelAttempt())
    elif queued:
        commands.insert(1, LeaveQueue())
    return commands


def finished(state: State, event: AnyEvent, outcome: facts.Outcome) -> tuple[facts.AnyFact, ...]:
    """The last facts of a life: how its fallback ended, if there was one, and what it came to. What was owed is kept with them."""
    candidate = state.candidates[state.tier - 1] if state.tier else None
    # Of a stream that broke off, who was asked last to go on with it may have given nothing of what the caller got.
    giver = state.candidates[state.delivered_tier - 1] if state.delivered_tier else candidate
    over = facts.InvocationFinished(
        state.invocation.id,
        event.at,
        outcome,
        giver.model if giver else "",
        giver.provider if giver else "",
        giver.tier if giver else 0,
        state.nanos,
        (state.given_at or event.at) - state.invocation.at,
    )
    kept = (concluded(state, event.at),) if state.owed else ()
    if not state.fallback_at or candidate is None:
        return (*kept, over)
    lasted = (state.given_at or event.at) - state.fallback_at
    trigger = state.fallback_trigger
    return facts.FallbackEnded(state.invocation.id, event.at, trigger, candidate.tier, candidate.model, outcome, lasted), *kept, over
