"""The ledger of a process that shares its store with others: its accounts are leased, and what stands there is what all processes spend.

Accounts of one invocation, and those that count equal prompts, are this process's own: an invocation runs in one process at a time, and
a lease for each prompt would cost a turn to the store for each invocation.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from orchvynt.decisions.budgets.accounts import Account, AccountKey, Line, used
from orchvynt.decisions.budgets.leased_account import LeasedAccount
from orchvynt.decisions.budgets.leasing import Given, idle_for_ns
from orchvynt.decisions.budgets.ledger import IDLE_NS, LOOKED_AT, Ledger
from orchvynt.decisions.budgets.portions import Portion, bounds, lower
from orchvynt.language.compiled_budgets import Limits
from orchvynt.model.budget_facts import PROMPTS
from orchvynt.model.facts import Reserved

UNITS: Final = ("nanos", "tokens", "input_tokens", "output_tokens", "invocations")


def is_leased(line: Line) -> bool:
    """Whether the line's account is leased, and not of this process alone."""
    return line.terms.scope != "invocation" and line.book == line.terms.name


class LeasedLedger(Ledger):
    """`leased` are the accounts that the store has answered for. What earlier processes spent is not put back here: the store knows it."""

    __slots__ = ("_to_look_at", "leased")

    def __init__(self) -> None:
        super().__init__()
        self.leased: dict[AccountKey, LeasedAccount] = {}
        self._to_look_at: list[AccountKey] = []

    def account(self, line: Line) -> Account:
        found = self.leased.get(self.key(line))
        return found if found is not None else super().account(line)

    def own(self, line: Line) -> Account:
        """The account with what this process holds alone."""
        found = self.leased.get(self.key(line))
        return found.own() if found is not None else super().account(line)

    def lacks(self, line: Line, needed: Portion) -> bool:
        """Whether the lease is too small for a hold on the line, or was granted under a higher limit. What is not limited there, and what
        costs nothing, needs no lease."""
        account = self.leased[self.key(line)]
        if account.closing or (not line.past and lower(line.limits, account.limits)):
            return True
        granted, spent = account.granted, account.used
        limits = bounds(line.limits)
        return any(need > 0 and limits[unit] is not None and spent[unit] + need > granted[unit] for unit, need in enumerate(needed))

    def learn(self, given: Given, limits: Limits | None, at: int) -> LeasedAccount:
        """What the store answered. `limits` are those of the budget that it was asked with, None where it was not asked for them; `at` is
        monotonic."""
        key = self.now(given.key)
        account = self.leased.get(key)
        if account is None:
            # Somebody may wait on it already, before anything is known of it.
            before = self.open(key)
            account = self.leased[key] = LeasedAccount(waiting=before.waiting, used_at=at)
            budget, subject, start, end = key
            self._books[budget, start, end][subject] = account
        account.learn(given, limits, at)
        return account

    def end(self, key: AccountKey) -> None:
        """The lease is closed: whoever comes next begins another."""
        key = self.now(key)
        account = self.leased.get(key)
        if account is not None:
            assert not account.holds, "nothing is held on while a lease is being closed"
            self.drop_leases((key,))

    def drop_leases(self, keys: Iterable[AccountKey]) -> None:
        """Nobody holds on them here: who waits there begins anew."""
        for key in keys:
            account = self.leased.pop(key)
            budget, subject, start, end = key
            book = self._books[budget, start, end]
            del book[subject]
            if account.waiting:
                self.open(key).waiting = account.waiting
            elif not book:
                del self._books[budget, start, end]

    def frees_at(self, line: Line, unit: str, limit: int, needed: int) -> int:
        account = self.leased.get(self.key(line))
        if account is None:
            return super().frees_at(line, unit, limit, needed)
        if not line.terms.rolls_ns:
            return line.resets_at
        return account.frees_at(UNITS.index(unit), used(account, unit) + needed - limit)

    def restore(self, attempt: str, reserved: Iterable[Reserved]) -> None:
        """Does nothing: the lease of the process that left the hold open covers it."""

    def put_back(self, part: Reserved, touched_at: int) -> None:
        """Only what counts equal prompts, and in this process alone."""
        if part.budget.endswith(PROMPTS):
            super().put_back(part, touched_at)

    def rename(self, was: str, name: str) -> None:
        super().rename(was, name)
        self.leased = {key: account for key, account in self.entries() if isinstance(account, LeasedAccount)}

    def _move(self, account: Account, key: AccountKey) -> None:
        budget, subject, start, end = key
        there = self._books.get((budget, start, end), {}).get(subject)
        if isinstance(account, LeasedAccount) and there is not None:
            if isinstance(there, LeasedAccount):
                there.take_over(account)
            else:
                # Nothing is held on an account before its lease begins.
                account.waiting += there.waiting
                del self._books[budget, start, end][subject]
        super()._move(account, key)

    def look_at_some(self) -> list[AccountKey]:
        """The accounts to be tidied up now: after some calls it was all of them."""
        if not self._to_look_at:
            self._to_look_at = list(self.leased)
        some, self._to_look_at = self._to_look_at[-LOOKED_AT:], self._to_look_at[:-LOOKED_AT]
        return [key for key in some if key in self.leased]

    def is_idle(self, key: AccountKey, at: int) -> bool:
        """Whether nothing was held there for so long (`at` is monotonic) that what is left of the lease goes back."""
        account = self.leased[key]
        if account.waiting or at - account.used_at < idle_for_ns(key, bool(key[3] and not key[2])):
            return False
        return any(left > 0 for left in account.idle)

    def is_over(self, key: AccountKey, now: int, at: int, idle: Mapping[str, int]) -> bool:
        """Whether nobody will ask for the account again: its window has ended, or nothing was held on it for as long as its budget
        remembers a subject, or its window is long."""
        account = self.leased[key]
        if account.holds or account.waiting or account.closing:
            return False
        budget, _, start, end = key
        return 0 < end <= now if start else at - account.used_at >= (end or idle.get(budget, IDLE_NS))
