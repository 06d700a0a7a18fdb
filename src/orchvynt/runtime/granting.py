"""Grants that operators give unasked: checked, written, and in force in the same turn, so that together they stay below their bound.

A grant has an id. Whoever asks for the same id again, with the same content, is told of the grant that there is: a retry grants nothing.
"""

from orchvynt.decisions.budgets.granting import check_amount, check_subject
from orchvynt.decisions.budgets.grants import term
from orchvynt.language.snapshot import Budget, Snapshot
from orchvynt.model.facts import BudgetGranted
from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Ids
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import Store
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.control import Grant, Granted

ID_PREFIX = "grant"


class Granting:
    def __init__(self, carrier: Carrier, store: Store, ids: Ids) -> None:
        self._carrier = carrier
        self._store = store
        self._ids = ids

    async def grant(self, asked: Grant, snapshot: Snapshot) -> Granted | Fault:
        """In force when it returns."""
        if asked.id:
            await self._store.settled()
            known = await self._store.grant(asked.id)
            if known is not None:
                return _same(asked, known)
        done = self._grant(asked, snapshot)
        if not isinstance(done, Fault):
            await self._store.settled()
        return done

    def _grant(self, asked: Grant, snapshot: Snapshot) -> Granted | Fault:
        # INVARIANT: nothing is awaited between the look at what was granted and the grant.
        grants = self._carrier.admitting.ledger.grants
        known = grants.find(asked.id) if asked.id else None
        if known is not None:
            return _same(asked, known)
        budget = next((budget for budget in snapshot.budgets if budget.name == asked.budget), None)
        if budget is None:
            names = ", ".join(one.name for one in snapshot.budgets[:20]) or "none"
            return Fault("not_found", f"The policy has no budget {asked.budget[:100]}.", f"Its budgets: {names}.", param="budget")
        clock = self._carrier.clock
        lasts = term(budget, clock.now())
        so_far = grants.unasked(budget, asked.subject, lasts.window, clock.now())
        fault = check_subject(budget, asked.subject, snapshot.keys) or check_amount(
            budget, (asked.nanos, asked.tokens), so_far, asked.reason
        )
        if fault is not None:
            return fault
        given = BudgetGranted(
            "",
            clock.now(),
            asked.id or self._ids.new(ID_PREFIX),
            budget.name,
            asked.subject,
            lasts.window,
            lasts.rolls_ns,
            lasts.until,
            asked.nanos,
            asked.tokens,
            asked.by,
            asked.reason,
        )
        try:
            self._carrier.journal.append((given,))
        except JournalUnavailableError as error:
            self._carrier.counting.not_written()
            said = f"The grant cannot be written ({error}), so it does not count."
            return Fault("store_unavailable", said, "Make room or repair the disk, and grant it again.", retry_after_seconds=5)
        self._put_in_force(budget, given)
        return Granted(given, new=True)

    def _put_in_force(self, budget: Budget, given: BudgetGranted) -> None:
        admitting = self._carrier.admitting
        admitting.ledger.grants.add(given)
        admitting.granted(budget.name, given.subject)


def _same(asked: Grant, known: BudgetGranted) -> Granted | Fault:
    content = (asked.budget, asked.subject, asked.nanos, asked.tokens, asked.reason)
    if not known.review and content == (known.budget, known.subject, known.nanos, known.tokens, known.reason):
        return Granted(known, new=False)
    return Fault(
        "conflict",
        f"There is a grant {known.grant} already, and it says something else.",
        "Take another id, or none.",
        param="id",
        detail={"budget": known.budget, "subject": known.subject, "by": known.by},
    )
