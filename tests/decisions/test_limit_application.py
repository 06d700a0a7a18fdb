"""Which rate limits apply, and that one which cannot be evaluated closes."""

from collections.abc import Callable, Mapping

import pytest
from tests.support.snapshots import invocation

from orchvynt.decisions.limits.application import Applied, applicable
from orchvynt.language.compiled import EvaluationError, Expression
from orchvynt.language.snapshot import RateLimit
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims


def says(value: object, text: str = "context.customer") -> Expression:
    def evaluate(_: Mapping[str, object]) -> object:
        if isinstance(value, Exception):
            raise value
        return value

    return Expression(text, evaluate, frozenset({"context"}))


def limit(scope: str | None = "agent", when: Expression | None = None, by: Expression | None = None) -> RateLimit:
    return RateLimit("r", scope, when, 1, 1, by=by)  # type: ignore[arg-type]  # a scope of the policy


def test_those_whose_condition_holds_apply_to_their_subject() -> None:
    asked = invocation(claims=Claims(agent="drafting"))
    plain, met, unmet, by = limit(), limit("run", says(True)), limit("run", says(False)), limit(None, by=says("c7"))
    found = applicable((plain, met, unmet, by), asked, {})
    assert found == [Applied(plain, "drafting"), Applied(met, "(none)"), Applied(by, "c7")]


@pytest.mark.parametrize(
    ("made", "code", "said"),
    [
        (lambda: limit(when=says(EvaluationError("no such key"))), "policy_error", "`when` of rate limit r failed: no such key"),
        (lambda: limit(None, by=says(EvaluationError("no such key"))), "policy_error", "`by` of rate limit r failed"),
        (lambda: limit(None, by=says(["a"])), "invalid_request", "the value of `context.customer` is a list"),
    ],
)
def test_one_that_fails_lets_nothing_pass(made: Callable[[], RateLimit], code: str, said: str) -> None:
    fault = applicable((made(),), invocation(), {})
    assert isinstance(fault, Fault)
    assert fault.code == code
    assert said in fault.message
    assert fault.detail["rate_limit"] == "r"
