"""What callers are told: the headers of every answer, errors in their dialect, streams and their ends."""

from functools import lru_cache

from orchvynt.dialects import registry
from orchvynt.dialects.route import RouteFacts, write_route
from orchvynt.lifecycle.replies import reply_of
from orchvynt.lifecycle.rescue import rescued_by
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model.candidates import CandidateChosen
from orchvynt.model.faults import Fault
from orchvynt.model.money import usd_text
from orchvynt.ports.caller import CallerLine, SharedHeaders
from orchvynt.runtime.life import Caller, Life

LOW_PERCENT = 80
CHANGED_BY_RESCUE = frozenset({"x-orchvynt-model", "x-orchvynt-provider", "x-orchvynt-tier", "x-orchvynt-attempts"})


def shared_headers(life: Life) -> SharedHeaders:
    """The `x-orchvynt-*` headers that the answers of one rule and model have in common."""
    state = life.state
    return _shared(
        state.policy_version, candidate_of(state), state.attempt_count, state.rule, state.invocation.ask.requested_model, state.dropped
    )


@lru_cache(1024)  # few rules and models stand for most answers; saves 2 µs on each (bench/)
def _shared(version: int, candidate: CandidateChosen, attempts: int, rule: str, requested: str, dropped: tuple[str, ...]) -> SharedHeaders:
    model, provider, tier = candidate.model, candidate.provider, candidate.tier
    if candidate.why.startswith("downgrade:"):
        # What chose a model beside the plan is its budget.
        rule = candidate.why
    headers = [("x-orchvynt-policy", str(version))]
    if model:
        headers += [("x-orchvynt-model", model), ("x-orchvynt-provider", provider), ("x-orchvynt-tier", str(tier))]
    headers.append(("x-orchvynt-attempts", str(attempts)))
    if rule:
        headers.append(("x-orchvynt-rule", rule))
    # Words of a reviewer are of no model.
    if model and requested != model:
        headers.append(("x-orchvynt-requested-model", requested))
    if dropped:
        headers.append(("x-orchvynt-dropped", ", ".join(dropped)))
    return tuple(headers)


def own_headers(life: Life, now: int, remaining: tuple[str, bool]) -> list[tuple[str, str]]:
    """Those of a whole answer that are its own. `remaining` is the tightest budget in words and whether it is low."""
    state = life.state
    headers = [
        ("x-orchvynt-invocation", life.id),
        ("x-orchvynt-cost-usd", usd_text(state.nanos)),
        ("x-orchvynt-overhead-ms", overhead_ms(life, now)),
    ]
    said, low = remaining
    if said:
        headers.append(("x-orchvynt-budget-remaining", said))
    if low:
        headers.append(("x-orchvynt-budget-low", said.partition(";")[0]))
    if state.limited_by and _finish(life) == "length":
        headers.append(("x-orchvynt-limited-by", f"budget:{state.limited_by}"))
    if state.reworded:
        headers.append(("x-orchvynt-review-edited", state.reworded))
    if life.rate_headers:
        headers += life.rate_headers
    return headers


def known_headers(life: Life) -> list[tuple[str, str]]:
    """Those that are known from the first moment."""
    return [("x-orchvynt-invocation", life.id), ("x-orchvynt-policy", str(life.state.policy_version)), *life.rate_headers]


def start_headers(life: Life) -> list[tuple[str, str]]:
    """Those that are known before the answer is whole."""
    return [("x-orchvynt-invocation", life.id), *shared_headers(life), *life.rate_headers]


def start(caller: Caller, headers: list[tuple[str, str]], stream_type: str) -> None:
    """The head of a stream. What it says is remembered, so that the notes at the end say the rest."""
    caller.opened = True
    caller.told = frozenset(name for name, _ in headers)
    caller.line.start(200, _with_request_id(headers, caller), stream_type)


def notes(life: Life, caller: Caller, now: int, remaining: tuple[str, bool]) -> list[tuple[str, str]]:
    """What a stream says at its end, because its head did not."""
    said = (*shared_headers(life), *own_headers(life, now, remaining))
    told = caller.told
    if life.state.rescues:
        # The head named who began the answer; this is who ended it.
        said = (*said, ("x-orchvynt-rescued", rescued_by(life.snapshot, life.state)))
        told -= CHANGED_BY_RESCUE
    return [(name.removeprefix("x-orchvynt-"), value) for name, value in said if name not in told]


def overhead_ms(life: Life, now: int) -> str:
    """Milliseconds that were ours: since the arrival, less the time spent with providers."""
    return f"{max(0, now - life.arrived - life.upstream_ns) / 1_000_000:.3f}"


def _finish(life: Life) -> str:
    state = life.state
    if state.answer is not None:
        return state.answer.finish
    if state.reply is not None:
        return state.reply.finish
    seen = life.exchange.seen if life.exchange is not None else None
    return seen.finish if seen is not None else ""


def body(life: Life) -> bytes:
    """The whole answer in the caller's dialect: the provider's own bytes where they are of the same dialect."""
    state = life.state
    invocation = state.invocation
    candidate = candidate_of(state)
    if invocation.dialect == "route":
        told = RouteFacts(invocation.id, candidate.model, candidate.provider, state.rule, candidate.tier, state.attempt_count, state.nanos)
        return write_route(reply_of(life.snapshot, state), told)
    caller = registry.caller(invocation.dialect)
    if state.answer is not None:
        provider = registry.provider_for(life.snapshot.providers[candidate.provider].wire, invocation.dialect)
        if provider.caller_twin == caller.name:
            return state.answer.body
    return caller.write(reply_of(life.snapshot, state))


def deliver(life: Life, caller: Caller, now: int, remaining: tuple[str, bool]) -> None:
    """Gives one caller the whole answer in the form it asked for."""
    state = life.state
    ask = state.invocation.ask
    if not ask.stream or caller.form == "result":
        headers = own_headers(life, now, remaining)
        if caller.request_id:
            headers.append(("x-request-id", caller.request_id))
        caller.line.answer(200, headers, body(life), shared=shared_headers(life))
        return
    dialect = registry.caller(state.invocation.dialect)
    if not caller.opened:
        start(caller, start_headers(life), dialect.stream_type)
    said = notes(life, caller, now, remaining)
    if state.stream_body:
        caller.line.write(dialect.with_notes(state.stream_body, said))
    else:
        caller.line.write(dialect.write_stream(reply_of(life.snapshot, state), ask.wants_usage, said))
    caller.line.end()


def refuse(life: Life, caller: Caller, fault: Fault) -> None:
    """Tells one caller; a stream that was opened ends with the dialect's error event and without its terminal marker."""
    state = life.state
    dialect = registry.caller(state.invocation.dialect)
    if caller.opened:
        caller.line.write(dialect.error_event(fault, state.invocation.id))
        caller.line.abort()
        return
    headers = known_headers(life)
    status = 202 if fault.code == "hitl_pending" and state.invocation.dialect == "route" else fault.status
    answer_fault(caller.line, fault, dialect.error(fault, state.invocation.id), _with_request_id(headers, caller), status)


def answer_fault(line: CallerLine, fault: Fault, said: bytes, headers: list[tuple[str, str]], status: int = 0) -> None:
    """The head and body of a refusal."""
    if fault.retry_after_seconds is not None:
        headers.append(("retry-after", str(fault.retry_after_seconds)))
    if fault.should_retry is not None:
        headers.append(("x-should-retry", "true" if fault.should_retry else "false"))
    line.answer(status or fault.status, headers, said)


def _with_request_id(headers: list[tuple[str, str]], caller: Caller) -> list[tuple[str, str]]:
    if caller.request_id:
        headers.append(("x-request-id", caller.request_id))
    return headers
