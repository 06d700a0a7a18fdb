"""How budgets stand over all processes of a store."""

import asyncio

from orchvynt.adapters.memory.journal import MemoryJournal
from orchvynt.adapters.memory.store import MemoryStore
from orchvynt.decisions.budgets.accounts import Line
from orchvynt.decisions.budgets.leased_ledger import LeasedLedger
from orchvynt.decisions.budgets.leasing import Asked
from orchvynt.decisions.budgets.portions import NOTHING, Portion
from orchvynt.decisions.budgets.questions import Wanted, hear, question
from orchvynt.language.snapshot import Budget, Limits
from orchvynt.model.facts import AttemptSettled, Reserved
from orchvynt.model.usage import NO_USAGE
from orchvynt.runtime.budget_lines import Rates
from orchvynt.runtime.leased_budgets import shared_lines

BUDGET = Budget("b", "global", None, "lifetime", Limits(tokens=100))
LINE = Line(BUDGET, "b", "*", 0, 0, BUDGET.limits, 1)


def tokens(amount: int) -> Portion:
    return (0, amount, 0, 0, 0)


def test_what_is_settled_and_leased_by_all_and_held_here() -> None:
    async def run() -> None:
        store, ledger = MemoryStore(lambda: 1_000), LeasedLedger()
        wanted = Wanted(BUDGET.limits, need=tokens(10))
        answer = await store.lease(store.process, [question(("b", "*", 0, 0), wanted, ledger, 1)])
        hear(wanted, answer.given[0], ledger, 1)
        await store.lease("prc_other", [Asked(("b", "*", 0, 0), BUDGET.limits, NOTHING, tokens(20))])
        MemoryJournal(store, "prc_other").append(
            [AttemptSettled("inv_9", 1, "att_9", NO_USAGE, 0, (Reserved("b", "*", 0, 0, 15), Reserved("gone", "*", 0, 0, 1)), "policy")]
        )
        for attempt in ("att_1", "att_2"):
            ledger.place(attempt, [LINE], 0, 10)
        ledger.release("att_1", [Reserved("b", "*", 0, 0, 7)], 1)
        (line,) = await shared_lines(store, ledger, [BUDGET], Rates(1_000, {}, 0))
        assert (line.settled_tokens, line.held_tokens, line.leased_tokens) == (22, 10, 43 + 5)
        assert [(one.limit, one.settled, one.held, one.leased) for one in line.measures] == [(100, 22, 10, 48)]
        await store.end_leases(store.process)
        await store.end_leases("prc_other")
        (line,) = await shared_lines(store, ledger, [BUDGET], Rates(1_000, {}, 0))
        assert (line.settled_tokens, line.held_tokens, line.leased_tokens) == (15, 0, 0), "as the store has it"

    asyncio.run(run())
