"""Reviewers have decided about an invocation that was parked before its send: it goes on with what they granted, or ends."""

import msgspec

from orchvynt.decisions.budgets.grants import term
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.reviews.editing import rejection
from orchvynt.decisions.routing.figures import Observed
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.admission import next_candidate, route
from orchvynt.lifecycle.asked_gates import as_stored, asked_gate, covers
from orchvynt.lifecycle.before_send import park_request_at_gate
from orchvynt.lifecycle.commands import AnyCommand, GoOn, JudgeAgain, Record
from orchvynt.lifecycle.deciding import verdict
from orchvynt.lifecycle.endings import refuse
from orchvynt.lifecycle.events import JudgedAgain, Voted
from orchvynt.lifecycle.gate_verdicts import holds, judge_request, refused_stream
from orchvynt.lifecycle.join_keys import without_body
from orchvynt.lifecycle.parking import deliver
from orchvynt.lifecycle.replies import NANOS_PER_SECOND
from orchvynt.lifecycle.state import NOBODY, State, encode
from orchvynt.model import facts
from orchvynt.model.chat import Reply
from orchvynt.model.faults import Fault
from orchvynt.model.usage import Usage


def voted(snapshot: Snapshot, state: State, event: Voted) -> list[AnyCommand]:
    """One decision wins. What it grants is on record with it; then it goes on: at the candidates, from the first, or at its next gate."""
    if event.decision == "reject":
        named = asked_gate(snapshot, state) if state.wanted is None else None
        if named is not None and named.rejects_in_words:
            return _answered_in_words(snapshot, state, event)
        return verdict(state, event, "reject", event.by, event.reason, _rejected(state, event))
    if state.wanted is None:
        return _approved_at_gate(snapshot, state, event)
    wants, review = state.wanted, state.review
    state.wanted = None
    _goes_on(state, event)
    _from_the_first(state)
    given = _grant(snapshot, state, event, wants)
    commands = next_candidate(snapshot, state, event)
    return [Record((_decided(state, event, review), given)), GoOn(review, event.by, event.at, given), *commands]


def _answered_in_words(snapshot: Snapshot, state: State, event: Voted) -> list[AnyCommand]:
    """The reviewer's words are the answer: a turn that has ended, of no model, and it cost nothing. No further gate is asked."""
    invocation = state.invocation
    words = rejection(event.reason, state.review_gate, "request")
    created_s = event.at // NANOS_PER_SECOND
    state.reply = Reply(invocation.id, invocation.ask.requested_model, created_s, words, (), "stop", Usage(0, 0))
    state.candidates = (NOBODY,)
    state.reworded = "reject"
    state.inputs_matched.clear()
    state.later_matched.clear()
    state.invocation = without_body(invocation)
    state.phase = "done"
    decided = facts.ReviewDecided(invocation.id, event.at, state.review, "reject", event.by, encode(state), event.reason)
    return deliver(snapshot, state, event, [decided])


def _approved_at_gate(snapshot: Snapshot, state: State, event: Voted) -> list[AnyCommand]:
    """Several input gates are asked one after the other. After the last, the policy in force has its say, and then the call is routed."""
    review, gate = state.review, asked_gate(snapshot, state)
    state.inputs_matched.pop(0)
    if gate is not None:
        state.inputs_approved.append(as_stored(gate))
    if state.inputs_matched:
        return park_request_at_gate(snapshot, state, event, [_decided(state, event, review)])
    _goes_on(state, event)
    return [Record((_decided(state, event, review),)), GoOn(review, event.by, event.at), JudgeAgain()]


def judged_again(
    today: Snapshot,
    snapshot: Snapshot,
    state: State,
    event: JudgedAgain,
    todays_values: RequestValues,
    values: RequestValues,
    observed: Observed,
    subjects: Subjects,
) -> list[AnyCommand]:
    """The input gates of the policy in force judge the request once more; one that the approvals do not cover parks it again.

    Everything else stays that of the snapshot that the invocation is pinned to. What reviews after the delivery, or only observes, has
    had its say when the request came.
    """
    said: list[facts.AnyFact] = []
    holding = [gate for gate in today.gates if holds(gate) and not any(covers(one, gate) for one in state.inputs_approved)]
    closing = judge_request(holding, state, event, todays_values, said)
    noted = [fact for fact in said if isinstance(fact, facts.GateJudged) and fact.verdict != "passed"]
    if fault := refused_stream(state, closing):
        return refuse(state, event, fault, [*noted])
    if not closing:
        return route(snapshot, state, event, values, observed, subjects, [])
    state.later_gates = [*(one for one in state.later_gates if one.name not in {gate.name for gate in closing}), *map(as_stored, closing)]
    state.inputs_matched = [gate.name for gate in closing]
    return park_request_at_gate(snapshot, state, event, [*noted])


def _goes_on(state: State, event: Voted) -> None:
    """From here on its answer is owed, and its time begins anew."""
    state.owed = True
    state.phase = "admitting"
    state.started_mono = event.mono


def _decided(state: State, event: Voted, review: str) -> facts.ReviewDecided:
    stored = encode(msgspec.structs.replace(state, invocation=without_body(state.invocation)))
    return facts.ReviewDecided(state.invocation.id, event.at, review, "approve", event.by, stored, event.reason, event.grant)


def _from_the_first(state: State) -> None:
    """As routing left them: what was said of a candidate before the review holds no longer."""
    models = {candidate.model for candidate in state.candidates}
    state.skipped = [skipped for skipped in state.skipped if skipped.model not in models]
    state.ahead = [candidate.tier for candidate in state.candidates]
    state.later = []
    state.second_pass = False


def _grant(snapshot: Snapshot, state: State, event: Voted, wants: facts.Wanted) -> facts.BudgetGranted:
    """To the subject, in the window that is in force now: the one it was parked in may be over."""
    budget = next(budget for budget in snapshot.budgets if budget.name == wants.budget)
    lasts = term(budget, event.at)
    money = wants.unit == "usd"
    return facts.BudgetGranted(
        state.invocation.id,
        event.at,
        state.review,
        wants.budget,
        wants.subject,
        lasts.window,
        lasts.rolls_ns,
        lasts.until,
        event.grant if money else 0,
        0 if money else event.grant,
        event.by,
        event.reason,
        state.review,
    )


def _rejected(state: State, event: Voted) -> Fault:
    reason = f": {event.reason}" if event.reason else ""
    granted = f"{event.by} granted nothing more of {state.review_gate} to the call"
    said = granted if state.wanted is not None else f"{event.by} rejected the call at gate {state.review_gate}"
    return Fault(
        "review_rejected",
        f"{said}, so it was not sent{reason}.",
        "Change the request; the same one is answered the same.",
        detail={"review": state.review, "gate": state.review_gate, "by": event.by, "reason": event.reason},
    )
