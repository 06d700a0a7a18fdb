"""The queue of parked answers, and the one place where a person decides about one, or about several."""

from typing import Literal

import msgspec

from orchvynt.decisions.reviews.cases import Case
from orchvynt.decisions.reviews.choices import offered
from orchvynt.decisions.reviews.editing import difference
from orchvynt.decisions.reviews.granting import amount_text
from orchvynt.lifecycle.explain import explain
from orchvynt.lifecycle.explain.phrases import instant_text
from orchvynt.model.facts import AnyFact, GateJudged, ReviewDecided, Wanted
from orchvynt.model.faults import Fault
from orchvynt.model.money import plain_text
from orchvynt.model.roles import may
from orchvynt.ports.reviews import ReviewsAsked
from orchvynt.ports.store import ReviewRow
from orchvynt.surfaces.admin.asking import Asking, Desk
from orchvynt.surfaces.admin.notes import note
from orchvynt.surfaces.admin.paging import sortable
from orchvynt.surfaces.operator_shapes import Listing
from orchvynt.surfaces.review_shapes import (
    DecidedView,
    DecisionBody,
    DecisionsBody,
    DecisionsView,
    ReviewDetail,
    ReviewView,
    VoteView,
    WantedView,
)

CLAIMED: dict[str, Literal["", "yes", "no", "by"]] = {"": "", "yes": "yes", "no": "no", "me": "by"}
STATUSES: dict[str, Literal["open", "approved", "rejected", "expired", "all"]] = {
    "open": "open",
    "approved": "approved",
    "rejected": "rejected",
    "expired": "expired",
    "all": "all",
}


async def queue(desk: Desk, asking: Asking) -> Listing[ReviewView] | Fault:
    """Those that match, longest waiting first unless asked otherwise: the open ones, unless another status is asked for."""
    after = _place(asking.after)
    if isinstance(after, Fault):
        return after
    query = asking.query
    # A token's role admits it everywhere, so all are its own.
    mine = query.get("mine") == "yes" and asking.voter.is_person
    asked = ReviewsAsked(
        limit=asking.limit + 1,
        status=STATUSES[query.get("status", "open")],
        gate=query.get("gate", ""),
        groups=asking.voter.groups if mine else None,
        claimed=CLAIMED[query.get("claimed", "")],
        claimed_by=asking.voter.by,
        now=desk.clock.now(),
        newest_first=query.get("sort") == "newest",
        after=after,
    )
    await desk.control.filed()
    rows = await desk.store.reviews_page(asked)
    kept = rows[: asking.limit]
    more = f"{sortable(kept[-1].opened_at)}.{kept[-1].review}" if len(rows) > len(kept) else None
    return Listing(items=tuple(_view(row, asked.now) for row in kept), next=more)


def _place(after: str) -> tuple[int, str] | Fault | None:
    """Where a page begins: behind the instant and the review that its cursor names."""
    if not after:
        return None
    opened_at, _, review = after.partition(".")
    if not (opened_at.isascii() and opened_at.isdigit() and len(opened_at) == len(sortable(0)) and int(opened_at) < 1 << 63):
        return Fault("invalid_request", "`after` is no cursor of this list.", "Give what `next` of the page before says.", param="after")
    return int(opened_at), review


async def one(desk: Desk, asking: Asking) -> ReviewDetail | Fault:
    """What a reviewer decides on: the answer itself, why the gate matched, and how the answer came about."""
    review = asking.path["review"]
    await desk.control.filed()
    row = await desk.store.review(review)
    if row is None:
        return Fault("not_found", "There is no such review.", "`orchvynt reviews list` shows the open ones.", param="review")
    if (fault := await _unreadable(desk, asking, row)) is not None:
        return fault
    facts = await desk.store.facts(row.inv)
    state = await desk.store.review_state(review)
    told = explain(facts)
    judged = [fact for fact in facts if isinstance(fact, GateJudged) and fact.gate == row.gate]
    answer = desk.reveal(state) if state is not None else {}
    edited = _case(row).edited if row.status == "open" else None
    return ReviewDetail(
        **msgspec.structs.asdict(_view(row, desk.clock.now())),
        workflow=told.workflow,
        agent=told.agent,
        run=told.run,
        asked=told.asked,
        verdict=told.verdict,
        reads=judged[-1].reads if judged else {},
        answer=answer,
        proposed=edited.text if edited is not None else "",
        diff=difference(str(answer.get("text") or ""), edited.text) if edited is not None else _diff(facts, review),
    )


async def _unreadable(desk: Desk, asking: Asking, row: ReviewRow) -> Fault | None:
    """What waits is for those who are asked. Operators, who may open evidence packs, may look as well, and that is on record."""
    if not asking.voter.is_person or asking.voter.groups.intersection(row.reviewers):
        return None
    if may(asking.role, "operator"):
        await note(desk, asking.who, "review.read", "", row.review)
        return None
    asked = " or ".join(row.reviewers)
    said = f"{asking.who} is not in {asked}, whom review {row.review} asks."
    return Fault("forbidden", said, "People are put into groups by the policy, or by the identity provider.", param="review")


def _diff(facts: list[AnyFact], review: str) -> str:
    """What an edit that was decided changed."""
    return next((fact.diff for fact in facts if isinstance(fact, ReviewDecided) and fact.review == review), "")


async def decide(desk: Desk, asking: Asking) -> ReviewView | Fault:
    """One vote. Exactly one decision wins; its entry in the audit comes of the decision itself, that of a lost one from here."""
    body = asking.body
    assert isinstance(body, DecisionBody)
    review = asking.path["review"]
    amount = plain_text(body.grant) if body.grant is not None else None
    done = await desk.control.decide(review, body.decision, asking.voter, body.reason, amount, body.reply, body.edition)
    return await _noted(desk, asking, body.decision, done)


async def decide_all(desk: Desk, asking: Asking) -> DecisionsView:
    """The same vote on several reviews: each is decided apart, and the answer says of each what became of it."""
    body = asking.body
    assert isinstance(body, DecisionsBody)
    reviews = tuple(dict.fromkeys(body.reviews))
    items: list[DecidedView] = []
    for review, done in zip(reviews, await desk.control.decide_all(reviews, body.decision, asking.voter, body.reason), strict=True):
        if isinstance(done, Fault):
            await _note_refusal(desk, asking, body.decision, done, review)
            outcome: Literal["voted", "refused"] = "voted" if done.detail.get("counts") == "yes" else "refused"
            items.append(DecidedView(review, outcome, code=done.code, message=done.text))
        else:
            items.append(DecidedView(review, "voted" if done.status == "open" else "decided", done.status))
    return DecisionsView(tuple(items), sum(item.outcome == "refused" for item in items))


async def claim(desk: Desk, asking: Asking) -> ReviewView | Fault:
    """Keeps others out for a quarter of an hour; again, it is prolonged."""
    review = asking.path["review"]
    return await _noted(desk, asking, "claim", await desk.control.claim(review, asking.voter))


async def release(desk: Desk, asking: Asking) -> ReviewView | Fault:
    """Gives a claim back."""
    review = asking.path["review"]
    return await _noted(desk, asking, "release", await desk.control.release(review, asking.voter))


async def _noted(desk: Desk, asking: Asking, what: str, done: ReviewRow | Fault) -> ReviewView | Fault:
    """What was done is an entry of the audit by its fact; what was refused has none."""
    if not isinstance(done, Fault):
        return _view(done, desk.clock.now())
    await _note_refusal(desk, asking, what, done, asking.path["review"])
    return done


async def _note_refusal(desk: Desk, asking: Asking, what: str, done: Fault, review: str) -> None:
    """Not of what counts, or may count, though its answer is an error: that is an entry by its fact."""
    if done.detail.get("counts", "no") == "no":
        await note(desk, asking.who, f"review.{what} refused", done.message, review)


def _case(row: ReviewRow) -> Case:
    return Case(row.review, quorum=row.quorum, votes=row.votes)


def _view(row: ReviewRow, now: int) -> ReviewView:
    is_open = row.status == "open"
    case, claimed = _case(row), is_open and row.claimed_until > now
    return ReviewView(
        review=row.review,
        invocation=row.inv,
        gate=row.gate,
        stage=row.stage if row.wanted is None else "budget",
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
        decision=row.decision,
        choices=tuple(sorted(offered(row.stage, row.after_delivery))) if is_open else (),
        quorum=row.quorum,
        missing=max(0, row.quorum - len(row.votes)) if is_open else 0,
        votes=tuple(VoteView(one.by, one.choice, one.reason, instant_text(one.at)) for one in row.votes),
        not_requester=row.not_requester,
        requester=row.requester,
        edited=case.edited is not None,
        edition=case.edition if is_open else "",
        claimed_by=row.claimed_by if claimed else "",
        claimed_until=instant_text(row.claimed_until) if claimed else "",
        reminds_at=instant_text(row.reminds[0]) if is_open and row.reminds else "",
        reminded=row.reminded,
        after_delivery=row.after_delivery,
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
