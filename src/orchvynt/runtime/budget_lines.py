"""How budgets stand, a line for each subject and window."""

import msgspec

from orchvynt.decisions.budgets.burning import Subject, burn
from orchvynt.decisions.budgets.grants import Amounts, on_top
from orchvynt.decisions.budgets.ledger import Account
from orchvynt.decisions.budgets.standing import Spend, forecast, measures
from orchvynt.language.document.scalars import duration_text
from orchvynt.language.snapshot import Budget
from orchvynt.runtime.control import BudgetLine


class Rates(msgspec.Struct, frozen=True):
    """What every subject spent lately, over the same time."""

    at: int
    recent: dict[Subject, tuple[Spend, int]]
    over_ns: int


def budget_line(budget: Budget, subject: str, window: int, resets_at: int, account: Account, rates: Rates, granted: Amounts) -> BudgetLine:
    settled = Spend(account.settled_nanos, account.settled_tokens, account.settled_output, account.settled_calls)
    held = Spend(account.held_nanos, account.held_tokens, account.held_output, account.held_calls)
    found = measures(on_top(budget.limits, granted), settled, held)
    began = rates.at - window if window and not budget.rolls_ns else 0
    rate = burn(rates.recent, (budget.name, subject), rates.over_ns, settled, began)
    return BudgetLine(
        budget.name,
        budget.subject_of,
        subject,
        f"rolling {duration_text(budget.rolls_ns)}" if budget.rolls_ns else budget.window,
        resets_at,
        budget.limits.nanos,
        account.settled_nanos,
        account.held_nanos,
        budget.limits.tokens,
        account.settled_tokens,
        account.held_tokens,
        account.waiting,
        granted_nanos=granted[0],
        granted_tokens=granted[1],
        measures=found,
        burn=rate,
        forecast=forecast(found, rate, rates.at, resets_at, budget.rolls_ns),
        breach=budget.breach.kind,
        breach_model=budget.breach.model,
        rolls_ns=budget.rolls_ns,
    )
