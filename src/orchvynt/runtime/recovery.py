"""What an earlier process left: spend and holds go back into the ledger, attempts without outcome are settled at their bound,
interrupted invocations end on record, parked ones go back into the index."""

from collections.abc import Iterable

import msgspec

from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.windows import SECOND_NS
from orchvynt.language.snapshot import Budget
from orchvynt.model import facts
from orchvynt.model.usage import Usage
from orchvynt.ports.clock import Clock
from orchvynt.ports.journal import Journal
from orchvynt.ports.store import OpenHold, ReviewRow, SpendRow, Store
from orchvynt.runtime.parked import JOINABLE_NS, Parked, ParkedOne

LONGEST_WINDOW_NS = 32 * 86_400 * SECOND_NS


class Recovered(msgspec.Struct, frozen=True):
    """What was found, in counts."""

    settled_at_bound: int
    voided: int
    interrupted: int
    reviews_open: int


async def recover(store: Store, journal: Journal, ledger: Ledger, parked: Parked, clock: Clock, budgets: Iterable[Budget]) -> Recovered:
    """Runs before the first request is served; everything it decides is a fact in the journal first."""
    at = clock.now()
    per_call = {budget.name for budget in budgets if budget.scope == "invocation"}
    _restore_spend(ledger, (row for row in await store.spend() if row.budget not in per_call), at)
    ended: dict[str, list[facts.AnyFact]] = {}
    settled = voided = 0
    for hold in await store.open_holds():
        noted = _end_hold(ledger, hold, at)
        ended.setdefault(hold.inv, []).extend(noted)
        settled += hold.sent_at > 0
        voided += hold.sent_at == 0
    unfinished = await store.unfinished()
    for inv in unfinished:
        ended.setdefault(inv, []).append(facts.InvocationFinished(inv, at, "interrupted"))
    for noted in ended.values():
        journal.append(noted)
        for fact in noted:
            if isinstance(fact, facts.AttemptSettled):
                ledger.release(fact.attempt, fact.reserved)
            elif isinstance(fact, facts.HoldVoided):
                ledger.release(fact.attempt)
    _restore_parked(parked, await store.reviews(only_open=False), at)
    return Recovered(settled, voided, len(unfinished), parked.open_count)


def _restore_spend(ledger: Ledger, rows: Iterable[SpendRow], at: int) -> None:
    for row in rows:
        if row.window and row.window < at - LONGEST_WINDOW_NS:
            continue
        account = ledger.open((row.budget, row.subject, row.window))
        account.settled_nanos += row.nanos
        account.settled_tokens += row.tokens


def _end_hold(ledger: Ledger, hold: OpenHold, at: int) -> list[facts.AnyFact]:
    """Nobody will learn what became of this attempt: what was sent is settled at its bound, what was not is returned."""
    placed = hold.placed
    ledger.restore(hold.attempt, placed.reserved)
    if not hold.sent_at:
        return [facts.HoldVoided(hold.inv, at, hold.attempt, "the process ended before the send")]
    usage = Usage(placed.input_tokens_bound, placed.output_tokens_max or 0, estimated=True)
    receipt = facts.AttemptSettled(
        hold.inv, at, hold.attempt, usage, placed.nanos_bound, placed.reserved, "at the hold", why="the process ended before the outcome"
    )
    ended = facts.AttemptEnded(hold.inv, at, hold.attempt, "interrupted", at - hold.sent_at)
    return [ended, receipt]


def _restore_parked(parked: Parked, rows: Iterable[ReviewRow], at: int) -> None:
    for row in sorted(rows, key=lambda one: one.opened_at):
        if row.status != "open" and at - row.decided_at >= JOINABLE_NS:
            continue
        due = row.escalates_at if row.status == "open" else 0
        one = ParkedOne(row.review, row.inv, row.key_id, row.join_key, row.opened_at, due, row.status)
        one.by = row.by
        one.decided_at = row.decided_at
        # Whoever waited for it was cut off when the earlier process ended.
        one.released = True
        parked.add(one)
