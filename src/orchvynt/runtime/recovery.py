"""What an earlier process left: spend and holds go back into the ledger, attempts without outcome are settled at their bound,
interrupted invocations end on record, parked ones go back into the index."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.prompts import PROMPTS_MAX
from orchvynt.decisions.budgets.windows import placed_in
from orchvynt.language.snapshot import Budget, Snapshot
from orchvynt.lifecycle.before_send import concluded, cut_off
from orchvynt.lifecycle.settling import bound_of, consumed, price_of
from orchvynt.lifecycle.state import decode
from orchvynt.model import facts
from orchvynt.model.budget_facts import PROMPTS, Reserved
from orchvynt.model.money import cost_nanos
from orchvynt.ports.clock import Clock
from orchvynt.ports.journal import Journal
from orchvynt.ports.processes import TakenOver
from orchvynt.ports.store import OpenHold, SpendRow, Store
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parked_one import JOINABLE_NS
from orchvynt.runtime.parked_rows import Reading


class Recovered(msgspec.Struct, frozen=True):
    """What was found, in counts."""

    settled_at_bound: int
    voided: int
    interrupted: int
    reviews_open: int


class Ends(msgspec.Struct, frozen=True):
    """The ends of what a process that died had open: its holds, and the facts of each invocation that are to be written."""

    holds: list[OpenHold]
    facts: dict[str, list[facts.AnyFact]]
    unfinished: int

    @property
    def settled(self) -> int:
        return sum(hold.sent_at > 0 for hold in self.holds)


async def recover(
    store: Store,
    journal: Journal,
    ledger: Ledger,
    parked: Parked,
    clock: Clock,
    snapshot: Snapshot,
    taken_over: Sequence[TakenOver] = (),
) -> Recovered:
    """Runs before the first request is served; everything it decides is a fact in the journal first. What processes had open that were
    `taken_over` ends, too; they are not buried here."""
    at = clock.now()
    budgets = {budget.name: budget for budget in snapshot.budgets}
    for was, name in await store.renamed():
        ledger.rename(was, name)
    ledger.names.keep(budgets)
    spend = _kept(await store.spend(at))
    restore_spend(ledger, spend, budgets)
    settled = voided = unfinished = 0
    for process in ("", *(one.process for one in taken_over)):
        ends = await ends_of(store, process, at, snapshot)
        for hold in ends.holds:
            ledger.restore(hold.attempt, [_told_its_end(part, budgets) for part in hold.placed.reserved])
        for noted in ends.facts.values():
            journal.append(noted)
            for fact in noted:
                if isinstance(fact, facts.AttemptSettled):
                    ledger.release(fact.attempt, fact.reserved, at)
                elif isinstance(fact, facts.HoldVoided):
                    ledger.release(fact.attempt, at=at)
        settled += ends.settled
        voided += len(ends.holds) - ends.settled
        unfinished += ends.unfinished
        if store.is_shared:
            await store.cut_off(process or store.process, at)
    me, living = store.process, [row.process for row in await store.processes() if row.state != "gone"]
    await store.adopt_reviews(me, living)
    parked.add_all(Reading(parked, me, at).ones(await store.parked(at, JOINABLE_NS)))
    if grants := [given for given in await store.grants() if not 0 < given.until <= at]:
        _restore_grants(ledger, grants, spend, parked, budgets, at)
    return Recovered(settled, voided, unfinished, parked.open_count)


async def ends_of(store: Store, process: str, at: int, snapshot: Snapshot) -> Ends:
    """How what a process that died (empty: this one's earlier life) had open ends: attempts at their bound, invocations as interrupted."""
    budgets = {budget.name: budget for budget in snapshot.budgets}
    ended: dict[str, list[facts.AnyFact]] = {}
    holds = await store.open_holds(process)
    for hold in holds:
        ended.setdefault(hold.inv, []).extend(_end_hold(hold, at, snapshot, budgets))
    unfinished = await store.unfinished(process)
    for inv in unfinished:
        noted = ended.setdefault(inv, [])
        record = [*await store.facts(inv), *noted]
        over = _interrupted(inv, at, record)
        noted += [*_cut_off(record, over), over]
    return Ends(holds, ended, len(unfinished))


def _interrupted(inv: str, at: int, record: list[facts.AnyFact]) -> facts.InvocationFinished:
    """The end of an invocation that a crash cut off, with what it came to until then. One that had its answer whole was answered: what
    was cut off is the question of a gate that only looks at it."""
    sent = next((fact for fact in reversed(record) if isinstance(fact, facts.AttemptSent) and not fact.purpose), None)
    nanos = sum(fact.nanos for fact in record if isinstance(fact, facts.AttemptSettled))
    began = record[0].at if record else at
    given = next((fact for fact in record if _is_whole(fact)), None)
    outcome: facts.Outcome = "answered" if given is not None else "interrupted"
    lasted = (given.at if given is not None else at) - began
    if sent is None:
        return facts.InvocationFinished(inv, at, outcome, nanos=nanos, duration_ns=lasted)
    return facts.InvocationFinished(inv, at, outcome, sent.model, sent.provider, sent.tier, nanos, lasted)


def _is_whole(fact: facts.AnyFact) -> bool:
    """Whether the caller had all of its answer by then."""
    return (isinstance(fact, facts.AnswerDelivered) and not fact.streaming) or (isinstance(fact, facts.StreamEnded) and fact.whole)


def _kept(rows: list[SpendRow]) -> list[SpendRow]:
    """All rows but those of prompts that came too long ago to be counted on; of prompts those that came last are last."""
    prompts = [row for row in rows if row.budget.endswith(PROMPTS)]
    if not prompts:
        return rows
    prompts.sort(key=lambda row: row.touched_at)
    return [*(row for row in rows if not row.budget.endswith(PROMPTS)), *prompts[-PROMPTS_MAX:]]


def _cut_off(record: list[facts.AnyFact], over: facts.InvocationFinished) -> list[facts.AnyFact]:
    """What is told, for good, of an invocation that an approval had let go on: nobody learned its answer, and it is not sent again."""
    decided = next((fact for fact in reversed(record) if isinstance(fact, facts.ReviewDecided)), None)
    if decided is None:
        return []
    state = decode(decided.state)
    if not state.owed:
        return []
    after = record[record.index(decided) :]
    state.attempt_count += sum(isinstance(fact, facts.AttemptSent) and not fact.purpose for fact in after)
    state.nanos = over.nanos
    state.phase, state.verdict = "done", cut_off(decided.review, state.attempt_count > 0)
    return [concluded(state, over.at)]


def _restore_grants(
    ledger: Ledger, grants: Iterable[facts.BudgetGranted], spend: Iterable[SpendRow], parked: Parked, budgets: dict[str, Budget], at: int
) -> None:
    """What lasts; of grants for a lifetime those whose subject still lives: it is parked, or was not idle for too long."""
    touched = {(row.budget, row.subject): row.touched_at for row in spend if not row.window and not row.rolls_ns}
    for given in grants:
        budget = budgets.get(given.budget)
        if not given.until and budget is not None:
            seen_at = max(given.at, touched.get((given.budget, given.subject), 0))
            lives = parked.waits(given.subject) if budget.scope == "invocation" else at - seen_at < budget.idle_ns
            if not lives:
                continue
        ledger.grants.add(given)


def restore_spend(ledger: Ledger, rows: Iterable[SpendRow], budgets: Mapping[str, Budget]) -> None:
    """Not of budgets per invocation, which nobody asks for again."""
    for row in sorted(rows, key=lambda one: one.window):
        budget = budgets.get(ledger.names.now(row.budget))
        if budget is not None and budget.scope == "invocation":
            continue
        amounts = (row.nanos, row.tokens, row.output_tokens, row.invocations)
        part = Reserved(row.budget, row.subject, row.window, *amounts, row.rolls_ns, max(0, row.ends_at))
        if row.ends_at < 0:
            part = _told_its_end(part, budgets)
            if not part.ends_at:
                continue
        ledger.put_back(part, row.touched_at)


def _told_its_end(part: Reserved, budgets: Mapping[str, Budget]) -> Reserved:
    """What an older build wrote does not say when its window ends: if the budget still counts by such windows, its calendar says it."""
    budget = budgets.get(part.budget)
    if not part.window or part.ends_at or part.rolls_ns or budget is None or budget.window in ("lifetime", "rolling"):
        return part
    start, end = placed_in(budget, part.window)
    return msgspec.structs.replace(part, ends_at=end) if start == part.window else part


def _end_hold(hold: OpenHold, at: int, snapshot: Snapshot, budgets: Mapping[str, Budget]) -> list[facts.AnyFact]:
    """Nobody will learn what became of this attempt: what was sent is settled at its bound, what was not is returned."""
    placed = hold.placed
    if not hold.sent_at:
        return [facts.HoldVoided(hold.inv, at, hold.attempt, "the process ended before the send")]
    usage = bound_of(snapshot, placed)
    price = price_of(snapshot, placed.model)
    nanos = max(placed.nanos_bound, cost_nanos(price, usage.input_tokens, usage.output_tokens) if placed.output_tokens_max is None else 0)
    why = "the process ended before the outcome"
    parts = consumed([_told_its_end(part, budgets) for part in placed.reserved], nanos, usage)
    receipt = facts.AttemptSettled(hold.inv, at, hold.attempt, usage, nanos, parts, "at the hold", why=why)
    return [facts.AttemptEnded(hold.inv, at, hold.attempt, "interrupted", at - hold.sent_at), receipt]
