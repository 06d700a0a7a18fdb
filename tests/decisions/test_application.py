"""Which budgets apply, and on whose account each hold stands."""

from collections.abc import Mapping

import msgspec
import pytest
from tests.support.snapshots import invocation

from orchvynt.decisions.budgets.application import applicable, lines
from orchvynt.decisions.budgets.applied import Applied
from orchvynt.language.snapshot import Breach, Budget, EvaluationError, Expression, Limits, Scope
from orchvynt.language.subjects import EVERYBODY, NOBODY
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
    return Budget(name, scope, condition, "day", Limits(tokens=100), wait_for_holds_ns=7)


def test_those_apply_whose_condition_is_true_and_nothing_else() -> None:
    budgets = [budget("always"), budget("yes", condition=when(True)), budget("no", condition=when(False)), budget("odd", condition=when(1))]
    assert applicable(budgets, invocation(), {}) == [Applied(0, EVERYBODY), Applied(1, EVERYBODY)]


def test_a_condition_that_fails_lets_nothing_pass() -> None:
    found = applicable([budget("always"), budget("bad", condition=when(EvaluationError("`+` cannot take null")))], invocation(), {})
    assert isinstance(found, Fault)
    assert (found.code, found.status, found.retry_after_seconds) == ("policy_error", 503, 30)
    assert found.detail == {"budget": "bad", "problem": "`+` cannot take null"}


def counted_by(result: object, missing_refused: bool = False) -> Budget:
    expression = msgspec.structs.replace(when(result), text=" context.customer ")
    return msgspec.structs.replace(budget("b"), scope=None, by=expression, missing_refused=missing_refused)


def test_a_value_is_a_subject_and_what_is_left_out_the_shared_one() -> None:
    budgets = [counted_by("c7"), counted_by(7.0), counted_by(None), counted_by("")]
    assert applicable(budgets, invocation(), {}) == [Applied(0, "c7"), Applied(1, "7"), Applied(2, NOBODY), Applied(3, NOBODY)]


def test_a_subject_that_fails_lets_nothing_pass() -> None:
    found = applicable([counted_by(EvaluationError("too dear"))], invocation(), {})
    assert isinstance(found, Fault)
    assert (found.code, found.retry_after_seconds, found.detail) == ("policy_error", 30, {"budget": "b", "problem": "too dear"})
    assert "The subject of budget b failed: too dear" in found.message


def test_a_caller_that_sends_a_list_is_told() -> None:
    found = applicable([counted_by(["a"])], invocation(), {})
    assert isinstance(found, Fault)
    assert (found.code, found.param, found.detail) == ("invalid_request", "context.customer", {"budget": "b"})


@pytest.mark.parametrize("run", ["", NOBODY])
def test_who_names_no_subject_may_be_refused(run: str) -> None:
    """Whoever names the shared subject itself names none."""
    refusing = msgspec.structs.replace(budget("b", "run"), missing_refused=True)
    found = applicable([refusing], invocation(claims=Claims(run=run)), {})
    assert isinstance(found, Fault)
    assert (found.code, found.status, found.param) == ("invalid_request", 400, "run")
    assert found.detail == {"budget": "b", "claim": "run"}
    assert "x-orchvynt-run" in found.help
    assert applicable([refusing], invocation(claims=CLAIMS), {}) == [Applied(0, "r1")]
    found = applicable([counted_by(None, missing_refused=True)], invocation(), {})
    assert isinstance(found, Fault)
    assert (found.code, found.param) == ("invalid_request", "context.customer")


def test_lines_are_in_the_policys_order_with_their_window() -> None:
    budgets = [budget("first", "workflow"), budget("second"), budget("third", "run")]
    applied = applicable([*budgets[:1], budget("no", condition=when(False)), *budgets[2:]], invocation(claims=CLAIMS), {})
    assert not isinstance(applied, Fault)
    found = lines(budgets, applied, "gpt-4o", 3 * DAY + 5)
    assert [line.key for line in found] == [("first", "docs", 3 * DAY, 4 * DAY), ("third", "r1", 3 * DAY, 4 * DAY)]
    assert {line.resets_at for line in found} == {4 * DAY}
    assert (found[0].limits, found[0].terms) == (Limits(tokens=100), budgets[0])


def test_what_bounds_an_attempt_is_for_its_model_to_say() -> None:
    """A budget that only advises bounds nothing; one that downgrades lets its own model go on to the ceiling."""
    ceiling = Limits(tokens=500)
    budgets = [
        msgspec.structs.replace(budget("advises"), breach=Breach("alert")),
        msgspec.structs.replace(budget("downgrades"), breach=Breach("downgrade", "mini", ceiling)),
    ]
    applied = [Applied(0, EVERYBODY), Applied(1, EVERYBODY)]
    assert [line.limits for line in lines(budgets, applied, "gpt-4o", 0)] == [Limits(), Limits(tokens=100)]
    assert [line.limits for line in lines(budgets, applied, "mini", 0)] == [Limits(), ceiling]


@pytest.mark.parametrize(
    ("breach", "model", "limits"),
    [
        (Breach("reject"), "gpt", Limits(5, invocations=9)),
        (Breach("alert"), "gpt", Limits(invocations=9)),
        (Breach("downgrade", "small", Limits(7)), "small", Limits(7, invocations=9)),
        (Breach("downgrade", "small"), "small", Limits(invocations=9)),
        (Breach("downgrade", "small", Limits(7)), "gpt", Limits(5, invocations=9)),
    ],
)
def test_how_many_there_may_be_holds_whatever_happens_past_the_other_limits(breach: Breach, model: str, limits: Limits) -> None:
    counted = msgspec.structs.replace(budget("b"), limits=Limits(5, invocations=9), breach=breach)
    assert lines([counted], [Applied(0, "r1")], model, DAY)[0].limits == limits


def test_equal_prompts_are_counted_in_a_book_of_their_own() -> None:
    counted = msgspec.structs.replace(budget("b"), same_prompt=5)
    own, prompts, other = lines([counted, budget("c")], [Applied(0, "r1", "d1"), Applied(1, "r1")], "gpt", DAY)
    assert (own.book, other.book, prompts.book) == ("b", "c", "b#same_prompt")
    assert (prompts.budget, prompts.subject, prompts.limits) == ("b", "r1:d1", Limits(invocations=5))
    assert (prompts.window, prompts.resets_at) == (own.window, own.resets_at)
