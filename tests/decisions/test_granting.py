"""Operators grant to subjects that a budget can have, with a reason, and together no more than they may."""

import pytest

from orchvynt.decisions.budgets.granting import check_amount, check_subject
from orchvynt.language.snapshot import Breach, Budget, Limits, Scope

MONEY = Limits(nanos=100)


def budget(
    scope: Scope = "workflow", limits: Limits = MONEY, grant_max: Limits | None = None, alerts: bool = False, missing_refused: bool = False
) -> Budget:
    breach = Breach("alert") if alerts else Breach()
    return Budget("purse", scope, None, "day", limits, breach=breach, grant_max=grant_max, missing_refused=missing_refused)


@pytest.mark.parametrize(
    ("terms", "subject", "param"),
    [
        (budget(), "", "subject"),
        (budget(), "x" * 257, "subject"),
        (budget(), "a\nb", "subject"),
        (budget("global"), "docs", "subject"),
        (budget("invocation"), "inv_1", "budget"),
        (budget("key"), "stranger", "subject"),
        (budget(missing_refused=True), "(none)", "subject"),
    ],
)
def test_a_subject_that_the_budget_cannot_have(terms: Budget, subject: str, param: str) -> None:
    fault = check_subject(terms, subject, ["agents"])
    assert fault is not None
    assert (fault.status, fault.param) == (400, param)


def test_a_subject_that_it_can_have() -> None:
    assert check_subject(budget("global"), "*", []) is None
    assert check_subject(budget("key"), "agents", ["agents"]) is None
    assert check_subject(budget("key"), "0ab12", []) is None, "without `keys` callers are known by their credentials"
    assert check_subject(budget(), "(none)", []) is None


def test_together_no_more_than_the_limit_again() -> None:
    assert check_amount(budget(), (60, 0), (40, 0), "why") is None
    fault = check_amount(budget(), (61, 0), (40, 0), "why")
    assert fault is not None
    assert (fault.code, fault.param) == ("forbidden", "usd")
    assert fault.detail["left"] == "0.00000006 USD"
    assert check_amount(budget(grant_max=Limits(nanos=1_000)), (900, 0), (100, 0), "why") is None
    assert check_amount(budget(limits=Limits(tokens=10), grant_max=Limits(tokens=5)), (0, 6), (0, 0), "why") is not None
    assert check_amount(budget(grant_max=Limits(tokens=5)), (1, 0), (0, 0), "why") is not None, "no money may be granted"


def test_what_a_grant_would_not_change_is_refused() -> None:
    for terms, amount, reason, param in (
        (budget(), (1, 0), " ", "reason"),
        (budget(), (1, 0), "x" * 2_001, "reason"),
        (budget(alerts=True), (1, 0), "why", "budget"),
        (budget(), (0, 1), "why", "tokens"),
        (budget(limits=Limits(tokens=1)), (1, 0), "why", "usd"),
        (budget(limits=Limits(invocations=1)), (1, 0), "why", "usd"),
    ):
        fault = check_amount(terms, amount, (0, 0), reason)
        assert fault is not None
        assert (fault.code, fault.param) == ("invalid_request", param)
