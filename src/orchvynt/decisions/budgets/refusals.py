"""The words of a budget's refusal: which budget, limit, spent, held, when it resets, and what helps."""

from datetime import UTC, datetime

from orchvynt.decisions.budgets.sizing import Short
from orchvynt.decisions.budgets.windows import SECOND_NS
from orchvynt.language.snapshot import Budget
from orchvynt.model.budget_facts import PROMPTS
from orchvynt.model.faults import Fault
from orchvynt.model.money import usd_text


def detail(short: Short) -> dict[str, str | int | None]:
    """The numbers that decided, for error bodies and facts. Amounts are tokens, or USD as text."""
    amount = usd_text if short.unit == "nanos" else int
    counts_prompts = short.line.book.endswith(PROMPTS)
    return {
        "budget": short.line.budget,
        "subject": short.line.subject.rpartition(":")[0] if counts_prompts else short.line.subject,
        "unit": "usd" if short.unit == "nanos" else "same_prompt" if counts_prompts else short.unit,
        "limit": amount(short.limit),
        "spent": amount(short.settled),
        "held": amount(short.held),
        "needed": amount(short.needed),
        "resets": _instant(short.line.resets_at),
    }


def no_room(short: Short, waited: bool) -> Fault:
    """402: the invocation would pass a limit. `waited` if it waited for holds in flight in vain."""
    return _run_stopped(short) if short.unit == "invocations" else budget_exceeded(short, waited)


def too_deep(budget: Budget, subject: str, depth: int) -> Fault:
    """402: the invocation is called by one that is called by one …, more often than the budget lets them be nested."""
    return Fault(
        "run_stopped",
        f"Budget {budget.name} ({budget.subject_of} {subject}) stops this invocation: its depth is {depth}, the limit {budget.depth}.",
        "Agents call one another without an end, it seems: `orchvynt explain` shows the parents. Begin without `x-orchvynt-parent` if this "
        "is new work, or raise `limit.depth` in the policy and run `orchvynt apply`.",
        detail={"budget": budget.name, "subject": subject, "unit": "depth", "limit": budget.depth, "depth": depth, "resets": None},
    )


def queue_full(budget: str) -> Fault:
    """503: so many wait for holds of this process already that one more would only wait in vain."""
    return Fault(
        "overloaded",
        f"Too many calls wait already for holds on budget {budget}.",
        "Come back later, or raise the budget.",
        detail={"budget": budget},
        retry_after_seconds=5,
    )


def _run_stopped(short: Short) -> Fault:
    """The run came too often. Trying again is no help: what is counted here grows with every call."""
    said, line = detail(short), short.line
    whose = f"Budget {line.budget} ({line.terms.subject_of} {said['subject']}) stops this invocation"
    resets = f"It resets at {said['resets']}." if said["resets"] else "It does not reset by itself."
    flight = f", {short.held} of them in flight" if short.held else ""
    came = short.settled + short.held
    if said["unit"] == "same_prompt":
        message = f"{whose}: the same prompt came {came} times{flight}, and the limit is {short.limit}. {resets}"
        help = "The agent repeats itself, it seems: end this run, or raise `limit.same_prompt` in the policy and run `orchvynt apply`."
    else:
        message = f"{whose}: there were {came} invocations{flight}, and the limit is {short.limit}. {resets}"
        help = "Start a new run, or raise `limit.invocations` in the policy and run `orchvynt apply`."
    return Fault("run_stopped", message, help, detail=dict(said))


def budget_exceeded(short: Short, waited: bool) -> Fault:
    """402: the invocation would exceed a ceiling. `waited` if it waited for holds in flight in vain."""
    said = detail(short)
    unit = "USD" if short.unit == "nanos" else "tokens"
    resets = f"It resets at {said['resets']}." if said["resets"] else "It does not reset by itself."
    why = " Holds in flight stood in the way for as long as the budget lets a call wait." if waited else ""
    return Fault(
        "budget_exceeded",
        f"Budget {short.line.budget} ({short.line.terms.subject_of} {short.line.subject}) has no room: limit {said['limit']} {unit}, "
        f"spent {said['spent']}, held {said['held']}, and this call needs {said['needed']}.{why} {resets}",
        "See `orchvynt budgets`; raise `limit` in the policy and run `orchvynt apply`, or lower max_tokens.",
        detail=dict(said),
    )


def queue_full(budget: str) -> Fault:
    """503: nobody more may wait for holds on this budget."""
    return Fault(
        "overloaded",
        f"Too many calls wait already for holds on budget {budget}.",
        "Come back later, or raise the budget.",
        detail={"budget": budget},
        retry_after_seconds=5,
    )


def _instant(at: int) -> str | None:
    return datetime.fromtimestamp(at // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
