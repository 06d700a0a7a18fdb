"""One line of text for each fact of a record, in the order in which they were written."""

from typing import Any, Final

import msgspec

from orchvynt.lifecycle.explain.gates import confidence_text, judged_text, measured_text
from orchvynt.lifecycle.explain.passing import passed_text
from orchvynt.lifecycle.explain.phrases import (
    PASSED_BY,
    count,
    dollars,
    duration_text,
    failure_text,
    instant_text,
    listing,
    milliseconds,
    passed_by_numbers,
    quoted,
    skipped_text,
)
from orchvynt.lifecycle.explain.reviews import ReviewFact, review_text
from orchvynt.lifecycle.explain.shapes import Entry
from orchvynt.lifecycle.explain.story import Story
from orchvynt.model import facts as f
from orchvynt.model.budget_facts import PROMPTS
from orchvynt.model.candidates import CandidateChosen
from orchvynt.model.repeats import AnswerRepeated

HIDDEN: Final = frozenset({"fact", "inv", "at", "state", "diff"})


def entry(fact: f.AnyFact, story: Story, started_at: int) -> Entry:
    """`detail` repeats the fact's fields; a parked state is left out, because it holds the answer, and so is what an edit made of it."""
    return Entry(
        at=instant_text(fact.at),
        offset_ms=milliseconds(fact.at - started_at),
        kind=str(fact.__struct_config__.tag),
        text=_text(fact, story),
        detail=_detail(fact),
    )


def _detail(fact: f.AnyFact) -> dict[str, Any]:
    if isinstance(fact, f.ReviewVoted) and fact.vote.text:
        fact = msgspec.structs.replace(fact, vote=msgspec.structs.replace(fact.vote, text=""))
    fields: dict[str, Any] = msgspec.to_builtins(fact, builtin_types=(bytes,))
    return {name: value for name, value in fields.items() if name not in HIDDEN}


def _text(fact: f.AnyFact, story: Story) -> str:
    match fact:
        case f.InvocationReceived():
            return _received(fact)
        case f.Routed():
            return _routed(fact)
        case f.GateJudged():
            return judged_text(fact)
        case f.ConfidenceTaken():
            return confidence_text(fact)
        case f.AnswerMeasured():
            return measured_text(fact)
        case _ if isinstance(fact, ReviewFact):
            return review_text(fact)
        case f.AnswerDelivered() | f.StreamEnded() | f.InvocationRefused() | f.CallerLeft() | f.FallbackEnded() | f.InvocationFinished():
            return _ending(fact)
        case f.FeedbackGiven():
            return _feedback(fact)
        case AnswerRepeated():
            return f"the request came again under its idempotency key and was answered the same (status {fact.status})"
        case _:
            return _on_the_way(fact, story)


def _received(fact: f.InvocationReceived) -> str:
    claims = fact.claims
    names = (
        ("key", fact.key),
        ("agent", claims.agent),
        ("workflow", claims.workflow),
        ("run", claims.run),
        ("session", claims.session),
        ("workload", claims.workload),
    )
    inferred = " (inferred: it goes on with an earlier conversation)" if claims.run_source == "inferred" else ""
    told = ", ".join(f"{word} {quoted(name)}{inferred if word == 'run' else ''}" for word, name in names if name)
    nested = f"; at depth {fact.depth}, called by {quoted(claims.parent)}" if claims.parent else ""
    overruled = f"; overruled: {'; '.join(quoted(one) for one in fact.claims_overruled)}" if fact.claims_overruled else ""
    return (
        f"asked for {quoted(fact.requested_model) or 'no model'} at {fact.endpoint}{' as a stream' if fact.stream else ''}"
        f"{' with an idempotency key' if fact.idempotent else ''}"
        f"{f' by {told}' if told else ''}; policy version {fact.policy_version}{nested}{overruled}"
    )


def _routed(fact: f.Routed) -> str:
    by = f"rule {fact.rule}" if fact.rule else "no rule matched"
    plan = [_candidate(candidate) for candidate in fact.candidates]
    parts = [by, *(f"rule {name} {quoted(how)}" for name, how in fact.rules if how.startswith("failed"))]
    parts.append(f"the plan is {', then '.join(plan)}" if plan else "no candidate is left")
    parts += [f"not {candidate.model}: {candidate.why}" for candidate in fact.rejected]
    parts += [f"a chain's condition failed, so it did not match: {quoted(when)} ({quoted(why)})" for when, why in fact.chain_failures]
    return "; ".join(parts)


def _candidate(candidate: CandidateChosen) -> str:
    """`gpt-4o (rule fast; unmeasured: p95_ms)`."""
    said = [candidate.why] if candidate.why else []
    if candidate.unmeasured:
        said.append(f"unmeasured: {', '.join(candidate.unmeasured)}")
    return f"{candidate.model} ({'; '.join(said)})" if said else candidate.model


def _parts(reserved: tuple[f.Reserved, ...]) -> str:
    """`$0.0123 on doc-analysis (wf-1) and 400 tokens on free-session (s-1)`."""
    parts = []
    for part in reserved:
        if part.budget.endswith(PROMPTS):
            continue  # another book of a budget that is named already
        amounts = [text for text in (dollars(part.nanos) if part.nanos else "", count(part.tokens, "token") if part.tokens else "") if text]
        parts.append(f"{' and '.join(amounts) or 'nothing'} on budget {part.budget} ({quoted(part.subject) or 'all'})")
    return listing(parts)


def _on_the_way(fact: f.AnyFact, story: Story) -> str:
    """Everything between the route and the answer: candidates, holds, attempts, receipts."""
    match fact:
        case f.CandidateSkipped():
            numbers = passed_by_numbers(fact.detail) if fact.why in PASSED_BY else _numbers(fact.detail)
            return f"tier {fact.tier}: {skipped_text(fact.model, fact.why, fact.detail)}{numbers}"
        case f.HoldAwaited():
            return (
                f"tier {fact.tier}: {fact.model} waits for holds on budget {fact.budget} ({quoted(fact.subject) or 'all'}) to be released"
            )
        case f.Downgraded():
            unmeasured = f" (unmeasured: {', '.join(fact.unmeasured)})" if fact.unmeasured else ""
            return f"budget {fact.budget} admits {fact.model} past its limit: it is asked as tier {fact.tier}{unmeasured}"
        case f.BudgetThresholdPassed():
            return passed_text(fact)
        case f.HoldPlaced():
            held = f"held {_parts(fact.reserved)}" if fact.reserved else "no budget applies, nothing is held"
            return f"{_attempt(story, fact.attempt)}: {held} before the send{_counted(fact)}{_limited(fact)}{_overflowing(fact)}"
        case f.AttemptSent():
            place = "as a judge of the answer" if fact.purpose == "judge" else f"tier {fact.tier}"
            return f"{_attempt(story, fact.attempt)}: sent to {fact.provider} as {fact.upstream_model} ({place}, {fact.model})"
        case f.AttemptEnded():
            return f"{_attempt(story, fact.attempt)}: {_ended(fact, story)}"
        case f.RetryScheduled():
            return f"retries {fact.model} in {duration_text(fact.wait_ns)} ({quoted(fact.why)})"
        case f.FallbackActivated():
            return f"falls back from {fact.from_model} to {fact.to_model} (tier {fact.to_tier}), because of {fact.trigger}"
        case f.StreamRescued():
            return _rescued(fact)
        case f.AttemptSettled():
            return f"{_attempt(story, fact.attempt)}: {_settled(fact)}"
        case f.BudgetGranted():
            return _granted(fact)
        case f.HoldVoided():
            return f"{_attempt(story, fact.attempt)}: its hold is returned whole ({quoted(fact.why)})"
        case _:
            return str(fact.__struct_config__.tag).replace("_", " ")


def _rescued(fact: f.StreamRescued) -> str:
    if fact.method == "restart":
        return f"{fact.to_model} (tier {fact.to_tier}) answers in place of {fact.from_model}, of whose answer nothing was delivered"
    how = "extends it (prefill)" if fact.method == "prefill" else "was asked to go on with it (instruct)"
    cut = f"; {count(fact.cut_chars, 'character')} that repeated its end were left out" if fact.cut_chars else ""
    delivered = count(fact.delivered_bytes, "byte")
    return f"{fact.to_model} (tier {fact.to_tier}) goes on after {delivered} of the answer of {fact.from_model}: it {how}{cut}"


def _numbers(detail: dict[str, Any]) -> str:
    """The numbers that decided."""
    numbers = ", ".join(f"{name} {value}" for name, value in detail.items() if isinstance(value, str | int | float))
    return f" ({quoted(numbers)})" if numbers else ""


def _counted(fact: f.HoldPlaced) -> str:
    return f"; {count(fact.input_tokens_bound, 'token')} of input as {fact.input_counted_by} counts" if fact.input_counted_by else ""


def _limited(fact: f.HoldPlaced) -> str:
    if not fact.limited_by:
        return ""
    return f"; output limited to {count(fact.output_tokens_max or 0, 'token')} by budget {fact.limited_by}"


def _overflowing(fact: f.HoldPlaced) -> str:
    if not fact.overflows:
        return ""
    names = listing([f"budget {name}" for name in fact.overflows])
    return f"; past the limit of {names}, which admits {fact.model} there"


def _attempt(story: Story, attempt: str) -> str:
    return f"attempt {story.attempt(attempt).number}"


def _ended(fact: f.AttemptEnded, story: Story) -> str:
    known = story.attempt(fact.attempt)
    after = f"after {duration_text(fact.duration_ns)}"
    quota = f"; nothing is left of its quota, so it rests for {duration_text(fact.quota_ns)}" if fact.quota_ns else ""
    if fact.outcome == "answered":
        first = f", first token after {duration_text(fact.first_token_ns)}" if fact.first_token_ns else ""
        without = f", without {listing(list(fact.dropped))}, which it cannot express" if fact.dropped else ""
        return f"{known.provider or known.model or 'the provider'} answered {after}{first}{without}{quota}"
    wait = f"; asks to wait {duration_text(fact.retry_after_ns)}" if fact.retry_after_ns else ""
    words = f': "{quoted(fact.message)}"' if fact.message else ""
    status = fact.upstream_status
    who = known.provider or known.model or "the provider"
    # The word of the table and the provider's own words are here; what the verdict says in brief need not stand beside them.
    failed = f"{who} answered {status}" if status >= 400 else failure_text(fact.outcome, status, known.provider, known.model)
    return f"{failed} ({fact.outcome}) {after}{words}{wait}{quota}"


def _settled(fact: f.AttemptSettled) -> str:
    usage = fact.usage
    estimated = ", estimated: a bound that no provider confirmed" if usage.estimated else ""
    overrun = "; the provider billed more than was held" if fact.overrun else ""
    if fact.input_over:
        overrun += f"; its input is {count(fact.input_over, 'token')} more than its bound"
    why = f" ({quoted(fact.why)})" if fact.why else ""
    return f"settled {dollars(fact.nanos)} for {usage.input_tokens} tokens in and {usage.output_tokens} out{estimated}{why}{overrun}"


def _granted(fact: f.BudgetGranted) -> str:
    amount = dollars(fact.nanos) if fact.nanos else count(fact.tokens, "token")
    until = f"until {instant_text(fact.until)}" if fact.until else "for its lifetime"
    return f"{amount} more of budget {fact.budget} granted to {quoted(fact.subject)} {until}"


def _ending(
    fact: f.AnswerDelivered | f.StreamEnded | f.InvocationRefused | f.CallerLeft | f.FallbackEnded | f.InvocationFinished,
) -> str:
    match fact:
        case f.AnswerDelivered():
            how = "streams to the caller" if fact.streaming else "goes to the caller"
            if not fact.model:
                return f"the reviewer's words go to the caller as the answer, with status {fact.status}"
            return f"the answer of {fact.model} (tier {fact.tier}) {how} with status {fact.status}"
        case f.StreamEnded():
            if fact.whole:
                return f"the stream ended whole after {count(fact.bytes, 'byte')}"
            return f"the stream ended without its terminal marker after {count(fact.bytes, 'byte')} ({fact.code})"
        case f.InvocationRefused():
            return f"the caller was answered {fact.status} {fact.code}: {quoted(fact.message)}"
        case f.CallerLeft():
            return f"the caller left ({quoted(fact.where)})"
        case f.FallbackEnded():
            after = duration_text(fact.duration_ns)
            return f"the fallback ({fact.trigger}) ended at tier {fact.tier}, {fact.model}, after {after}: {fact.outcome}"
        case f.InvocationFinished():
            return f"finished: {fact.outcome}, {dollars(fact.nanos)}, {duration_text(fact.duration_ns)}"


def _feedback(fact: f.FeedbackGiven) -> str:
    label = f" ({quoted(fact.label)})" if fact.label else ""
    comment = f': "{quoted(fact.comment)}"' if fact.comment else ""
    return f"the caller scored the answer of {fact.model} {fact.score:g} of 1{label}{comment}"
