"""What is settled on budgets, grants, and leases, over dicts: a part of the store."""

import time
from collections.abc import Callable, Sequence

import msgspec

from orchvynt.adapters.leases import account_of, slices_of, stands_on, told_of, with_grants
from orchvynt.adapters.memory.part import MemoryPart
from orchvynt.adapters.projection import Batch
from orchvynt.adapters.receipts import bounded
from orchvynt.adapters.spending import SpendKey, book_renamed, over, renamed_now
from orchvynt.decisions.budgets.accounts import AccountKey
from orchvynt.decisions.budgets.leasing import Asked, Given, Lease, Standing, joined, lease, wanted_before
from orchvynt.decisions.budgets.portions import NOTHING, plus, portion
from orchvynt.model.facts import BudgetGranted
from orchvynt.ports.carried import Carried
from orchvynt.ports.leases import LeaseAnswer, LeaseRow, Recall
from orchvynt.ports.store import SpendRow


class MemorySpending(MemoryPart):
    """Implements ports.leases.LeaseStore, and what the store says of spend and grants."""

    _now: Callable[[], int] = time.time_ns

    def __init__(self) -> None:
        super().__init__()
        self._spend: dict[SpendKey, SpendRow] = {}
        self._renamed: dict[str, str] = {}
        self._grants: dict[str, BudgetGranted] = {}
        self._leases: dict[AccountKey, dict[str, Lease]] = {}
        self._told_shares: dict[tuple[str, str, int, int], int] = {}

    def _file_spend(self, batch: Batch, process: str) -> None:
        for key, added in batch.spend.items():
            self._add_spend(key, added)
            account = account_of(self._renamed.get(key[0], key[0]), *key[1:])
            known = self._leases.get(account, {}).get(process)
            if known is not None:
                self._settle_lease(account, known, added)
        for given in batch.grants:
            self._grants.setdefault(given.grant, given)

    def _settle_lease(self, key: AccountKey, known: Lease, added: Sequence[int]) -> None:
        nanos, tokens, output, calls = map(bounded, added[:4])
        settled = plus(known.settled, portion(nanos, tokens, output, calls))
        self._leases[key][known.process] = msgspec.structs.replace(known, settled=settled)

    def _add_spend(self, key: SpendKey, added: Sequence[int]) -> None:
        old = self._spend.get(key)
        before = (old.nanos, old.tokens, old.output_tokens, old.invocations) if old is not None else (0, 0, 0, 0)
        nanos, tokens, output, calls = (bounded(known + more) for known, more in zip(before, added[:4], strict=True))
        touched_at = max(old.touched_at if old is not None else 0, added[4])
        budget, subject, window, rolls_ns, ends_at = key
        self._spend[key] = SpendRow(budget, subject, window, rolls_ns, nanos, tokens, output, calls, touched_at, ends_at)

    async def spend(self, now: int = 0) -> list[SpendRow]:
        self._check_open()
        return [row for row in self._spend.values() if not over(row.window, row.ends_at, now)]

    async def forget_spend(self, ended_before: int, lifetimes: Sequence[tuple[str, str, int]]) -> None:
        self._check_open()
        gone = {(*one, 0, 0) for one in lifetimes}
        self._spend = {key: row for key, row in self._spend.items() if key not in gone and not over(row.window, row.ends_at, ended_before)}
        self._leases = {key: known for key, known in self._leases.items() if not 0 < key[2] < key[3] <= ended_before}
        self._told_shares = {key: share for key, share in self._told_shares.items() if not 0 < key[3] <= ended_before}

    async def renamed(self) -> list[tuple[str, str]]:
        self._check_open()
        return sorted(self._renamed.items())

    async def grants(self) -> list[BudgetGranted]:
        self._check_open()
        return sorted(self._grants.values(), key=lambda given: (given.at, given.grant))

    async def grant(self, grant: str) -> BudgetGranted | None:
        self._check_open()
        return self._grants.get(grant)

    def _carry(self, carried: Carried) -> None:
        rows, self._spend = self._spend, {}
        for key, row in rows.items():
            now = (book_renamed(key[0], carried), *key[1:])
            self._add_spend(now, [row.nanos, row.tokens, row.output_tokens, row.invocations, row.touched_at])
        self._renamed = renamed_now(self._renamed, carried)
        for account in [account for account in self._leases if book_renamed(account[0], carried) != account[0]]:
            there = self._leases.setdefault((book_renamed(account[0], carried), *account[1:]), {})
            for process, one in self._leases.pop(account).items():
                known = there.get(process)
                both = one if known is None else joined(known, one)
                there[process] = msgspec.structs.replace(both, settled=one.settled if known is None else plus(known.settled, one.settled))

    async def lease(self, process: str, asked: Sequence[Asked]) -> LeaseAnswer:
        self._check_open()
        now = self._now()
        return LeaseAnswer(now, tuple([self._decide(process, one, now) for one in asked]))

    def _decide(self, process: str, asked: Asked, now: int) -> Given:
        standing = self._standing(asked.key, now, self._told_shares.get(told_of(asked, now), 0) if asked.share else 0)
        leased = lease(asked, process, standing)
        budget, subject, *_ = asked.key
        if leased.forgets:
            self._spend = {key: row for key, row in self._spend.items() if key[:2] != (budget, subject) or row.rolls_ns or row.ends_at}
            self._told_shares.pop((budget, subject, 0, 0), None)
        if leased.lease is None:
            self._leases.get(asked.key, {}).pop(process, None)
        elif not standing.renamed:
            self._leases.setdefault(asked.key, {})[process] = leased.lease
        if asked.share > standing.told:
            self._told_shares[told_of(asked, now)] = asked.share
        if leased.given.refused == "short":
            grants = [given for given in self._grants.values() if (given.budget, given.subject) == (budget, subject)]
            leased = with_grants(leased, sorted(grants, key=lambda given: (given.at, given.grant)), asked, now)
        return leased.given

    def _standing(self, key: AccountKey, now: int, told: int = 0) -> Standing:
        names = {key[0], *(was for was, name in self._renamed.items() if name == key[0])}
        rows = [row for row in self._spend.values() if row.budget in names and row.subject == key[1] and stands_on(row, key, now)]
        return Standing(now, slices_of(rows, key), list(self._leases.get(key, {}).values()), key[0] in self._renamed, told)

    async def recalls(self, process: str) -> list[Recall]:
        self._check_open()
        now, found = self._now(), []
        for key, leases in self._leases.items():
            if (mine := leases.get(process)) is not None:
                wanted = wanted_before([one for one in leases.values() if one is not mine], mine, now)
                if wanted != NOTHING:
                    found.append(Recall(key, wanted))
        return found

    async def leases(self, now: int) -> list[LeaseRow]:
        self._check_open()
        return [
            LeaseRow(key, self._standing(key, now).settled, tuple(known[process] for process in sorted(known)))
            for key, known in sorted(self._leases.items())
            if known and (not key[2] or key[3] > now)
        ]

    async def end_leases(self, process: str) -> None:
        self._check_open()
        for known in self._leases.values():
            known.pop(process, None)
