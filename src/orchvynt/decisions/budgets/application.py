"""Which budgets apply to an invocation, and on which subject and window each of its holds stands."""

from collections.abc import Mapping, Sequence
from typing import Final

from orchvynt.decisions.budgets.ledger import Line
from orchvynt.decisions.budgets.windows import window_end, window_start
from orchvynt.language.snapshot import Budget, EvaluationError, Scope
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation

NOBODY: Final = "(none)"
EVERYBODY: Final = "*"


def applicable(budgets: Sequence[Budget], values: Mapping[str, object]) -> list[str] | Fault:
    """The names of the budgets that apply. A condition that fails to evaluate closes: the invocation does not pass."""
    found = []
    for budget in budgets:
        if budget.when is not None:
            try:
                if budget.when.evaluate(values) is not True:
                    continue
            except EvaluationError as error:
                return Fault(
                    "policy_error",
                    f"The condition of budget {budget.name} failed: {error}. A budget that fails lets nothing pass.",
                    "Correct `when` of this budget and apply the policy.",
                    detail={"budget": budget.name, "problem": str(error)},
                    retry_after_seconds=30,
                )
        found.append(budget.name)
    return found


def lines(budgets: Sequence[Budget], names: Sequence[str], invocation: Invocation, now: int) -> tuple[Line, ...]:
    """The lines that a hold made at `now` stands on, in the policy's order."""
    return tuple([_line(budget, invocation, now) for budget in budgets if budget.name in names])


def subject(scope: Scope, invocation: Invocation) -> str:
    """The subject that pays. A claim the caller left out is the shared subject `(none)`: leaving it out escapes nothing."""
    claims = invocation.claims
    match scope:
        case "global":
            return EVERYBODY
        case "invocation":
            return invocation.id
        case "key":
            # Its name, where the policy has one: a new secret must not begin a new budget.
            return invocation.key or invocation.key_id
        case "workflow":
            return claims.workflow or NOBODY
        case "agent":
            return claims.agent or NOBODY
        case "run":
            return claims.run or NOBODY
        case "session":
            return claims.session or NOBODY


def _line(budget: Budget, invocation: Invocation, now: int) -> Line:
    start = window_start(budget.window, now, budget.timezone)
    return Line(
        budget.name,
        budget.scope,
        subject(budget.scope, invocation),
        start,
        window_end(budget.window, start, budget.timezone),
        budget.nanos,
        budget.tokens,
        budget.min_output_tokens,
        budget.wait_for_holds_ns,
    )
