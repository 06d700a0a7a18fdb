"""What happened to a review, in one line of text for each fact."""

from typing import Final

from orchvynt.lifecycle.explain.phrases import dollars, instant_text, listing, quoted
from orchvynt.model import facts as f

ReviewFact = (
    f.ReviewOpened
    | f.ReviewClaimed
    | f.ReviewReleased
    | f.ReviewVoted
    | f.ReviewReminded
    | f.ReviewEscalated
    | f.ReviewDecided
    | f.ReviewConcluded
    | f.CallerWaits
)
TELLERS: Final[dict[str, str]] = {
    "held": "the caller's connection is held until a reviewer decides",
    "pending": "the caller was told that a review is pending (hitl_pending)",
    "joined": "the caller came back and joined this invocation",
    "gone": "the caller is gone; the answer waits for it",
}
DECIDED: Final[dict[f.Decision, str]] = {
    "approve": "approved",
    "edit": "approved with an edit",
    "respond": "answered",
    "reject": "rejected",
    "expire": "expired",
}


def review_text(fact: ReviewFact) -> str:
    match fact:
        case f.ReviewOpened():
            return _opened(fact)
        case f.ReviewClaimed():
            return f"review {fact.review} claimed by {fact.by} until {instant_text(fact.until)}"
        case f.ReviewReleased():
            return f"review {fact.review} released by {fact.by}"
        case f.ReviewVoted():
            said = f": {fact.vote.reason}" if fact.vote.reason else ""
            return f"{fact.vote.by} voted {fact.vote.choice} on review {fact.review}{said}; more votes are needed"
        case f.ReviewReminded():
            return f"the reviewers were reminded of review {fact.review} (reminder {fact.number})"
        case f.ReviewEscalated():
            return f"review {fact.review} escalated to {fact.to}"
        case f.ReviewDecided():
            changed = f" ({_lines(fact.diff)})" if fact.diff else ""
            why = f" (reason: {quoted(fact.reason)})" if fact.reason else ""
            return f"review {fact.review} {DECIDED[fact.decision]} by {fact.by}{changed}{why}"
        case f.ReviewConcluded():
            return f"what became of it is kept for whoever comes back (review {fact.review})"
        case f.CallerWaits():
            return TELLERS[fact.how]


def _lines(diff: str) -> str:
    """How much an edit changed. Its words are for reviewers: a record tells nobody what an answer says."""
    lines = diff.splitlines()
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return f"{added} {'line' if added == 1 else 'lines'} added, {removed} removed"


def _opened(fact: f.ReviewOpened) -> str:
    who = listing(list(fact.reviewers), "or") or "any reviewer"
    wanted = fact.wanted
    if wanted is None:
        until = f", escalates at {instant_text(fact.escalates_at)}" if fact.escalates_at else ""
        when = ", after the delivery" if fact.after_delivery else ", before anything is sent" if fact.stage == "input" else ""
        return f"review {fact.review} opened at gate {fact.gate} ({fact.stage}) for {who}{when}{until}"
    say = dollars if wanted.unit == "usd" else str
    unit = "" if wanted.unit == "usd" else " tokens"
    return (
        f"review {fact.review} opened before anything is sent: budget {wanted.budget} ({quoted(wanted.subject)}) has no room "
        f"(limit {say(wanted.limit)}{unit}, spent {say(wanted.spent)}, held {say(wanted.held)}, needed {say(wanted.needed)}); "
        f"{who} may grant {listing([say(one) for one in wanted.grants], 'or')}{unit}"
    )
