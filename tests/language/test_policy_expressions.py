"""Every expression of the language's own example policy, with what it gives for two sets of values."""

from typing import Any

import pytest

from orchvynt.language.expressions.compiling import Compiled, compile_expression
from orchvynt.language.expressions.values import NotKnownYetError
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Wanted
from orchvynt.language.variables import Stage
from orchvynt.model.invocation import Ask, Claims, Invocation

SLOW = {"error_rate": 0.01, "p95_ms": 4000.0, "quality": 0.9, "cost": 0.02}
STABLE = {"stable.p95_ms": 3000.0, "stable.quality": 0.91, "stable.cost": 0.011}
BAD = {"error_rate": 0.03, "p95_ms": 3800.0, "quality": 0.85, "cost": 0.03}

CASES: list[tuple[str, Stage, Wanted, dict[str, Any], object, dict[str, Any], object]] = [
    ('workload == "classification"', "request", "boolean", {"workload": "classification"}, True, {"workload": "synthesis"}, False),
    (
        *('workload == "synthesis" && context.user_tier == "premium"', "request", "boolean"),
        *({"workload": "synthesis", "context": {"user_tier": "premium"}}, True, {"workload": "synthesis", "context": {}}, False),
    ),
    ('workflow == "doc-analysis"', "request", "boolean", {"workflow": "doc-analysis"}, True, {"workflow": ""}, False),
    ('workflow == "support"', "request", "boolean", {"workflow": "support"}, True, {"workflow": "Support"}, False),
    ('workload == "extraction"', "request", "boolean", {"workload": "extraction"}, True, {"workload": "extract"}, False),
    ('workflow == "triage"', "request", "boolean", {"workflow": "triage"}, True, {"workflow": "triage "}, False),
    (
        *('context.user_tier == "free"', "request", "boolean"),
        *({"context": {"user_tier": "free"}}, True, {"context": {"user_tier": None}}, False),
    ),
    ('context.residency == "eu"', "request", "boolean", {"context": {"residency": "eu"}}, True, {"context": {"residency": ["eu"]}}, False),
    (
        *("quality >= 0.85 && p95_ms < 8000", "candidate", "boolean"),
        *({"quality": 0.85, "p95_ms": 7999.9}, True, {"quality": 0.85, "p95_ms": 8000.0}, False),
    ),
    ("cost", "candidate", "number", {"cost": 0.02}, 0.02, {"cost": 0.0}, 0.0),
    ("run", "sticky", "scalar", {"run": "r1"}, "r1", {"run": ""}, ""),
    ("context.customer", "sticky", "scalar", {"context": {"customer": "c1"}}, "c1", {"context": {}}, None),
    ("error_rate > 0.02", "canary", "boolean", SLOW, False, BAD, True),
    ("p95_ms > 1.3 * stable.p95_ms", "canary", "boolean", {**SLOW, **STABLE}, True, {**BAD, **STABLE}, False),
    ("quality < stable.quality - 0.03", "canary", "boolean", {**SLOW, **STABLE}, False, {**BAD, **STABLE}, True),
    ("cost > 2 * stable.cost", "canary", "boolean", {**SLOW, **STABLE}, False, {**BAD, **STABLE}, True),
    ("activation_rate > 0.1", "alert", "boolean", {"activation_rate": 0.11}, True, {"activation_rate": 0.1}, False),
    (
        *('"financial-action" in flags || confidence < 0.75 || detects("iban", "credit_card")', "output", "boolean"),
        *({"flags": ("financial-action",), "confidence": 0.9}, True, {"flags": (), "confidence": 0.7}, True),
    ),
    (
        *('tool.name in ["refund", "delete_account"]', "tool_call", "boolean"),
        *({"tool.name": "refund"}, True, {"tool.name": "refunds"}, False),
    ),
    ('"financial-action" in flags', "input", "boolean", {"flags": ("a", "financial-action")}, True, {"flags": ("financial",)}, False),
    ('outcome == "refused" && cost > 0', "record", "boolean", {"outcome": "refused", "cost": 0.1}, True, {"outcome": "answered"}, False),
]


@pytest.mark.parametrize(("text", "stage", "wants", "first", "gives", "second", "then"), CASES, ids=[case[0] for case in CASES])
def test_it_means_what_the_page_says(
    text: str, stage: Stage, wants: Wanted, first: dict[str, Any], gives: object, second: dict[str, Any], then: object
) -> None:
    compiled = compile_expression(text, stage, wants)
    assert isinstance(compiled, Compiled), compiled
    assert compiled.constant is None
    assert compiled.expression.evaluate(first) == gives
    assert compiled.expression.evaluate(second) == then


def test_a_gate_that_hangs_on_what_is_not_known_yet_is_undecided() -> None:
    compiled = compile_expression('"financial-action" in flags || confidence < 0.75 || detects("iban", "credit_card")', "output")
    assert isinstance(compiled, Compiled)
    ask = Ask(requested_model="m", body=b"{}")
    values = RequestValues(Invocation("inv_1", 1, "/v1", "openai_chat", "k", Claims(), ask), 1, lambda: "")
    values["confidence"] = 0.9
    with pytest.raises(NotKnownYetError, match=r"output\.detected\.iban"):
        compiled.expression.evaluate(values)
