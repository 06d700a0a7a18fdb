"""What is kept of records and what is not: legal holds, forgetting a person, coverage counted from the records.

INVARIANT: what is under a legal hold is neither forgotten nor dropped, and a hold that cannot be evaluated on a record holds it.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec

from orchvynt.decisions.audit.coverage import Counting, Coverage
from orchvynt.decisions.audit.entries import FORGET, AuditRow
from orchvynt.language.record_values import RecordValues, compile_where
from orchvynt.language.snapshot import EvaluationError, Expression, Snapshot
from orchvynt.model.facts import AnyFact, InvocationFinished, ReviewConcluded, ReviewDecided, ReviewOpened
from orchvynt.model.faults import Fault
from orchvynt.ports.audit import Forgotten, HoldRow
from orchvynt.ports.clock import Clock
from orchvynt.ports.store import Store

PAGE: Final = 200
FORGET_AT_ONCE: Final = 500
IDS_MAX: Final = 100

Record = tuple[str, Sequence[AnyFact]]


class Found(msgspec.Struct, frozen=True):
    """What a condition means now. `unclear` are records on which it could not be evaluated: they are not among the others. `open` are
    still running or in review, and stay; `held` are under the legal hold `hold`, the first that was met."""

    matched: tuple[str, ...] = ()
    open: int = 0
    unclear: int = 0
    held: int = 0
    hold: str = ""


class Taken(msgspec.Struct, frozen=True):
    """What a forgetting found, and, if it was done, what it took."""

    found: Found
    took: Forgotten | None = None


class Keeping:
    def __init__(self, store: Store, clock: Clock, snapshot: Snapshot) -> None:
        self._store = store
        self._clock = clock
        self._snapshot = snapshot

    async def coverage(self, gate: str, begin: int, end: int) -> Coverage:
        """Of what the gate matched from `begin` to before `end` (ns UTC), with all that has happened to it since."""
        await self._store.settled()
        known = next((one for one in self._snapshot.gates if one.name == gate), None)
        counting = Counting(gate, known is not None and known.after_delivery, begin)
        for inv in await self._store.matched(gate, begin, end):
            counting.add(await self._store.facts(inv))
        return counting.total()

    async def hold(self, where: str, by: str, ticket: str) -> HoldRow | Fault:
        """Whatever the condition holds for, now and later, is kept until the hold is released."""
        condition = compile_where(where)
        if isinstance(condition, Fault):
            return condition
        at = self._clock.now()
        # INVARIANT: the entry comes before the effect; its number names the hold.
        kept = await self._store.audit(AuditRow(at, by, "audit.hold", f"{ticket}: {where}", "audit"))
        row = HoldRow(f"hold_{kept.number}", at, by, ticket, where)
        await self._store.put_hold(row)
        return row

    async def release(self, hold: str, by: str, why: str) -> HoldRow | Fault:
        row = next((one for one in await self._store.holds() if one.hold == hold), None)
        if row is None:
            return Fault("not_found", f"There is no legal hold {hold[:100]}.", "`orchvynt audit holds` lists them.", param="hold")
        if row.released_at:
            return Fault("conflict", f"{hold} was released by {row.released_by} before.", "`orchvynt audit holds` lists them.")
        at = self._clock.now()
        await self._store.audit(AuditRow(at, by, "audit.release", why, hold))
        released = msgspec.structs.replace(row, released_at=at, released_by=by, release_why=why)
        await self._store.put_hold(released)
        return released

    async def forget(self, where: str, by: str, ticket: str, do: bool) -> Taken | Fault:
        """Without `do` it only counts. Refused as a whole while a legal hold is on any of what is meant."""
        condition = compile_where(where)
        if isinstance(condition, Fault):
            return condition
        await self._store.settled()
        found = await self._find(condition)
        if not do:
            return Taken(found)
        if found.held:
            said = f"{found.held} of the records are under a legal hold ({found.hold}), so nothing was forgotten."
            help = f"Narrow the condition, or have the hold released: orchvynt audit release {found.hold} -m WHY."
            detail = {"held": found.held, "hold": found.hold}
            await self._store.audit(AuditRow(self._clock.now(), by, f"{FORGET} refused", f"{ticket}: {said}", "audit"))
            return Fault("conflict", said, help, detail=detail)
        took = Forgotten(0)
        if not found.matched:
            # An earlier call may have taken all of it, and died, or was refused, before its traces were gone.
            await self._store.leave_no_traces()
        for start in range(0, len(found.matched), FORGET_AT_ONCE):
            some = found.matched[start : start + FORGET_AT_ONCE]
            one = await self._store.forget(some, AuditRow(self._clock.now(), by, FORGET, ticket, "audit"))
            took = Forgotten(*(known + more for known, more in zip(*map(msgspec.structs.astuple, (took, one)), strict=True)))
        return Taken(found, took)

    async def _find(self, condition: Expression) -> Found:
        holds = await active_holds(self._store)
        matched: list[str] = []
        open_count = unclear = held = 0
        by_hold = ""
        async for inv, record in _records(self._store):
            answer = self._answers(condition, record)
            if answer is None:
                unclear += 1
            elif answer and is_open(record):
                open_count += 1
            elif answer:
                if (hold := self.held_by(holds, record)) is not None:
                    held += 1
                    by_hold = by_hold or hold.hold
                matched.append(inv)
        return Found(tuple(matched), open_count, unclear, held, by_hold)

    def held_by(self, holds: Sequence[HoldRow], record: Sequence[AnyFact]) -> HoldRow | None:
        """The first hold that is on a record."""
        for hold in holds:
            condition = compile_where(hold.where)
            if isinstance(condition, Fault) or self._answers(condition, record) is not False:
                return hold
        return None

    def _answers(self, condition: Expression, record: Sequence[AnyFact]) -> bool | None:
        """None where it cannot be evaluated."""
        try:
            return condition.evaluate(RecordValues(record, self._owner, self._snapshot.timezone)) is True
        except EvaluationError:
            return None

    @property
    def _owner(self) -> Callable[[str], str]:
        keys = self._snapshot.keys
        return lambda name: keys[name].owner if name in keys else ""


async def active_holds(store: Store) -> list[HoldRow]:
    return [row for row in await store.holds() if not row.released_at]


def is_open(record: Sequence[AnyFact]) -> bool:
    """Whether an invocation is not at its end: it runs, waits for people, or an approval let it go on."""
    waiting = {fact.review for fact in record if isinstance(fact, ReviewOpened)}
    waiting -= {fact.review for fact in record if isinstance(fact, ReviewDecided | ReviewConcluded)}
    return bool(waiting) or not any(isinstance(fact, InvocationFinished) for fact in record)


async def _records(store: Store) -> AsyncIterator[Record]:
    after = ""
    while page := await store.records(after, PAGE):
        for inv, record in page:
            yield inv, record
        after = page[-1][0]
