"""The words of a budget's refusal: which budget, limit, spent, held, when it resets, and what helps."""

from datetime import UTC, datetime

from orchvynt.decisions.budgets.sizing import Short
from orchvynt.decisions.budgets.windows import SECOND_NS
from orchvynt.model.faults import Fault
from orchvynt.model.money import usd_text


def detail(short: Short) -> dict[str, str | int | None]:
    """The numbers that decided, for error bodies and facts. Amounts are tokens, or USD as text."""
    amount = usd_text if short.unit == "nanos" else int
    return {
        "budget": short.line.budget,
        "subject": short.line.subject,
        "unit": "usd" if short.unit == "nanos" else "tokens",
        "limit": amount(short.limit),
        "spent": amount(short.settled),
        "held": amount(short.held),
        "needed": amount(short.needed),
        "resets": _instant(short.line.resets_at),
    }


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


def _instant(at: int) -> str | None:
    return datetime.fromtimestamp(at // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
