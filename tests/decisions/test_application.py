"""Which budgets apply, and on whose account each hold stands."""

from collections.abc import Mapping

import pytest
from tests.support.snapshots import invocation

from orchvynt.decisions.budgets.application import EVERYBODY, NOBODY, applicable, lines, subject
from orchvynt.language.snapshot import Budget, EvaluationError, Expression, Scope
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims

DAY = 86_400_000_000_000
CLAIMS = Claims(workflow="docs", agent="drafting", run="r1", session="s1")


def when(result: object) -> Expression:
    def evaluate(_: Mapping[str, object]) -> object:
        if isinstance(result, Exception):
            raise result
        return result

    return Expression("…", evaluate, frozenset())


def budget(name: str, scope: Scope = "global", condition: Expression | None = None) -> Budget:
    return Budget(name, scope, condition, "day", None, 100, wait_for_holds_ns=7)


@pytest.mark.parametrize(
    ("scope", "named", "unnamed"),
    [
        ("global", EVERYBODY, EVERYBODY),
        ("invocation", "inv_1", "inv_1"),
        ("key", "k", "k"),
        ("workflow", "docs", NOBODY),
        ("agent", "drafting", NOBODY),
        ("run", "r1", NOBODY),
        ("session", "s1", NOBODY),
    ],
)
def test_a_claim_that_is_left_out_is_a_subject_of_its_own(scope: Scope, named: str, unnamed: str) -> None:
    assert subject(scope, invocation(claims=CLAIMS)) == named
    assert subject(scope, invocation()) == unnamed


def test_those_apply_whose_condition_is_true_and_nothing_else() -> None:
    budgets = [budget("always"), budget("yes", condition=when(True)), budget("no", condition=when(False)), budget("odd", condition=when(1))]
    assert applicable(budgets, {}) == ["always", "yes"]


def test_a_condition_that_fails_lets_nothing_pass() -> None:
    found = applicable([budget("always"), budget("bad", condition=when(EvaluationError("`+` cannot take null")))], {})
    assert isinstance(found, Fault)
    assert (found.code, found.status, found.retry_after_seconds) == ("policy_error", 503, 30)
    assert found.detail == {"budget": "bad", "problem": "`+` cannot take null"}


def test_lines_are_in_the_policys_order_with_their_window() -> None:
    budgets = [budget("first", "workflow"), budget("second"), budget("third", "run")]
    found = lines(budgets, ["third", "first"], invocation(claims=CLAIMS), 3 * DAY + 5)
    assert [line.key for line in found] == [("first", "docs", 3 * DAY), ("third", "r1", 3 * DAY)]
    assert {line.resets_at for line in found} == {4 * DAY}
    assert (found[0].tokens_limit, found[0].nanos_limit, found[0].min_output_tokens, found[0].wait_ns) == (100, None, 16, 7)
