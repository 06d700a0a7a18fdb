"""Policies as values for the tests of routing, and how a test asks for a plan."""

from typing import Any

import msgspec
from tests.support.snapshots import ANTHROPIC, OPENAI, invocation, snapshot

from orchvynt.decisions.routing.figures import Observed, nothing_observed
from orchvynt.decisions.routing.plan import plan
from orchvynt.decisions.routing.planned import Plan
from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Capabilities, Choose, Expect, Expression, Key, Model, Rule, Snapshot
from orchvynt.language.variables import Stage
from orchvynt.model.invocation import Claims, Invocation
from orchvynt.model.money import Price

MINUTE = 60_000_000_000
ALL = Capabilities(True, True, True)
CHEAP = Price(150_000_000, 600_000_000, 75_000_000, "policy")
DEAR = Price(2_500_000_000, 10_000_000_000, 1_250_000_000, "policy")

MODELS = (
    Model(
        "gpt", OPENAI, "gpt-4o", DEAR, 0.88, {"classification": 0.95}, 128_000, region="us", expect=Expect(p95_ms=4_000), capabilities=ALL
    ),
    Model("mini", OPENAI, "gpt-4o-mini", CHEAP, 0.79, {}, 8_192, region="us", expect=Expect(p95_ms=2_000), capabilities=ALL),
    Model("claude", ANTHROPIC, "claude-x", DEAR, 0.91, {}, 200_000, region="eu", capabilities=Capabilities(True, False, None)),
    Model("local", OPENAI, "llama", None, None),
)


def expression(text: str, stage: Stage = "request", wants: Any = "boolean") -> Expression:
    compiled = compile_expression(text, stage, wants)
    assert isinstance(compiled, Compiled), compiled
    return compiled.expression


def rule(name: str, when: str = "", **what: Any) -> Rule:
    """A rule as the compiler makes it, with its equalities."""
    if not when:
        return Rule(name, None, **what)
    compiled = compile_expression(when, "request")
    assert isinstance(compiled, Compiled), compiled
    return Rule(name, compiled.expression, equalities=compiled.equalities, **what)


def chosen(models: tuple[str, ...], where: str = "", prefer: str = "cost") -> Choose:
    test = expression(where, "candidate") if where else None
    if prefer in ("cost", "latency", "quality"):
        return Choose(models, test, prefer)  # type: ignore[arg-type]
    return Choose(models, test, expression(prefer, "candidate", "number"))


def policy(*rules: Rule, tiers: tuple[str, ...] = (), keys: tuple[Key, ...] = (), **more: Any) -> Snapshot:
    made = snapshot(tiers=tiers)
    models = {model.name: model for model in MODELS}
    return msgspec.structs.replace(made, models=models, rules=rules, keys={key.name: key for key in keys}, **more)


def asking(model: str = "gpt", claims: Claims | None = None, key: str = "", **ask: Any) -> Invocation:
    made = invocation(model, claims=claims)
    return msgspec.structs.replace(made, key=key, ask=msgspec.structs.replace(made.ask, **ask))


def planned(made: Snapshot, asked: Invocation, observed: Observed | None = None, mono: int = 0) -> Plan:
    values = RequestValues(asked, asked.at, lambda: "hello")
    return plan(made, asked, values, observed or nothing_observed(), mono, made.chains.get("default"))


def names(found: Plan) -> list[str]:
    return [candidate.model for candidate in found.candidates]


def reasons(found: Plan) -> dict[str, str]:
    return {one.model: one.why for one in found.rejected}
