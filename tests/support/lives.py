"""Random lives of an invocation for property tests: policies, requests, and whatever may legally happen next.

`next_event` follows `lifecycle.table.TABLE`, as far as the runtime can bring an event about: a caller can only leave if one waits.
"""

from collections.abc import Callable

import msgspec
from hypothesis import strategies as st
from tests.support.snapshots import EVERY_TRIGGER, SECOND, invocation, snapshot

from orchvynt.decisions.budgets.application import lines
from orchvynt.decisions.budgets.sizing import Fits, Short
from orchvynt.dialects.shapes import Answer, Failure, Seen
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.snapshot import Budget, Chain, Escalation, Expression, Gate, Model, Provider, Retry, Scope, Snapshot
from orchvynt.lifecycle import events
from orchvynt.lifecycle.commands import Admit
from orchvynt.lifecycle.state import State
from orchvynt.model.chat import Reply, ToolCall
from orchvynt.model.facts import Reserved
from orchvynt.model.invocation import Claims, Invocation
from orchvynt.model.money import FREE, Price, cost_nanos
from orchvynt.model.usage import Usage

LAB = Provider("lab", "ollama", "ollama_chat", "127.0.0.1", 3, False, "", None)
PRICE = Price(input=2_500_000_000, output=10_000_000_000, cached_input=1_250_000_000, source="policy")
PRICES = {"gpt": PRICE, "claude": None, "local": FREE}
NAMES = ("gpt", "claude", "local")
STATUS = {
    "rate_limit": 429, "quota": 429, "overloaded": 529, "server_error": 500, "auth": 401, "bad_request": 400, "context_length": 400,
    "content_filter": 400, "connection": 0, "timeout": 0, "malformed": 200, "stall": 200, "cut": 200, "policy": 0,
}  # fmt: skip
CONDITIONS = ('"review" in flags', "output.tokens > 3", 'output.text == "hi"', "context.amount > 100", '"review" in flags || cost > 0.00001')


def condition(text: str) -> Expression:
    compiled = compile_expression(text, "output")
    assert isinstance(compiled, Compiled), compiled
    return compiled.expression


WHENS: tuple[Expression | None, ...] = (None, *(condition(text) for text in CONDITIONS))


@st.composite
def policies(draw: st.DrawFn) -> Snapshot:
    """One to three tiers; none to two budgets and gates."""
    scopes: list[Scope] = ["global", "workflow", "invocation"]
    budgets = [
        Budget(f"b{number}", scope, None, draw(st.sampled_from(["lifetime", "day"])), draw(st.sampled_from([None, 10**9])), 10_000)
        for number, scope in enumerate(draw(st.lists(st.sampled_from(scopes), max_size=2)))
    ]
    escalations = st.sampled_from([None, Escalation(60 * SECOND, ""), Escalation(60 * SECOND, "people")])
    gates = [
        Gate(f"g{number}", "output", when, "people", False, draw(st.sampled_from([None, 5 * SECOND])), draw(escalations), draw(rarely()))
        for number, when in enumerate(draw(st.lists(st.sampled_from(WHENS), max_size=2)))
    ]
    tiers = tuple(draw(st.permutations(NAMES)))[: draw(st.integers(1, 3))]
    made = snapshot(budgets=tuple(budgets), gates=tuple(gates))
    models = {**made.models, "local": Model("local", LAB, "llama", FREE)}
    triggers = EVERY_TRIGGER if not draw(rarely()) else frozenset(["rate_limit", "status_500"])
    return msgspec.structs.replace(
        made,
        models={name: msgspec.structs.replace(model, price=PRICES[name]) for name, model in models.items()},
        providers={**made.providers, "lab": LAB},
        chain=draw(st.sampled_from([None, Chain("default", tiers, triggers), Chain("default", tiers, triggers)])),
        retry=Retry(draw(st.integers(0, 2)), SECOND // 4, 8 * SECOND, 20 * SECOND),
    )


@st.composite
def requests(draw: st.DrawFn) -> Invocation:
    """Streams and not, through both APIs; now and then for a model that nobody knows."""
    flags = ("review",) if draw(st.booleans()) else ()
    context = draw(st.sampled_from([{}, {"amount": 5}, {"amount": 500}]))
    route = draw(rarely())
    model = draw(st.sampled_from([*NAMES, *NAMES, "auto", "small", "nobody"]))
    made = invocation(model, stream=not route and draw(st.booleans()), claims=Claims(workflow="docs", flags=flags, context=context))
    return msgspec.structs.replace(made, dialect="route", endpoint="/v1/route") if route else made


def rarely() -> st.SearchStrategy[bool]:
    return st.sampled_from([False, False, False, False, True])


class Now(msgspec.Struct):
    """What the runtime knows beside the state: the instant, who waits, and the candidate that it was asked to admit."""

    at: int = 1_000
    mono: int = 10
    waiting: int = 1
    asked: Admit | None = None
    queued: bool = False


def next_event(draw: st.DrawFn, policy: Snapshot, state: State, now: Now) -> events.AnyEvent:
    """Something that can happen now. Time passes with it."""
    now.at += draw(st.integers(1, 2 * SECOND))
    now.mono += draw(st.integers(1, 2 * SECOND))
    options = [lambda: ordinary(draw, policy, state, now)] * 8 + interruptions(state, now)
    return draw(st.sampled_from(options))()


def interruptions(state: State, now: Now) -> list[Callable[[], events.AnyEvent]]:
    """What comes from outside of the normal course."""
    at, mono = now.at, now.mono
    seen = seen_of(state)
    found: list[Callable[[], events.AnyEvent]] = []
    if state.phase == "in_review":
        found.append(lambda: events.CallerJoined(at, mono))
    else:
        found.append(lambda: events.DeadlinePassed(at, mono))
    if now.waiting:
        found += [lambda: events.CallerGone(at, mono, seen, 5 if seen else 0), lambda: events.ShutDown(at, mono, seen, 5 if seen else 0)]
        if state.invocation.ask.stream and not state.streams and not state.stream_opened:
            found.append(lambda: events.StreamOpenDue(at, mono))
        if state.phase == "in_review":
            found.append(lambda: events.CallerWaitElapsed(at, mono))
    return found


def ordinary(draw: st.DrawFn, policy: Snapshot, state: State, now: Now) -> events.AnyEvent:
    """The next step of the normal course, be it good or bad."""
    at, mono = now.at, now.mono
    match state.phase:
        case "admitting":
            return weighed(draw, policy, state, now)
        case "backing_off":
            return events.BackoffElapsed(at, mono)
        case "streaming":
            whole = events.StreamEnded(at, mono, draw(seen(terminal=True)), None, b"", 90, "req")
            return draw(st.sampled_from([whole, whole, failure(draw, state, now)]))
        case "in_review":
            vote = events.Voted(at, mono, draw(st.sampled_from(["approve", "approve", "reject"])), "token:ana", "looked")
            gate = next(gate for gate in policy.gates if gate.name == state.review_gate)
            due = gate.escalation is not None and not state.escalated and draw(st.booleans())
            return events.EscalationDue(at, mono) if due else vote
        case _:
            return ended(draw, state, now)


def weighed(draw: st.DrawFn, policy: Snapshot, state: State, now: Now) -> events.AnyEvent:
    at, mono = now.at, now.mono
    stands_on = lines(policy.budgets, state.budgets, state.invocation, at)
    kind = draw(st.sampled_from(["fits", "fits", "fits", "rests", "short"]))
    if kind == "rests" and now.asked is not None and not now.asked.although_resting:
        why = draw(st.sampled_from(["rate_limit", "timeout", "auth"]))
        return events.NotAdmitted(at, mono, "resting", rests_ns=draw(st.sampled_from([SECOND, 60 * SECOND])), rest_why=why)
    if kind == "short" and stands_on:
        short = Short(draw(st.sampled_from(stands_on)), True, draw(st.sampled_from(["tokens", "nanos"])), 10_000, 9_000, 900, 500)
        if not now.queued and draw(st.booleans()):
            return events.HoldsAwaited(at, mono, short)
        why = draw(st.sampled_from(["budget", "queue_full", "price"]))
        detail = "its price is unknown" if why == "price" else ""
        return events.NotAdmitted(at, mono, why, None if why == "price" else short, waited=now.queued, detail=detail)
    output = draw(st.sampled_from([20, 4_096])) if stands_on else None
    nanos = cost_nanos(PRICES[state.candidate.model] or FREE, 30, output or 0)
    tokens = 30 + (output or 0)
    reserved = tuple(Reserved(line.budget, line.subject, line.window, nanos, tokens) for line in stands_on)
    return events.Admitted(at, mono, Fits(output, nanos, tokens), reserved, 30)


def ended(draw: st.DrawFn, state: State, now: Now) -> events.AnyEvent:
    """How an attempt comes out whose answer does not flow yet."""
    at, mono = now.at, now.mono
    if draw(st.booleans()) and draw(st.booleans()):
        return failure(draw, state, now)
    if not state.invocation.ask.stream:
        return events.AnswerArrived(at, mono, draw(answers(state)), "req")
    if state.streams and draw(st.sampled_from([True, True, True, False])):
        return events.StreamStarted(at, mono, "c")
    return events.StreamEnded(at, mono, draw(seen(terminal=True)), draw(replies()), b"data: [DONE]\n\n", 0)


def failure(draw: st.DrawFn, state: State, now: Now) -> events.AttemptFailed:
    before = ["cut", "stall", "malformed", "connection", "server_error"] if state.phase == "streaming" else list(STATUS)
    outcome = draw(st.sampled_from(before))
    retry_after = draw(st.sampled_from([0, 0, SECOND, 90 * SECOND]))
    partial = draw(seen(terminal=False)) if state.invocation.ask.stream and STATUS[outcome] in (0, 200) else None
    return events.AttemptFailed(
        now.at,
        now.mono,
        Failure(outcome, STATUS[outcome], "words of the provider", retry_after),
        state.phase == "streaming" or draw(st.booleans()),
        draw(st.booleans()),
        draw(st.floats(0, 0.999)),
        partial,
        7 if state.phase == "streaming" else 0,
        "req",
    )


def usages() -> st.SearchStrategy[Usage | None]:
    """Mostly sensible, sometimes missing or absurd."""
    sensible = st.builds(Usage, st.integers(1, 60), st.integers(0, 30), st.integers(0, 90))
    return st.one_of(sensible, sensible, st.sampled_from([None, Usage(0, 5), Usage(-1, 5), Usage(10**12, 1)]))


@st.composite
def seen(draw: st.DrawFn, terminal: bool) -> Seen:
    return Seen("c", "gpt-4o", True, draw(st.integers(0, 40)), "stop" if terminal else "", draw(usages()), terminal)


def seen_of(state: State) -> Seen | None:
    return Seen("c", "gpt-4o", state.phase == "streaming", 4) if state.phase in ("attempting", "streaming") else None


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    calls = (ToolCall("call_1", "pay", '{"sum": 1}'),) if draw(rarely()) else ()
    return Reply("c", "gpt-4o", 1, draw(st.sampled_from(["hi", "", "longer"])), calls, "tool_calls" if calls else "stop", draw(usages()))


@st.composite
def answers(draw: st.DrawFn, state: State) -> Answer:
    """Whole answers in the wire format of the provider under way."""
    text = draw(st.sampled_from(["hi", "longer"]))
    usage = draw(usages())
    bodies: dict[str, dict[str, object]] = {
        "openai": {"id": "c", "created": 1, "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]},
        "anthropic": {
            "id": "c", "type": "message", "role": "assistant", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 9, "output_tokens": 1},
        },
        "lab": {"model": "m", "message": {"role": "assistant", "content": text}, "done": True, "done_reason": "stop"},
    }  # fmt: skip
    body = msgspec.json.encode({"model": "m", **bodies[state.candidate.provider]})
    return Answer(body, "c", "m", "stop", usage, len(text))
