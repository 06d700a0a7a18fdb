"""Which budgets apply to an invocation, and on which subject and window each of its holds stands."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from orchvynt.decisions.budgets.grants import Grants
from orchvynt.decisions.budgets.ledger import Line
from orchvynt.decisions.budgets.windows import window_end, window_start
from orchvynt.language.compiled_budgets import UNLIMITED
from orchvynt.language.snapshot import Budget, EvaluationError, Limits, Scope
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation

NOBODY: Final = "(none)"
EVERYBODY: Final = "*"


class Applied(msgspec.Struct, frozen=True, gc=False):
    """A budget that applies to an invocation, by its number in the snapshot, and the subject that pays."""

    number: int
    subject: str


def applicable(budgets: Sequence[Budget], invocation: Invocation, values: Mapping[str, object]) -> list[Applied] | Fault:
    """The budgets that apply, in the policy's order. A condition that fails to evaluate closes: the invocation does not pass."""
    found = []
    for number, budget in enumerate(budgets):
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
        assert budget.scope is not None, "a build that refuses `by` compiles no budget without a scope"
        found.append(Applied(number, subject(budget.scope, invocation)))
    return found


def lines(budgets: Sequence[Budget], applied: Sequence[Applied], model: str, now: int, grants: Grants | None = None) -> tuple[Line, ...]:
    """The lines that a hold for `model`, made at `now`, stands on; in the policy's order."""
    found = [_line(budgets[one.number], one, model, now) for one in applied]
    return tuple([_raised(line, grants, now) for line in found] if grants else found)


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


def _line(budget: Budget, one: Applied, model: str, now: int) -> Line:
    start = window_start(budget.window, now, budget.timezone)
    end = window_end(budget.window, start, budget.timezone)
    return Line(budget, budget.name, one.subject, start, end, _limits(budget, model))


def _raised(line: Line, grants: Grants, now: int) -> Line:
    limits = grants.raised(line.limits, line.terms, line.subject, line.window, now)
    return line if limits is line.limits else msgspec.structs.replace(line, limits=limits)


def _limits(budget: Budget, model: str) -> Limits:
    """What bounds an attempt of this model: a budget that only advises does not, one that downgrades has a ceiling for its own model."""
    match budget.breach.kind:
        case "alert":
            return UNLIMITED
        case "downgrade" if model == budget.breach.model:
            return budget.breach.ceiling
        case _:
            return budget.limits
