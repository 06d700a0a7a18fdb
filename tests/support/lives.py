"""Random lives of an invocation for property tests: policies, requests, and whatever may legally happen next.

Everything is drawn from a seeded `Random`: hypothesis gives the seed. Its own draws favour what is short and simple, and lives are
neither. `next_event` follows `lifecycle.table.TABLE`, as far as the runtime can bring an event about: a caller can only leave if one waits.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Literal

import msgspec
from tests.support.snapshots import EVERY_TRIGGER, SECOND, invocation, snapshot

from orchvynt.decisions.budgets.application import lines
from orchvynt.decisions.budgets.needs import Fits, Short
from orchvynt.dialects.shapes import Answer, Failure, Seen
from orchvynt.language.compiled_gates import ALL, Confidence, Presidio
from orchvynt.language.compiled_gates import Stage as GateStage
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.snapshot import Breach, Budget, Chain, Escalation, Expression, Gate, Limits, Model, Provider, Retry, Scope, Snapshot
from orchvynt.language.variables import Stage
from orchvynt.lifecycle import events
from orchvynt.lifecycle.asked_gates import asked_gate
from orchvynt.lifecycle.commands import Admit
from orchvynt.lifecycle.parking import kept_for_reviewers
from orchvynt.lifecycle.state import PARKED, State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.model.chat import Reply, ToolCall
from orchvynt.model.facts import Reserved
from orchvynt.model.invocation import Claims, Invocation
from orchvynt.model.money import FREE, Price, cost_nanos
from orchvynt.model.usage import Usage

LAB = Provider("lab", "ollama", "ollama_chat", "127.0.0.1", 3, False, "", None)
PRICE = Price(input=2_500_000_000, output=10_000_000_000, cached_input=1_250_000_000, source="policy")
PRICES = {"gpt": PRICE, "claude": None, "local": FREE}
NAMES = ("gpt", "claude", "local")
Passed = Literal["resting", "breaker", "ramp", "slow"]
Returns = Literal["at_once", "after_rest", "never"]
STATUS = {
    "rate_limit": 429, "quota": 429, "overloaded": 529, "server_error": 500, "auth": 401, "bad_request": 400, "context_length": 400,
    "content_filter": 400, "connection": 0, "timeout": 0, "malformed": 200, "stall": 200, "cut": 200, "policy": 0,
}  # fmt: skip
CONDITIONS = (
    '"review" in flags',
    "output.tokens > 3",
    'output.text == "hi"',
    "context.amount + 0 > 100",
    '"review" in flags || cost > 0.00001',
    "unusual",
    'detects("presidio:URL")',
    'output.tokens > 3 && detects("presidio:URL", "presidio:US_SSN")',
)
SURE = "confidence < 0.75"
SOURCES = (
    Confidence("logprobs"),
    Confidence("json", "/confidence", unknown_passes=True),
    *[Confidence("judge", name, unknown_passes=passes) for name in ("gpt", "claude", "local") for passes in (False, True)],
)


OF_REQUESTS = ('"review" in flags', "context.amount + 0 > 100", "context.amount > 100", "stream")
OF_CALLS = (
    'tool.name == "pay"',
    'tool.name == "pay" && detects("presidio:URL")',
    'tool.args.sum > 0 && "review" in flags',
    'tool.name == "sing" || output.tokens > 20',
)


def condition(text: str, stage: Stage = "output") -> Expression:
    compiled = compile_expression(text, stage)
    assert isinstance(compiled, Compiled), compiled
    return compiled.expression


WHENS: dict[GateStage, tuple[Expression | None, ...]] = {
    "output": (None, *(condition(text) for text in CONDITIONS)),
    "input": (None, *(condition(text, "input") for text in OF_REQUESTS)),
    "tool_call": (None, *(condition(text, "tool_call") for text in OF_CALLS)),
}


def policies(chance: Random) -> Snapshot:
    """One to three tiers; none to two budgets and gates."""
    scopes: list[Scope] = ["global", "workflow", "invocation"]
    asking = Breach("review", reviewers="people", grants=(500, 5_000))
    breaches = [asking] if rarely(chance) else [Breach(), asking]
    budgets = [
        Budget(
            f"b{number}",
            chance.choice(scopes),
            None,
            chance.choice(["lifetime", "day"]),
            Limits(chance.choice([None, 10**9]), 10_000),
            breach=chance.choice(breaches),
        )
        for number in range(chance.randrange(3) or len(breaches) == 1)
    ]
    gates = gates_of(chance)
    tiers = tuple(chance.sample(NAMES, chance.randint(1, 3)))
    made = snapshot(budgets=tuple(budgets), gates=tuple(gates))
    models = {**made.models, "local": Model("local", LAB, "llama", FREE)}
    triggers = chance.choice([EVERY_TRIGGER, EVERY_TRIGGER | {"latency", "policy"}, frozenset(["rate_limit", "status_500"])])
    return msgspec.structs.replace(
        made,
        models={name: msgspec.structs.replace(model, price=PRICES[name]) for name, model in models.items()},
        providers={**made.providers, "lab": LAB},
        chains=chance.choice(
            [{}, *[{"default": Chain("default", tiers, triggers, mid_stream=how)} for how in ("fail", "continue", "restart")]]
        ),
        presidio=Presidio(),
        retry=Retry(chance.randrange(3), SECOND // 4, 8 * SECOND, 20 * SECOND),
    )


def gates_of(chance: Random) -> list[Gate]:
    """None to three, most of which look at the answer and hold it."""
    escalations: list[tuple[Escalation, ...]] = [
        (),
        (Escalation(60 * SECOND, ""),),
        (Escalation(60 * SECOND, "people"),),
        (Escalation(60 * SECOND, "people"), Escalation(90 * SECOND, "")),
    ]
    stages: list[GateStage] = ["output", "output", "output", "input", "tool_call"]
    made = []
    for number in range(chance.choice([0, 0, 1, 1, 2, 2, 3])):
        stage = chance.choice(stages)
        sure = stage != "input" and chance.random() < 0.25
        made.append(
            Gate(
                f"g{number}",
                stage,
                condition(SURE, stage) if sure else chance.choice(WHENS[stage]),
                "people",
                False,
                5 * SECOND,
                chance.choice(escalations),
                rarely(chance),
                quorum=chance.choice([1, 1, 2]),
                sample=chance.choice([ALL, ALL, ALL, ALL // 2]),
                after_delivery=rarely(chance),
                rejects_in_words=rarely(chance),
                enforced=not rarely(chance),
                confidence=chance.choice(SOURCES) if sure else None,
            )
        )
    return made


def todays(chance: Random, policy: Snapshot) -> Snapshot:
    """The policy that is in force when an approval comes: the same one, or one with other gates."""
    return policy if chance.random() < 0.7 else msgspec.structs.replace(policy, version=2, gates=tuple(gates_of(chance)))


def requests(chance: Random) -> Invocation:
    """Streams and not, through both APIs; now and then for a model that nobody knows."""
    flags = ("review",) if chance.random() < 0.5 else ()
    contexts: list[dict[str, Any]] = [{}, {"amount": 5}, {"amount": 500}, {"amount": "much"}]
    route = rarely(chance)
    model = chance.choice([*NAMES * 5, "auto", "small", "nobody"])
    stream = not route and chance.random() < 0.5
    made = invocation(model, stream=stream, claims=Claims(workflow="docs", flags=flags, context=chance.choice(contexts)))
    tools = chance.choice([(), (), ("pay",), ("sing", "dance")])
    made = msgspec.structs.replace(made, ask=msgspec.structs.replace(made.ask, tool_names=tools))
    if not route:
        return made
    ask = msgspec.structs.replace(made.ask, body=made.ask.body.replace(b',"stream":false', b""))
    return msgspec.structs.replace(made, dialect="route", endpoint="/v1/route", ask=ask)


def rarely(chance: Random) -> bool:
    return chance.random() < 0.15


class Now(msgspec.Struct):
    """What the runtime knows beside the state: the instant, who waits, and the candidate that it was asked to admit."""

    at: int = 1_000
    mono: int = 10
    waiting: int = 1
    asked: Admit | None = None
    queued: bool = False


def next_event(chance: Random, policy: Snapshot, state: State, now: Now) -> events.AnyEvent:
    """Something that can happen now. Time passes with it."""
    now.at += chance.randint(1, 2 * SECOND)
    now.mono += chance.randint(1, 2 * SECOND)
    others = interruptions(state, now)
    # Invocations that are parked before their send are few, and much may come in every phase of theirs.
    often = (state.phase in ("request_in_review", "looking", "judging") or state.owed) and chance.random() < 0.5
    return chance.choice(others)() if others and (often or rarely(chance)) else ordinary(chance, policy, state, now)


def interruptions(state: State, now: Now) -> list[Callable[[], events.AnyEvent]]:
    """What comes from outside of the normal course."""
    at, mono = now.at, now.mono
    seen = seen_of(state)
    found: list[Callable[[], events.AnyEvent]] = []
    if state.phase in PARKED or state.owed:
        found += [lambda: events.CallerJoined(at, mono)] * 2
    if state.phase not in PARKED:
        found.append(lambda: events.DeadlinePassed(at, mono))
    if now.waiting:
        found += [lambda: events.CallerGone(at, mono, seen, 5 if seen else 0), lambda: events.ShutDown(at, mono, seen, 5 if seen else 0)]
        if state.invocation.ask.stream and not state.streams and not state.stream_opened:
            # Held streams are few, and this may come in every phase of theirs.
            found += [lambda: events.StreamOpenDue(at, mono)] * 4
        if state.phase in PARKED or state.owed:
            # What is owed and judged is rare, too.
            found += [lambda: events.CallerWaitElapsed(at, mono)] * (6 if state.phase in ("looking", "judging") else 1)
    return found


def ordinary(chance: Random, policy: Snapshot, state: State, now: Now) -> events.AnyEvent:
    """The next step of the normal course, be it good or bad."""
    at, mono = now.at, now.mono
    match state.phase:
        case "admitting":
            return weighed(chance, policy, state, now)
        case "backing_off":
            return events.BackoffElapsed(at, mono)
        case "streaming":
            # One that was too long to be kept for reviewers has no reply.
            kept = replies(chance) if kept_for_reviewers(state) and not rarely(chance) else None
            whole = events.StreamEnded(at, mono, seen(chance, terminal=True), kept, b"", 90, "req")
            return failure(chance, state, now) if chance.random() < 0.33 else whole
        case "judging":
            question = state.judging
            assert question is not None
            if question.phase == "admitting":
                return weighed(chance, policy, question, now)
            return ended(chance, question, now)
        case "looking":
            said = {} if rarely(chance) else {kind: chance.randrange(2) for kind in ("URL", "US_SSN")}
            return events.LookedInto(at, mono, said, "" if said else "Presidio failed")
        case "in_review":
            vote = events.Voted(at, mono, chance.choice(["approve", "approve", "reject"]), "token:ana", "looked")
            gate = asked_gate(policy, state)
            assert gate is not None
            due = state.escalations < len(gate.escalation) and chance.random() < 0.5
            return events.EscalationDue(at, mono) if due else vote
        case "request_in_review":
            asked = asked_gate(policy, state) if state.wanted is None else None
            if asked is not None and state.escalations < len(asked.escalation) and chance.random() < 0.5:
                return events.EscalationDue(at, mono)
            grant = 500 if state.wanted is not None else 0
            return events.Voted(at, mono, chance.choice(["approve", "approve", "approve", "reject"]), "token:ana", "looked", grant)
        case _:
            return ended(chance, state, now)


def weighed(chance: Random, policy: Snapshot, state: State, now: Now) -> events.AnyEvent:
    at, mono = now.at, now.mono
    stands_on = lines(policy.budgets, state.applied, candidate_of(state).model, at)
    kind = chance.choice(["fits", "fits", "fits", "rests", "short"])
    if not state.owed and any(line.terms.breach.kind == "review" for line in stands_on) and chance.random() < 0.6:
        kind = "short"
    if kind == "rests" and now.asked is not None:
        firm: list[tuple[Passed, str, Returns]] = [
            ("resting", "rate_limit", "after_rest"),
            ("resting", "auth", "after_rest"),
            ("breaker", "model", "never"),
        ]
        mild: list[tuple[Passed, str, Returns]] = [
            ("resting", "timeout", "at_once"),
            ("ramp", "breaker", "at_once"),
            ("slow", "latency", "at_once"),
        ]
        drawn = mild if rarely(chance) and not now.asked.at_last else firm if rarely(chance) else firm[:2]
        passed, rest_why, later = chance.choice(drawn)
        rests_ns = chance.choice([SECOND, 60 * SECOND])
        return events.NotAdmitted(at, mono, passed, rests_ns=rests_ns, rest_why=rest_why, later=later)
    if kind == "short" and stands_on:
        short = Short(chance.choice(stands_on), True, chance.choice(["tokens", "nanos"]), 10_000, 9_000, 900, 500)
        if not now.queued and chance.random() < 0.5:
            return events.HoldsAwaited(at, mono, short)
        whys: list[Literal["budget", "queue_full", "price"]] = ["budget", "budget", "budget", "queue_full", "price"]
        why = chance.choice(whys)
        detail = "its price is unknown" if why == "price" else ""
        return events.NotAdmitted(at, mono, why, None if why == "price" else short, waited=now.queued, detail=detail)
    output = chance.choice([20, 4_096]) if stands_on else None
    nanos = cost_nanos(PRICES[candidate_of(state).model] or FREE, 30, output or 0)
    tokens = 30 + (output or 0)
    reserved = tuple(Reserved(line.budget, line.subject, line.window, nanos, tokens) for line in stands_on)
    return events.Admitted(at, mono, Fits(output, nanos, tokens), reserved, 30)


def ended(chance: Random, state: State, now: Now) -> events.AnyEvent:
    """How an attempt comes out whose answer does not flow yet."""
    at, mono = now.at, now.mono
    if chance.random() < 0.4:
        return failure(chance, state, now)
    if not state.invocation.ask.stream:
        return events.AnswerArrived(at, mono, answers(chance, state), "req")
    if state.streams:
        return events.StreamStarted(at, mono, "c")
    return events.StreamEnded(at, mono, seen(chance, terminal=True), replies(chance), b"data: [DONE]\n\n", 0)


def failure(chance: Random, state: State, now: Now) -> events.AttemptFailed:
    before = ["cut", "stall", "malformed", "connection", "server_error"] if state.phase == "streaming" else list(STATUS)
    outcome = chance.choice(before)
    retry_after = chance.choice([0, 0, SECOND, 90 * SECOND])
    partial = seen(chance, terminal=False) if state.invocation.ask.stream and STATUS[outcome] in (0, 200) else None
    return events.AttemptFailed(
        now.at,
        now.mono,
        Failure(outcome, STATUS[outcome], "words of the provider", retry_after),
        state.phase == "streaming" or chance.random() < 0.5,
        chance.random() < 0.5,
        chance.random(),
        partial,
        7 if state.phase == "streaming" else 0,
        "req",
        said=chance.choice([None, replies(chance)]) if state.phase == "streaming" else None,
        barred_ns=chance.choice([0, 0, 15 * SECOND]),
        may_retry=not rarely(chance),
    )


def usages(chance: Random) -> Usage | None:
    """Mostly sensible, sometimes missing or absurd."""
    if rarely(chance):
        return chance.choice([None, Usage(0, 5), Usage(-1, 5), Usage(10**12, 1)])
    return Usage(chance.randint(1, 60), chance.randrange(30), chance.randrange(90))


def seen(chance: Random, terminal: bool) -> Seen:
    return Seen("c", "gpt-4o", True, chance.randrange(40), "stop" if terminal else "", usages(chance), terminal)


def seen_of(state: State) -> Seen | None:
    return Seen("c", "gpt-4o", state.phase == "streaming", 4) if state.phase in ("attempting", "streaming") else None


def replies(chance: Random) -> Reply:
    calls = (ToolCall("call_1", "pay", '{"sum": 1}'),) if rarely(chance) else ()
    return Reply("c", "gpt-4o", 1, chance.choice(["hi", "", "longer"]), calls, "tool_calls" if calls else "stop", usages(chance))


def answers(chance: Random, state: State) -> Answer:
    """Whole answers in the wire format of the provider under way."""
    text = chance.choice(['{"confidence": 0.9}', "0.2", "I will not say"] if state.purpose else ["hi", "longer"])
    usage = usages(chance)
    bodies: dict[str, dict[str, object]] = {
        "openai": {"id": "c", "created": 1, "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]},
        "anthropic": {
            "id": "c", "type": "message", "role": "assistant", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 9, "output_tokens": 1},
        },
        "lab": {"model": "m", "message": {"role": "assistant", "content": text}, "done": True, "done_reason": "stop"},
    }  # fmt: skip
    body = msgspec.json.encode({"model": "m", **bodies[candidate_of(state).provider]})
    return Answer(body, "c", "m", "stop", usage, len(text))
