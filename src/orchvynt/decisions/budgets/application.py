"""Which budgets apply to an invocation, and on which subject and window each of its holds stands."""

from collections.abc import Mapping, Sequence

import msgspec

from orchvynt.decisions.budgets.applied import Applied
from orchvynt.decisions.budgets.grants import Grants
from orchvynt.decisions.budgets.ledger import Line
from orchvynt.decisions.budgets.windows import placed_in
from orchvynt.language.compiled_budgets import UNLIMITED
from orchvynt.language.snapshot import Budget, EvaluationError, Limits
from orchvynt.language.subjects import NOBODY, NoScalarError, subject
from orchvynt.model.budget_facts import PROMPTS
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation


def applicable(budgets: Sequence[Budget], invocation: Invocation, values: Mapping[str, object]) -> list[Applied] | Fault:
    """The budgets that apply, in the policy's order. One whose condition or subject fails to evaluate closes: the invocation does not
    pass."""
    found = []
    for number, budget in enumerate(budgets):
        if budget.when is not None:
            try:
                if budget.when.evaluate(values) is not True:
                    continue
            except EvaluationError as error:
                return _failed(budget, "condition", "when", error)
        try:
            who = subject(budget.scope, budget.by, invocation, values)
        except NoScalarError as unfit:
            said = f"Budget {budget.name}: {unfit}."
            return Fault("invalid_request", said, "Send a text or a number there.", param=_param(budget), detail={"budget": budget.name})
        except EvaluationError as error:
            return _failed(budget, "subject", "by", error)
        if budget.missing_refused and who == NOBODY:
            return _missing(budget)
        found.append(Applied(number, who))
    return found


def _failed(budget: Budget, what: str, field: str, error: EvaluationError) -> Fault:
    return Fault(
        "policy_error",
        f"The {what} of budget {budget.name} failed: {error}. A budget that fails lets nothing pass.",
        f"Correct `{field}` of this budget and apply the policy.",
        detail={"budget": budget.name, "problem": str(error)},
        retry_after_seconds=30,
    )


def _missing(budget: Budget) -> Fault:
    """400: the budget asks for a subject (`missing: refuse`), and the caller names none."""
    help = f"Send the header x-orchvynt-{budget.scope}." if budget.scope is not None else "Send it, for instance in x-orchvynt-context."
    return Fault(
        "invalid_request",
        f"Budget {budget.name} counts by `{_param(budget)}`, and this call names none. It refuses calls without one (`missing: refuse`).",
        help,
        param=_param(budget),
        detail={"budget": budget.name, "claim": _param(budget)},
    )


def _param(budget: Budget) -> str:
    return budget.subject_of.strip()[:100]


def lines(budgets: Sequence[Budget], applied: Sequence[Applied], model: str, now: int, grants: Grants | None = None) -> tuple[Line, ...]:
    """The lines that a hold for `model`, made at `now`, stands on; in the policy's order."""
    stands_on: list[Line] = []
    raises = grants is not None and len(grants) > 0
    for one in applied:
        budget = budgets[one.number]
        window, resets_at = placed_in(budget, now)
        kind = budget.breach.kind
        # Nearly all budgets bound every model: no call for each of them.
        limits = _limits(budget, model) if kind in ("alert", "downgrade") else budget.limits
        past = kind == "downgrade" and model == budget.breach.model
        line = Line(budget, budget.name, one.subject, window, resets_at, limits, now, past)
        stands_on.append(_raised(line, grants, now) if raises and grants is not None else line)
        if one.prompt:
            subject, counted = f"{one.subject}:{one.prompt}", Limits(invocations=budget.same_prompt)
            stands_on.append(Line(budget, budget.name + PROMPTS, subject, window, resets_at, counted, now))
    return tuple(stands_on)


def _raised(line: Line, grants: Grants, now: int) -> Line:
    limits = grants.raised(line.limits, line.terms, line.subject, line.window, now)
    return line if limits is line.limits else msgspec.structs.replace(line, limits=limits)


def _limits(budget: Budget, model: str) -> Limits:
    """What bounds an attempt of this model: a budget that only advises does not, one that downgrades has a ceiling for its own model.
    How many invocations there may be holds whatever happens past the other limits."""
    calls = budget.limits.invocations
    match budget.breach.kind:
        case "alert":
            return UNLIMITED if calls is None else Limits(invocations=calls)
        case "downgrade" if model == budget.breach.model:
            ceiling = budget.breach.ceiling
            return ceiling if calls is None else msgspec.structs.replace(ceiling, invocations=calls)
        case _:
            return budget.limits
