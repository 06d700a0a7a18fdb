"""The words of a budget's refusal: which budget, limit, spent, held, when it resets, and what helps."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from orchvynt.decisions.budgets.needs import Short, Unit
from orchvynt.decisions.budgets.windows import SECOND_NS
from orchvynt.language.snapshot import Budget
from orchvynt.model.budget_facts import PROMPTS
from orchvynt.model.faults import Fault
from orchvynt.model.money import usd_text

WORDS: Final[dict[Unit, str]] = {
    "nanos": "USD",
    "tokens": "tokens",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "invocations": "invocations",
}


def unit_name(unit: Unit) -> str:
    """The unit as the policy writes it."""
    return "usd" if unit == "nanos" else unit


def amount_of(unit: str, amount: int) -> str | int:
    """An amount in a unit by the policy's name: dollars as text, anything else as the number that it is."""
    return usd_text(amount) if unit == "usd" else amount


def detail(short: Short) -> dict[str, str | int | None]:
    """The numbers that decided, for error bodies and facts. Amounts are USD as text, or whole numbers.

    `model` is there where its own ceiling decided, `downgrade` where the limit leads to another model, `leased` where a part of what is
    held is leased to other processes."""
    counts_prompts = short.line.book.endswith(PROMPTS)
    unit = "same_prompt" if counts_prompts else unit_name(short.unit)
    said: dict[str, str | int | None] = {
        "budget": short.line.budget,
        "subject": short.line.subject.rpartition(":")[0] if counts_prompts else short.line.subject,
        "unit": unit,
        "limit": amount_of(unit, short.limit),
        "spent": amount_of(unit, short.settled),
        "held": amount_of(unit, short.held),
        "needed": amount_of(unit, short.needed),
        "resets": _instant(short.line.resets_at),
    }
    if short.leased:
        said["leased"] = amount_of(unit, short.leased)
    breach = short.line.terms.breach
    if breach.kind == "downgrade":
        said["model" if _at_ceiling(short) else "downgrade"] = breach.model
    return said


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
    said, terms = detail(short), short.line.terms
    unit = WORDS[short.unit]
    resets = f"It resets at {said['resets']}." if said["resets"] else "It does not reset by itself."
    why = " Holds in flight stood in the way for as long as the budget lets a call wait." if waited else ""
    limit = "ceiling" if _at_ceiling(short) else "limit"
    others = f" ({said['leased']} of it leased to other processes)" if short.leased else ""
    least = ""
    if terms.breach.kind == "clamp" and short.unit not in ("input_tokens", "invocations"):
        least = f" at the least (`min_output_tokens` is {terms.min_output_tokens})"
    who = f" for {terms.breach.model}, the model that it downgrades to" if _at_ceiling(short) else ""
    return Fault(
        "budget_exceeded",
        f"Budget {short.line.budget} ({terms.subject_of} {short.line.subject}) has no room{who}: "
        f"{limit} {said['limit']} {unit}, spent {said['spent']}, held {said['held']}{others}, and this call needs {said['needed']}{least}."
        f"{why} {resets}",
        _help(short, limit),
        detail=dict(said),
    )


def queue_full(short: Short) -> Fault:
    """503: too many wait already, of all budgets together."""
    return Fault(
        "overloaded",
        f"Too many calls wait already for holds on budget {short.line.budget}.",
        "Come back later, or raise the budget.",
        detail={"budget": short.line.budget},
        retry_after_seconds=5,
    )


def unleased(why: str) -> Fault:
    """503: the store is away, so no more of a budget can be had, and nothing goes out unmetered."""
    return Fault(
        "store_unavailable",
        f"A budget applies of which this process has nothing left, and the store cannot give it more: {why}",
        "Send it again: it goes on by itself once the store is back. `orchvynt status` shows the store.",
        retry_after_seconds=5,
    )


def not_downgraded(fault: Fault, model: str, why: str) -> Fault:
    """The same refusal, of a budget that downgrades to a model which may not be asked."""
    return msgspec.structs.replace(
        fault,
        message=f"{fault.message} It downgrades to {model}, which may not be asked: {why.rstrip('.')}.",
        detail={**fault.detail, "downgrade_refused": why},
    )


def _help(short: Short, limit: str) -> str:
    """What the caller and the owner of the policy can do about it."""
    terms = short.line.terms
    raised = f"raise `{'on_breach.ceiling' if limit == 'ceiling' else 'limit'}` in the policy and run `orchvynt apply`"
    if short.unit == "input_tokens":
        lower = "or send a shorter request"
    elif short.unit == "invocations":
        lower = "or make fewer calls"
    elif terms.breach.kind == "clamp":
        lower = "or send a shorter request; its answer is limited as far as it goes"
    else:
        lower = "or lower max_tokens"
    return f"See `orchvynt budgets`; {raised}, {lower}."


def _at_ceiling(short: Short) -> bool:
    """Whether it was the model that the budget downgrades to, which only its ceiling bounds."""
    return short.line.past


def _instant(at: int) -> str | None:
    """In whole seconds, never too early: whoever comes back then finds room."""
    return datetime.fromtimestamp(-(-at // SECOND_NS), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
