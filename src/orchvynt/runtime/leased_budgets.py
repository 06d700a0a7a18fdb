"""How budgets stand over all processes that share a store: what is settled there, what each has leased, and what it holds.

Of this process it is known at once; of the others, as far as they have filed.
"""

from collections.abc import Sequence

import msgspec

from orchvynt.decisions.budgets.accounts import Account, AccountKey, key_of
from orchvynt.decisions.budgets.grants import NOTHING as NOT_GRANTED
from orchvynt.decisions.budgets.leased_account import LeasedAccount
from orchvynt.decisions.budgets.leased_ledger import UNITS, LeasedLedger
from orchvynt.decisions.budgets.leasing import Lease
from orchvynt.decisions.budgets.portions import NOTHING, Portion, left_of, minus, plus, portion
from orchvynt.decisions.budgets.standing import Measure
from orchvynt.decisions.budgets.windows import account_window
from orchvynt.language.snapshot import Budget
from orchvynt.model.facts import Reserved
from orchvynt.ports.store import SpendRow, Store
from orchvynt.runtime.budget_lines import Rates, budget_line
from orchvynt.runtime.control import BudgetLine


class Stand(msgspec.Struct):
    """One account over all processes. `ends_at` is the end of its oldest slice, if its window rolls."""

    settled: Portion = NOTHING
    held: Portion = NOTHING
    leased: Portion = NOTHING
    ends_at: int = 0


async def shared_lines(store: Store, ledger: LeasedLedger, budgets: Sequence[Budget], rates: Rates) -> list[BudgetLine]:
    """Those of the current windows. Raises StoreUnavailableError."""
    stands: dict[AccountKey, Stand] = {}
    for row in await store.spend(rates.at):
        _add_settled(stands, row, ledger)
    for process in await store.processes():
        if process.process != store.process and process.state != "gone":
            for hold in await store.open_holds(process.process):
                for part in hold.placed.reserved:
                    stand = stands.setdefault(ledger.now(key_of(part)), Stand())
                    stand.held = plus(stand.held, portion(part.nanos, part.tokens, part.output_tokens, part.invocations))
    for one in await store.leases(rates.at):
        key = ledger.now(one.key)
        for lease in one.leases:
            account = ledger.leased.get(key) if lease.process == store.process else None
            _add_lease(stands.setdefault(key, Stand()), lease, account)
    by_name, found = {budget.name: budget for budget in budgets}, []
    for (name, subject, start, end), stand in stands.items():
        budget = by_name.get(name)
        if budget is None or budget.scope == "invocation" or account_window(budget, rates.at) != (start, end):
            continue
        granted = ledger.grants.of(budget, subject, start, rates.at) if ledger.grants else NOT_GRANTED
        waiting = ledger.leased.get((name, subject, start, end), Account()).waiting
        resets_at = stand.ends_at if budget.rolls_ns else end
        line = budget_line(budget, subject, start, resets_at, _account(stand, waiting), rates, granted)
        leased = stand.leased
        measures = tuple([_with_lease(measure, leased) for measure in line.measures])
        found.append(msgspec.structs.replace(line, measures=measures, leased_nanos=leased[0], leased_tokens=leased[1]))
    return found


def _add_settled(stands: dict[AccountKey, Stand], row: SpendRow, ledger: LeasedLedger) -> None:
    part = Reserved(row.budget, row.subject, row.window, rolls_ns=row.rolls_ns, ends_at=max(0, row.ends_at))
    key = ledger.now(key_of(part))
    stand = stands.setdefault(key, Stand())
    stand.settled = plus(stand.settled, portion(row.nanos, row.tokens, row.output_tokens, row.invocations))
    stand.ends_at = min(stand.ends_at or row.ends_at, row.ends_at)


def _add_lease(stand: Stand, lease: Lease, account: LeasedAccount | None) -> None:
    if account is None:
        stand.leased = plus(stand.leased, lease.left)
        return
    before, others = account.before, account.elsewhere
    settled = portion(
        account.settled_nanos - before[0],
        account.settled_tokens - before[1],
        account.settled_output - before[2],
        account.settled_calls - before[3],
    )
    held = portion(
        account.held_nanos - others[0], account.held_tokens - others[1], account.held_output - others[2], account.held_calls - others[3]
    )
    stand.settled = plus(stand.settled, minus(settled, lease.settled))
    stand.held = plus(stand.held, held)
    stand.leased = plus(stand.leased, left_of(account.granted, settled))


def _account(stand: Stand, waiting: int) -> Account:
    nanos, tokens, _, output, calls = stand.settled
    held = stand.held
    return Account(nanos, tokens, output, calls, held[0], held[1], held[3], held[4], waiting=waiting)


def _with_lease(measure: Measure, leased: Portion) -> Measure:
    unit = "nanos" if measure.unit == "usd" else measure.unit
    return msgspec.structs.replace(measure, leased=leased[UNITS.index(unit)])
