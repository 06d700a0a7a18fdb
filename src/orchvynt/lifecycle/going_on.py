"""Reviewers have decided about an invocation that was parked before its send: it goes on with what they granted, or ends."""

import msgspec

from orchvynt.decisions.budgets.grants import term
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.admission import next_candidate
from orchvynt.lifecycle.commands import AnyCommand, GoOn, Record
from orchvynt.lifecycle.deciding import verdict
from orchvynt.lifecycle.events import Voted
from orchvynt.lifecycle.join_keys import without_body
from orchvynt.lifecycle.state import State, encode
from orchvynt.model import facts
from orchvynt.model.faults import Fault


def voted(snapshot: Snapshot, state: State, event: Voted) -> list[AnyCommand]:
    """One decision wins. The grant is on record with it; then the candidates are asked again from the first, under the same plan."""
    if event.decision == "reject":
        state.invocation = without_body(state.invocation)
        return verdict(state, event, "reject", event.by, event.reason, _rejected(state, event))
    wants, review = state.wanted, state.review
    assert wants is not None
    state.wanted = None
    state.owed = True
    state.phase = "admitting"
    state.started_mono = event.mono
    _from_the_first(state)
    given = _grant(snapshot, state, event, wants)
    commands = next_candidate(snapshot, state, event)
    stored = encode(msgspec.structs.replace(state, invocation=without_body(state.invocation)))
    decided = facts.ReviewDecided(state.invocation.id, event.at, review, "approve", event.by, stored, event.reason, event.grant)
    return [Record((decided, given)), GoOn(review, event.by, given), *commands]


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
    return Fault(
        "review_rejected",
        f"{event.by} granted nothing more of {state.review_gate}, so the call was not sent{reason}.",
        "Change the request; the same one is answered the same.",
        detail={"review": state.review, "gate": state.review_gate, "by": event.by, "reason": event.reason},
    )
