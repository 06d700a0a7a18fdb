"""The one sentence at the top of an explanation: what was asked, what came back, why, what it cost, and who approved it."""

from typing import Final

from orchvynt.lifecycle.explain.phrases import count, dollars, failure_text, instant_text, listing, quoted, skipped_text
from orchvynt.lifecycle.explain.shapes import Outcome
from orchvynt.lifecycle.explain.story import Attempt, Story
from orchvynt.model.facts import Decision, InvocationRefused, ReviewDecided, ReviewOpened

_PASSED: Final[dict[Decision, str]] = {
    "approve": "approved",
    "edit": "edited",
    "respond": "answered in the model's place",
    # The caller was told so in words: it has an answer all the same.
    "reject": "rejected",
}


def outcome_of(story: Story) -> Outcome:
    if story.finished is not None:
        return story.finished.outcome
    if story.open_review is not None:
        return "parked"
    if story.refused is not None:
        return "refused"
    return "running" if story.received is not None or story.attempts or story.routed is not None else "unknown"


def verdict_of(story: Story, settled_nanos: int, estimated: bool) -> str:
    """One sentence that ends with a full stop, whatever part of the record is there."""
    outcome = outcome_of(story)
    asked = f"Asked {story.asked}" if story.asked else "Asked for a model that is not on record"
    cost = f"{dollars(settled_nanos)}{' (estimated)' if estimated else ''}"
    match outcome:
        case "unknown":
            return "Nothing is on record."
        case "parked":
            review = story.open_review
            unsent = review is not None and (review.wanted is not None or review.stage == "input")
            middle = f"{'nothing was sent' if unsent else _got(story)}; {_waiting(story.open_review)}"
        case "running":
            middle = _running(story)
        case "cancelled":
            middle = f"the caller left {_place(story.left.where if story.left else '')}{_arrivals(story)}"
        case "interrupted":
            middle = f"a crash of OrchVynt interrupted it{_crash(story)}"
        case "failed":
            middle = _failed(story)
        case "refused":
            middle = _refused(story)
        case "answered":
            middle = _got(story) + _ending(story)
    if outcome in ("parked", "running"):
        cost += " so far"
    approvals = [] if outcome == "refused" else _approvals(story)
    return f"{'; '.join([asked, middle, cost, *approvals])}."


def _got(story: Story) -> str:
    """`got claude, because openai answered 429`; `got gpt-4o from openai`; `got gpt-4o-mini (rule cheap)`."""
    answering = story.answering
    if story.rescues:
        return _rescued(story)
    model = _answering_model(story)
    if not model:
        return "got a reviewer's words, and nothing was sent" if story.delivered is not None else "no answer is on record"
    tiers = (story.finished, story.delivered) if not story.broke_off else (story.delivered, story.finished)
    tier = next((source.tier for source in (*tiers, answering) if source is not None and source.tier), 0)
    if reasons := _reasons(story, before_tier=tier, answering=answering):
        return f"got {model}, because {listing(reasons)}"
    if model != story.asked:
        why = next((candidate.why for candidate in story.routed.candidates if candidate.model == model), "") if story.routed else ""
        return f"got {model} ({why})" if why else f"got {model}"
    provider = (story.finished.provider if story.finished else "") or (answering.provider if answering else "")
    return f"got {model} from {provider}" if provider else f"got {model}"


def _rescued(story: Story) -> str:
    """`got the beginning from gpt-4o and the rest from claude (prefill), because the stream from openai was cut`."""
    last = story.rescues[-1]
    reasons = _reasons(story, before_tier=last.to_tier, answering=None)
    because = f", because {listing(reasons)}" if reasons else ""
    if last.method == "restart":
        return f"got {last.to_model} in place of {last.from_model}{because}"
    return f"got the beginning from {last.from_model} and the rest from {last.to_model} ({last.method}){because}"


def _answering_model(story: Story) -> str:
    # Of a stream that broke off, who was asked last to go on with it gave nothing.
    sources = (story.finished, story.delivered, story.answering) if not story.broke_off else (story.delivered, story.finished)
    for source in sources:
        if source is not None and source.model:
            return source.model
    return ""


def _reasons(story: Story, before_tier: int, answering: Attempt | None) -> list[str]:
    """Why each earlier tier gave no answer, in the order of the tiers; one reason a tier, with the number of tries.

    Of a tier that was tried, that it was passed by another time says nothing more."""
    tried: dict[int, list[str]] = {}
    for attempt in story.attempts.values():
        if (
            attempt is answering
            or attempt.is_judge
            or attempt.ended is None
            or attempt.ended.outcome == "answered"
            or attempt.tier >= before_tier
        ):
            continue
        tried.setdefault(attempt.tier, []).append(
            failure_text(attempt.ended.outcome, attempt.ended.upstream_status, attempt.provider, attempt.model)
        )
    told = {tier: _with_tries(reasons) for tier, reasons in tried.items()}
    for skip in story.skipped:
        if skip.tier < before_tier and skip.tier not in tried:
            told[skip.tier] = skipped_text(skip.model, skip.why, skip.detail)
    return [told[tier] for tier in sorted(told)]


def _with_tries(reasons: list[str]) -> str:
    last = reasons[-1]
    if len(reasons) == 1:
        return last
    tries = count(len(reasons), "try", "tries")
    return f"{last[:-1]}, {tries})" if last.endswith(")") else f"{last} ({tries})"


def _ending(story: Story) -> str:
    """What must be said of an answer that did not end well."""
    ended = story.stream_ended
    if ended is None or ended.whole:
        return ""
    if ended.code == "caller_gone":
        return ", but the caller left before its stream was whole"
    return f", but its stream was cut and ended with an error event ({ended.code or 'no code'})"


def _waiting(review: ReviewOpened | None) -> str:
    if review is None:
        return "waits for a review"
    who = listing(list(review.reviewers), "or") or "a reviewer"
    where = review.gate if review.wanted is not None else f"gate {review.gate}"
    return f"waits at {where} for {who} since {instant_text(review.at)} (review {review.review})"


def _running(story: Story) -> str:
    flying = [attempt for attempt in story.sent if attempt.ended is None]
    if flying and (sent := flying[-1].sent) is not None:
        return f"running: attempt {sent.number} is at {sent.provider} ({sent.model}) since {instant_text(sent.at)}"
    if story.delivered is not None and story.stream_ended is None and story.delivered.streaming:
        return f"running: {story.delivered.model} streams its answer since {instant_text(story.delivered.at)}"
    return f"running; {count(len(story.sent), 'attempt')} so far"


def _place(where: str) -> str:
    return f"({quoted(where)})" if where else "before its answer was whole"


def _arrivals(story: Story) -> str:
    if not story.sent:
        return "; nothing was sent to a provider"
    return f" after {count(len(story.sent), 'attempt')} ({listing([attempt.model for attempt in story.sent])})"


def _crash(story: Story) -> str:
    """What became of the attempts that the crash cut off."""
    parts = []
    for attempt in story.attempts.values():
        if attempt.receipt is not None and attempt.receipt.usage.estimated:
            where = attempt.provider or attempt.model
            parts.append(f"attempt {attempt.number} to {where} is settled at its hold of {dollars(attempt.receipt.nanos)}")
        elif attempt.voided is not None and attempt.ended is None:
            parts.append(f"attempt {attempt.number} was never sent and its hold is returned")
    if parts:
        return f": {listing(parts)}"
    return "" if story.sent else "; nothing was sent to a provider"


def _failed(story: Story) -> str:
    if story.broke_off:
        return _got(story) + _ending(story)
    reasons = _reasons(story, before_tier=1 << 30, answering=None)
    said = f" ({story.refused.status} {story.refused.code})" if story.refused else ""
    if reasons:
        return f"no answer{said}, because {listing(reasons)}"
    return f"no answer{said}: {quoted(story.refused.message).rstrip('.')}" if story.refused else "no answer, and no attempt is on record"


def _refused(story: Story) -> str:
    refused = story.refused
    decided = next((decision for decision in reversed(story.decisions.values()) if decision.decision in ("reject", "expire")), None)
    if decided is not None:
        got = _got(story) if story.sent else "nothing was sent"
        if decided.decision == "expire":
            return f"{got}, but nobody decided in time at gate {_gate(story, decided)}, so it was rejected (review_expired)"
        return f"{got}, but {decided.by} rejected it{_because(decided)}"
    if refused is None:
        return "refused"
    nothing = "" if story.sent else "; nothing was sent to a provider"
    return f"refused ({refused.status} {refused.code}): {quoted(refused.message).rstrip('.')}{_numbers(refused)}{nothing}"


def _numbers(refused: InvocationRefused) -> str:
    """The numbers that decided, if the message has none of its own."""
    if any(character.isdigit() for character in refused.message):
        return ""
    numbers = [f"{name} {value}" for name, value in refused.detail.items() if isinstance(value, str | int | float) and value != ""]
    return f" ({', '.join(numbers)})" if numbers else ""


def _gate(story: Story, decided: ReviewDecided) -> str:
    return next((review.gate for review in story.reviews if review.review == decided.review), "of an unknown name")


def _because(decided: ReviewDecided) -> str:
    return f" (reason: {quoted(decided.reason)})" if decided.reason else ""


def _approvals(story: Story) -> list[str]:
    after = {review.review for review in story.reviews if review.after_delivery}
    return [
        f"{_PASSED[decided.decision]}{' afterwards' if decided.review in after else ''} by {decided.by}{_because(decided)}"
        for decided in story.decisions.values()
        if decided.decision in _PASSED
    ]
