"""From the request to the first byte sent: route, foresee the gates, then ask for one candidate after the other."""

from typing import Any

from orchvynt.decisions.budgets.application import for_another
from orchvynt.decisions.budgets.applied import Applied
from orchvynt.decisions.budgets.refusals import detail, no_room, queue_full, unleased
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.routing.figures import Observed
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.before_send import asks_people, park_request, park_request_at_gate, wanted
from orchvynt.lifecycle.beginning import received, where_to
from orchvynt.lifecycle.chains import chain_of, fallback_activated
from orchvynt.lifecycle.commands import Admit, AnyCommand, Record, Send, WakeAfter
from orchvynt.lifecycle.confidence import foresee_confidence
from orchvynt.lifecycle.courses import Courses, course_of
from orchvynt.lifecycle.downgrading import foresee_downgrades, take_downgrade
from orchvynt.lifecycle.endings import all_failed, refuse
from orchvynt.lifecycle.events import Admitted, AnyEvent, BackoffElapsed, HoldsAwaited, JudgedAgain, NotAdmitted, Received
from orchvynt.lifecycle.gate_verdicts import foresee_gates, judge_request, refused_stream
from orchvynt.lifecycle.naming import too_many_subjects
from orchvynt.lifecycle.parking import kept_for_reviewers
from orchvynt.lifecycle.rescue import break_off, downgrade_left, may_be_rescued, prefix_for
from orchvynt.lifecycle.runaways import watched
from orchvynt.lifecycle.state import Downgrade, Later, Skipped, State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.lifecycle.unasked import budgets_are_closed, cannot_be_asked
from orchvynt.model import facts
from orchvynt.model.faults import Fault
from orchvynt.model.ids import attempt_id


def begin(
    snapshot: Snapshot,
    state: State,
    event: Received,
    values: RequestValues,
    observed: Observed,
    subjects: Subjects,
    courses: Courses | None = None,
) -> list[AnyCommand]:
    """The request is judged by the input gates, then routed once, under the snapshot that the invocation is pinned to. `subjects` is what
    callers have named of late, `courses` what came of those before it."""
    state.started_mono = event.mono
    state.policy_version = snapshot.version
    noted: list[facts.AnyFact] = [received(snapshot, state)]
    if event.refused is not None:
        return refuse(state, event, event.refused, noted)
    if snapshot.gates and (closing := judge_request(snapshot.gates, state, event, values, noted)):
        if fault := refused_stream(state, closing):
            return refuse(state, event, fault, noted)
        if event.away and (fault := cannot_be_asked(state, event, f"gate {closing[0].name}")):
            return refuse(state, event, fault, noted)
        state.inputs_matched = [gate.name for gate in closing]
        return park_request_at_gate(snapshot, state, event, noted)
    return route(snapshot, state, event, values, observed, subjects, noted, courses)


def route(
    snapshot: Snapshot,
    state: State,
    event: Received | JudgedAgain,
    values: RequestValues,
    observed: Observed,
    subjects: Subjects,
    noted: list[facts.AnyFact],
    courses: Courses | None = None,
) -> list[AnyCommand]:
    """No input gate holds it, or all of them have approved: the plan, what the other gates foresee, and the first candidate."""
    invocation = state.invocation
    # What was read before stands on record with what routing reads.
    memory = courses if not values else None
    course = memory.find(snapshot, invocation) if memory is not None else None
    applied: list[Applied] | Fault
    if course is None:
        course = course_of(snapshot, invocation, values, observed, event.mono)
        applied = course.applied
        if memory is not None:
            memory.keep(snapshot, invocation, course)
    elif course.everybodys or isinstance(course.applied, Fault):
        applied = course.applied
    else:
        applied = for_another(snapshot.budgets, course.applied, invocation, values)
    routed = course.plan
    state.chain = course.choice.name
    noted.append(where_to(state, event, course))
    state.rule = routed.rule
    if routed.refusal is not None:
        return refuse(state, event, routed.refusal, noted)
    state.candidates = routed.candidates
    # Told to the caller if no tier answers; who was only less good than another, or is asked all the same, is not.
    if routed.rejected:
        tiers = {candidate.model for candidate in routed.candidates}
        state.skipped = [Skipped(one.model, one.why) for one in routed.rejected if one.by != "prefer" and one.model not in tiers]
    state.ahead = [*range(1, len(routed.candidates) + 1)]
    if not course.plain and not isinstance(applied, Fault):
        applied = watched(snapshot.budgets, invocation, applied)
    if isinstance(applied, Fault):
        return refuse(state, event, applied, noted)
    state.applied = applied
    if not course.plain:
        if fault := too_many_subjects(snapshot, state, event.at, subjects):
            return refuse(state, event, fault, noted)
        foresee_downgrades(snapshot, state, values, observed)
    if course.gates:
        if fault := foresee_gates(course.gates, state, event, noted):
            return refuse(state, event, fault, noted)
        if event.away and state.gates_matched and (fault := cannot_be_asked(state, event, f"gate {state.gates_matched[0]}")):
            # Known before the send: nobody pays for an answer that cannot go out.
            return refuse(state, event, fault, noted)
        if course.asks:
            foresee_confidence(snapshot, state, values, observed)
    # What people have let go on is given whole, if it is a stream.
    state.streams = invocation.ask.stream and not state.gates_open and not state.gates_matched and not state.owed
    commands = next_candidate(snapshot, state, event)
    if routed.left:
        noted += _activated(snapshot, state, event, "policy", routed.left)
    return [Record(tuple(noted)), *commands]


def next_candidate(snapshot: Snapshot, state: State, event: AnyEvent) -> list[AnyCommand]:
    """The next tier that was not asked yet; then those that rested; then the end."""
    if state.ahead:
        return _ask(state, state.ahead.pop(0))
    later = min(state.later, key=_urgency) if state.later else None
    if later is not None and later.when == "at_once":
        state.later.remove(later)
        return _ask(state, later.tier, at_last=True)
    if state.downgrades and (found := downgrade_left(snapshot, state)) is not None:
        return _downgrade(state, event, found)
    if later is not None and state.broken is None and _waitable(snapshot, state, later):
        state.second_pass = True
        state.phase = "backing_off"
        state.tier = later.tier
        state.later.remove(later)
        model = candidate_of(state).model
        scheduled = facts.RetryScheduled(state.invocation.id, event.at, model, later.rests_ns, "every tier rests")
        return [Record((scheduled,)), WakeAfter(later.rests_ns)]
    if state.broken is not None:
        return break_off(state, event, [], "no tier is left that could")
    if (wants := asks_people(state)) is not None:
        if event.away and (fault := cannot_be_asked(state, event, f"budget {wants.budget}")):
            return refuse(state, event, fault)
        return park_request(snapshot, state, event, wants)
    return all_failed(state, event)


def _downgrade(state: State, event: AnyEvent, found: Downgrade) -> list[AnyCommand]:
    """No tier had room: the model that the budget admits past its limit is asked as a further candidate."""
    left, candidate = candidate_of(state).model, take_downgrade(state, found)
    noted = facts.Downgraded(state.invocation.id, event.at, found.budget, left, candidate.model, candidate.tier, candidate.unmeasured)
    return [Record((noted,)), *_ask(state, candidate.tier)]


def can_go_on(snapshot: Snapshot, state: State) -> bool:
    """Whether another candidate is left that may be asked, at once or after a rest that is short enough to wait for."""
    if state.ahead or (state.downgrades and downgrade_left(snapshot, state) is not None):
        return True
    return any(later.when == "at_once" or _waitable(snapshot, state, later) for later in state.later)


def _urgency(later: Later) -> tuple[int, int, int]:
    """Those that may be asked at once come first, then those that ask to be waited for; among them, who rests least."""
    return ("at_once", "after_rest", "never").index(later.when), later.rests_ns, later.tier


def _waitable(snapshot: Snapshot, state: State, later: Later) -> bool:
    return later.when == "after_rest" and not state.second_pass and later.rests_ns <= snapshot.retry.respect_retry_after_ns


def _ask(state: State, tier: int, at_last: bool = False) -> list[AnyCommand]:
    if tier != state.tier:
        state.retries = 0
    state.phase = "admitting"
    state.tier = tier
    return [Admit(tier, state.candidates[tier - 1].model, attempt_id(state.invocation.id, state.attempt_count + 1), at_last)]


def backoff_elapsed(snapshot: Snapshot, state: State, event: BackoffElapsed) -> list[AnyCommand]:
    return _ask(state, state.tier)


def admitted(snapshot: Snapshot, state: State, event: Admitted) -> list[AnyCommand]:
    """The hold stands: on record with it, and only then sent."""
    invocation, candidate, fits = state.invocation, candidate_of(state), event.fits
    state.attempt_count += 1
    attempt, name = attempt_id(invocation.id, state.attempt_count), candidate.model
    state.phase = "attempting"
    state.sent_mono = event.mono
    state.limited_by = fits.limited_by
    state.counted = True
    if state.skipped:
        state.skipped = [skipped for skipped in state.skipped if skipped.model != candidate.model]
    state.placed = facts.HoldPlaced(
        invocation.id,
        event.at,
        attempt,
        candidate.tier,
        name,
        event.reserved,
        event.input_tokens_bound,
        fits.output_tokens,
        fits.nanos,
        fits.limited_by,
        event.overflows,
        input_counted_by=event.input_counted_by,
    )
    known = snapshot.models.get(name)
    sent = facts.AttemptSent(
        invocation.id,
        event.at,
        attempt,
        state.attempt_count,
        candidate.tier,
        name,
        candidate.provider,
        # A name that only a pattern knows is asked for as it is.
        known.upstream_model if known is not None else name,
        state.purpose,
    )
    timeouts, streams = snapshot.timeouts, state.streams
    return [
        Record((state.placed, sent)),
        Send(
            attempt,
            name,
            fits.output_tokens,
            invocation.ask.stream,
            streams,
            timeouts.answer_ns,
            timeouts.first_token_ns,
            timeouts.stall_ns,
            timeouts.connect_ns,
            streams and (may_be_rescued(chain_of(snapshot, state), invocation.ask) or kept_for_reviewers(state)),
            prefix_for(snapshot, state) if state.broken is not None else None,
            state.repeated,
            state.logprobs if name not in state.weighless else "",
        ),
    ]


def holds_awaited(snapshot: Snapshot, state: State, event: HoldsAwaited) -> list[AnyCommand]:
    said = detail(event.short)
    awaited = facts.HoldAwaited(
        state.invocation.id, event.at, state.tier, candidate_of(state).model, str(said["budget"]), str(said["subject"])
    )
    return [Record((awaited,))]


def not_admitted(snapshot: Snapshot, state: State, event: NotAdmitted) -> list[AnyCommand]:
    """Skips the candidate, with the reason on record, and goes on to the next."""
    candidate = candidate_of(state)
    why: str = event.why
    said: dict[str, Any] = {}
    fault: Fault | None = None
    wants: facts.Wanted | None = None
    trigger, downgrade = "policy", ""
    if event.why in ("resting", "breaker", "ramp", "slow"):
        said = {**event.figures, "because": event.rest_why}
        state.later.append(Later(candidate.tier, event.rests_ns, event.later))
        trigger = "latency" if event.why == "slow" else ""
    elif event.short is not None:
        why = f"budget:{event.short.line.budget}"
        said = dict(detail(event.short))
        if event.why == "queue_full":
            fault = queue_full(event.short)
        else:
            fault, wants = no_room(event.short, event.waited), wanted(event.short)
        breach = event.short.line.terms.breach
        downgrade = breach.model if breach.model != candidate.model else ""
    elif event.why == "store_away":
        fault = budgets_are_closed(event.away)
    elif event.why == "price":
        fault = Fault("unsupported", event.detail, "Give the model a `price`, or ask for its standard service tier.", param="model")
    elif event.why == "unleased":
        fault = unleased(event.detail)
    state.skipped.append(Skipped(candidate.model, why, fault, wants, downgrade))
    skipped = facts.CandidateSkipped(state.invocation.id, event.at, candidate.tier, candidate.model, why, said)
    if fault is not None and fault.code in ("run_stopped", "store_unavailable") and state.broken is None:
        # It holds for every candidate; and what was tried before it does not make coming back worth while.
        return refuse(state, event, fault, [skipped])
    commands = next_candidate(snapshot, state, event)
    return [Record((skipped, *_activated(snapshot, state, event, trigger, candidate.model))), *commands]


def _activated(snapshot: Snapshot, state: State, event: AnyEvent, trigger: str, left: str) -> list[facts.AnyFact]:
    """A candidate was passed by, and another one is asked: a fallback, if the chain names the trigger."""
    chain = chain_of(snapshot, state)
    if chain is None or trigger not in chain.triggers or state.phase != "admitting" or candidate_of(state).model == left:
        return []
    return [fallback_activated(state, event, trigger, left)]
