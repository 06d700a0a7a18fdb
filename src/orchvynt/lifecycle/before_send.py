"""An invocation that waits for people before anything of it was sent: parked with its request, and what it is told at its end.

It goes on when they approve, whether its caller waits or not: its answer is owed from then on, and kept for whoever comes back.
INVARIANT: what is parked here has sent nothing, and once it goes on it is not begun again by any process.
"""

from typing import Literal

from orchvynt.decisions.budgets.needs import Short
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.asked_gates import input_gate
from orchvynt.lifecycle.commands import AnyCommand, Park, Record
from orchvynt.lifecycle.downgrading import decisive
from orchvynt.lifecycle.events import AnyEvent
from orchvynt.lifecycle.join_keys import join_key, without_body
from orchvynt.lifecycle.opening import park_at
from orchvynt.lifecycle.review_cases import terms_of
from orchvynt.lifecycle.state import State, encode
from orchvynt.model import facts
from orchvynt.model.faults import Fault
from orchvynt.model.ids import review_id


def wanted(short: Short) -> facts.Wanted | None:
    """What reviewers may be asked for; None if the budget asks nobody, or if no grant could make room for this."""
    line, breach = short.line, short.line.terms.breach
    if breach.kind != "review" or short.unit not in ("nanos", "tokens"):
        return None
    unit: Literal["usd", "tokens"] = "usd" if short.unit == "nanos" else "tokens"
    return facts.Wanted(
        line.budget, line.subject, unit, short.limit, short.settled, short.held, short.needed, line.resets_at, breach.grants
    )


def asks_people(state: State) -> facts.Wanted | None:
    """What the candidate that decides wants, if no candidate was asked and none may be asked later."""
    if state.attempt_count or state.tried or state.later or state.broken is not None:
        return None
    deciding = decisive(state)
    return deciding.wanted if deciding is not None else None


def park_request(snapshot: Snapshot, state: State, event: AnyEvent, wants: facts.Wanted) -> list[AnyCommand]:
    """The invocation waits for a grant. Its caller is held as long as it bears; a stream will be given whole."""
    budget = next(budget for budget in snapshot.budgets if budget.name == wants.budget)
    state.join_key = join_key(state)
    state.phase = "request_in_review"
    state.owed = state.streams = False
    state.review_count += 1
    state.review = review_id(state.invocation.id, state.review_count)
    state.review_gate = f"budget {wants.budget}"
    state.wanted = wants
    opened = facts.ReviewOpened(
        state.invocation.id,
        event.at,
        state.review,
        state.review_gate,
        (budget.breach.reviewers,),
        state.invocation.caller,
        state.join_key,
        encode(state),
        wanted=wants,
        stage="budget",
    )
    return [Record((opened,)), Park(state.review, state.review_gate, None, 0, terms_of(opened))]


def park_request_at_gate(snapshot: Snapshot, state: State, event: AnyEvent, noted: list[facts.AnyFact]) -> list[AnyCommand]:
    """The request waits for the first of the input gates that matched. Nothing was routed yet; a stream will be given whole."""
    gate = input_gate(snapshot, state, state.inputs_matched[0])
    assert gate is not None
    state.join_key = join_key(state)
    state.phase = "request_in_review"
    state.streams = False
    return park_at(gate, state, event, noted)


def concluded(state: State, at: int) -> facts.ReviewConcluded:
    """The end of what an approval let go on, kept for whoever comes back for it. The state must be that of the end."""
    state.invocation = without_body(state.invocation)
    return facts.ReviewConcluded(state.invocation.id, at, state.review, encode(state), joinable(state))


def joinable(state: State) -> bool:
    """Whether the same request is told this end again. Where a retry may mend it, it is a new invocation, under the grant that stands."""
    return state.verdict is None or not state.verdict.should_retry


def cut_off(review: str, sent: bool) -> Fault:
    """What is told for good of an invocation whose process ended between the approval and the answer."""
    became = "Its attempt was under way: the outcome is unknown, and it is settled at its bound." if sent else "Nothing had been sent."
    return Fault(
        "all_providers_failed",
        f"Review {review} was approved, and the server stopped before there was an answer. {became} It is not sent again.",
        "Change the request, or send it with a new idempotency-key, to have it done anew; what was granted of a budget stands.",
        detail={"review": review, "sent": sent},
        retry=False,
    )
