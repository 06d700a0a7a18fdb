"""The queue of parked answers, and the one place where a person decides about one."""

import msgspec

from orchvynt.decisions.reviews.granting import amount_text
from orchvynt.lifecycle.explain import explain
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.facts import GateJudged, Wanted
from orchvynt.model.faults import Fault
from orchvynt.model.money import plain_text
from orchvynt.ports.store import ReviewRow
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.notes import note
from orchvynt.surfaces.admin.paging import page, sortable
from orchvynt.surfaces.operator_shapes import DecisionBody, Listing, ReviewDetail, ReviewView, WantedView


async def queue(desk: Desk, asking: Asking) -> Listing[ReviewView]:
    """The open ones, longest waiting first; with `status=all` those that are decided too."""
    await desk.store.settled()
    rows = await desk.store.reviews(only_open=asking.query.get("status", "open") != "all")
    return page(rows, lambda row: f"{sortable(row.opened_at)}.{row.review}", _view, asking.limit, asking.after)


async def one(desk: Desk, asking: Asking) -> ReviewDetail | Fault:
    """What a reviewer decides on: the answer itself, why the gate matched, and how the answer came about."""
    review = asking.path["review"]
    await desk.store.settled()
    row = await desk.store.review(review)
    if row is None:
        return Fault("not_found", "There is no such review.", "`orchvynt reviews list` shows the open ones.", param="review")
    facts = await desk.store.facts(row.inv)
    state = await desk.store.review_state(review)
    told = explain(facts)
    judged = [fact for fact in facts if isinstance(fact, GateJudged) and fact.gate == row.gate]
    return ReviewDetail(
        **msgspec.structs.asdict(_view(row)),
        workflow=told.workflow,
        agent=told.agent,
        run=told.run,
        asked=told.asked,
        verdict=told.verdict,
        reads=judged[-1].reads if judged else {},
        answer=desk.reveal(state) if state is not None else {},
    )


async def decide(desk: Desk, asking: Asking) -> ReviewView | Fault:
    """Approves or rejects. Exactly one decision wins; its entry in the audit comes of the decision itself, that of a lost one from here."""
    body = asking.body
    assert isinstance(body, DecisionBody)
    review = asking.path["review"]
    amount = plain_text(body.grant) if body.grant is not None else None
    done = await desk.control.decide(review, body.decision, asking.voter, body.reason, amount)
    if isinstance(done, Fault):
        await note(desk, asking.who, f"review.{body.decision} refused", done.message, review)
        return done
    return _view(done)


def _view(row: ReviewRow) -> ReviewView:
    return ReviewView(
        review=row.review,
        invocation=row.inv,
        gate=row.gate,
        status=row.status,
        opened_at=instant_text(row.opened_at),
        decided_at=instant_text(row.decided_at),
        by=row.by,
        reason=row.reason,
        reviewers=row.reviewers,
        require_reason=row.require_reason,
        escalates_at=instant_text(row.escalates_at),
        escalation=row.escalation,
        wanted=_wanted(row.wanted) if row.wanted is not None else None,
        granted=amount_text(row.granted, row.wanted) if row.wanted is not None and row.granted else "",
    )


def _wanted(wanted: Wanted) -> WantedView:
    return WantedView(
        budget=wanted.budget,
        subject=wanted.subject,
        unit=wanted.unit,
        limit=amount_text(wanted.limit, wanted),
        spent=amount_text(wanted.spent, wanted),
        held=amount_text(wanted.held, wanted),
        needed=amount_text(wanted.needed, wanted),
        resets_at=instant_text(wanted.resets_at),
        grants=tuple(amount_text(one, wanted) for one in wanted.grants),
    )
