"""What an attempt cost: at real usage where the provider said it, else at a bound that is never below what was consumed."""

from collections.abc import Iterable, Sequence

import msgspec

from orchvynt.catalog.bounds import WINDOW_MOST
from orchvynt.decisions.budgets.sizing import OUTPUT_TOKENS_MOST, OUTPUT_TOKENS_UNKNOWN
from orchvynt.decisions.routing.names import resolve
from orchvynt.dialects.shapes import Answer, Seen
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle.events import AnswerArrived, AnyEvent, AttemptFailed, StreamEnded
from orchvynt.lifecycle.state import State
from orchvynt.model import facts
from orchvynt.model.money import FREE, Price, cost_nanos
from orchvynt.model.usage import NO_USAGE, Usage


def settle(snapshot: Snapshot, state: State, event: AnyEvent, usage: Usage, why: str = "") -> facts.AttemptSettled:
    """The receipt of the attempt under way, on every budget its hold stands on."""
    placed = state.placed
    assert placed is not None
    state.placed = None
    price = price_of(snapshot, placed.model)
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    charged = usage.input_tokens + usage.surcharge_tokens if usage.cache_written_tokens else usage.input_tokens
    nanos = cost_nanos(price, charged, usage.output_tokens, cached)
    if usage.estimated:
        # The hold also knows what the input may cost beyond its price.
        nanos = max(nanos, placed.nanos_bound)
    state.nanos += nanos
    most, bound = placed.output_tokens_max, placed.input_tokens_bound
    overrun = most is not None and (usage.input_tokens + usage.output_tokens > bound + most or nanos > placed.nanos_bound)
    input_over = max(usage.input_tokens - bound, 0)
    if input_over and placed.reserved:
        overrun = True
    parts = consumed(placed.reserved, nanos, usage)
    return facts.AttemptSettled(state.invocation.id, event.at, placed.attempt, usage, nanos, parts, price.source, overrun, why, input_over)


def consumed(reserved: Iterable[facts.Reserved], nanos: int, usage: Usage) -> tuple[facts.Reserved, ...]:
    """The parts of a hold with what was really consumed in their place."""
    output = usage.output_tokens
    tokens = usage.input_tokens + output
    return tuple(
        [
            facts.Reserved(part.budget, part.subject, part.window, nanos, tokens, output, part.invocations, part.rolls_ns, part.ends_at)
            for part in reserved
        ]
    )


def settle_answer(
    snapshot: Snapshot, state: State, event: AnswerArrived | StreamEnded, usage: Usage | None, output_bytes: int
) -> facts.AttemptSettled:
    """The receipt of a whole answer; without a usable usage it is settled at the bound."""
    assert state.placed is not None
    # Whoever said something has used output for it.
    if usage is not None and (usage.output_tokens or not output_bytes):
        plausible = event.plausible if event.plausible is not None else plausible_usage(snapshot, state.placed, usage)
        if plausible:
            return settle(snapshot, state, event, usage)
    return settle(snapshot, state, event, bound(snapshot, state, output_bytes), "usage missing" if usage is None else "usage absurd")


def settle_unknown(snapshot: Snapshot, state: State, event: AnyEvent, seen: Seen | None, why: str) -> tuple[facts.AnyFact, ...]:
    """Ends the attempt under way, whose outcome nobody will learn: it may have run to its limit."""
    placed = state.placed
    assert placed is not None
    output_bytes = seen.output_bytes if seen else 0
    ended = facts.AttemptEnded(
        state.invocation.id,
        event.at,
        placed.attempt,
        "cancelled",
        event.mono - state.sent_mono,
        response_id=seen.response_id if seen else "",
        response_model=seen.response_model if seen else "",
    )
    return ended, settle(snapshot, state, event, bound(snapshot, state, output_bytes, seen.usage if seen else None), why)


def take_back(state: State, unwritten: Sequence[facts.AnyFact]) -> tuple[str, list[facts.AnyFact]]:
    """The attempt that was to be sent never was: its hold and its send are not on record yet. Gives its id, and what is to be written
    without them."""
    asking = state.judging or state
    placed = asking.placed
    assert placed is not None
    asking.phase, asking.placed = "admitting", None
    asking.attempt_count -= 1
    asking.counted = asking.counted and not any(part.invocations for part in placed.reserved)
    its_own = facts.HoldPlaced, facts.AttemptSent
    return placed.attempt, [fact for fact in unwritten if not (isinstance(fact, its_own) and fact.attempt == placed.attempt)]


def end_answered(
    snapshot: Snapshot, state: State, event: AnswerArrived | StreamEnded, told: Answer | Seen, delivered_bytes: int = 0
) -> list[facts.AnyFact]:
    """The end of the attempt under way, which gave a whole answer, and its receipt. `told` is what the provider says of it."""
    placed = state.placed
    assert placed is not None
    ended = facts.AttemptEnded(
        state.invocation.id,
        event.at,
        placed.attempt,
        "answered",
        event.mono - state.sent_mono,
        200,
        told.response_id,
        event.provider_request_id,
        response_model=told.response_model,
        finish=told.finish,
        delivered_bytes=delivered_bytes,
        dropped=event.dropped,
        quota_ns=event.quota_ns,
    )
    return [ended, settle_answer(snapshot, state, event, told.usage, told.output_bytes)]


def end_failed(snapshot: Snapshot, state: State, event: AttemptFailed) -> list[facts.AnyFact]:
    """The end of the attempt under way, which gave no whole answer: its hold is returned, or settled where it may have run."""
    failure, seen, placed = event.failure, event.seen, state.placed
    assert placed is not None
    ended = facts.AttemptEnded(
        state.invocation.id,
        event.at,
        placed.attempt,
        failure.outcome,
        event.mono - state.sent_mono,
        failure.status,
        seen.response_id if seen else "",
        event.provider_request_id,
        response_model=seen.response_model if seen else "",
        message=failure.message,
        retry_after_ns=failure.retry_after_ns,
        delivered_bytes=event.delivered_bytes,
        quota_ns=event.quota_ns,
    )
    if event.may_have_run:
        usage = bound(snapshot, state, seen.output_bytes if seen else 0, seen.usage if seen else None)
        return [ended, settle(snapshot, state, event, usage, f"outcome unknown: {failure.outcome}")]
    state.placed = None
    if any(part.invocations for part in placed.reserved):
        state.counted = False
    return [ended, facts.HoldVoided(state.invocation.id, event.at, placed.attempt, failure.outcome)]


def bound(snapshot: Snapshot, state: State, output_bytes: int, partial: Usage | None = None) -> Usage:
    """The most that the attempt under way can have consumed."""
    assert state.placed is not None
    return bound_of(snapshot, state.placed, output_bytes, partial)


def bound_of(snapshot: Snapshot, placed: facts.HoldPlaced, output_bytes: int = 0, partial: Usage | None = None) -> Usage:
    """The most that a hold's attempt can have consumed: its hold, and at least what was seen (bytes bound the tokens)."""
    seen = partial if partial is not None and plausible_usage(snapshot, placed, partial) else NO_USAGE
    output = placed.output_tokens_max
    if output is None:
        # Nothing bounded it: what was seen, or the model's own limit, whichever is more.
        model = resolve(snapshot, placed.model)
        own = model.max_output_tokens if model is not None else 0
        output = max(output_bytes, min(own or OUTPUT_TOKENS_UNKNOWN, OUTPUT_TOKENS_MOST))
    return Usage(max(placed.input_tokens_bound, seen.input_tokens), max(output, seen.output_tokens), estimated=True)


def plausible_usage(snapshot: Snapshot, placed: facts.HoldPlaced, usage: Usage) -> bool:
    """Whether a reported usage can be true at all: nothing is negative, there is input, and neither side is larger than the context
    that the model has, unless its hold foresaw that much. What is merely more than was held can be true: it is the provider's overrun."""
    model = snapshot.models.get(placed.model) or resolve(snapshot, placed.model)
    window = (model.context_window if model is not None else 0) or WINDOW_MOST
    read, written = usage.input_tokens, usage.output_tokens
    if read <= 0 or (read > window and read > placed.input_tokens_bound):
        return False
    if written < 0 or (written > window and written > (placed.output_tokens_max or 0)):
        return False
    cached, thought, kept, cache_written = (
        usage.cached_input_tokens, usage.reasoning_tokens, usage.cache_kept_tokens, usage.cache_written_tokens,
    )  # fmt: skip
    if not (cached or thought or kept or cache_written):
        return True
    return 0 <= cached <= read and thought >= 0 and (thought <= written or thought <= window) and 0 <= kept <= cache_written <= read


def price_of(snapshot: Snapshot, name: str) -> Price:
    """The price in force for a model; one without a known price is metered in tokens only."""
    model = snapshot.models.get(name) or resolve(snapshot, name)
    return (model.price if model is not None else None) or msgspec.structs.replace(FREE, source="unknown")
