"""The ledger: what is settled and held on every budget, and whether one more hold fits. Integers only, no clock, no world.

Two-phase, after TigerBeetle's pending transfers (https://docs.tigerbeetle.com/coding/two-phase-transfers/): a hold is placed,
then settled or voided, once: who says it again is told whether it is the same. A hold stands on every budget that applies, or on none.
INVARIANT: for every account, settled + held ≤ limit whenever a hold is placed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Final, Literal

from orchvynt.decisions.budgets.accounts import Account as Account
from orchvynt.decisions.budgets.accounts import AccountKey as AccountKey
from orchvynt.decisions.budgets.accounts import Line as Line
from orchvynt.decisions.budgets.accounts import RollingAccount, key_of, used
from orchvynt.decisions.budgets.grants import Grants
from orchvynt.decisions.budgets.holds import Again, Ended, Forgotten, Hold, ended, took
from orchvynt.decisions.budgets.renaming import Names
from orchvynt.language.compiled_budgets import DAY_NS
from orchvynt.model.facts import Reserved

EMPTY = Account()
ENDED_KEPT: Final = 4_096
"""So many ended holds are remembered at least, and twice as many at most."""
LOOKED_AT: Final = 2_000
IDLE_NS: Final = 30 * DAY_NS
"""Of budgets that the policy no longer has."""


class Ledger:
    """All accounts and open holds of one process, and the grants that raise their limits."""

    __slots__ = ("_anew", "_books", "_ended", "_ended_before", "_looking_at", "forgotten", "grants", "holds", "names")

    def __init__(self) -> None:
        # By budget and window, then by subject: half the memory of one key for each account, and a window that ended goes as a whole.
        self._books: dict[tuple[str, int, int], dict[str, Account]] = {}
        self._ended: dict[str, Ended] = {}
        self._ended_before = self._ended
        # When lifetimes began anew, of those that did: their rows in the store are apart from those before.
        self._anew: dict[tuple[str, str], int] = {}
        self._looking_at: list[tuple[tuple[str, int, int], str]] = []
        self.holds: dict[str, Hold] = {}
        self.forgotten: list[Forgotten] = []
        self.names = Names()
        self.grants = Grants()

    def account(self, line: Line) -> Account:
        """The account as it stands at the instant of the line; a fresh one reads as empty and is not kept."""
        if not self.names.changed and not line.terms.rolls_ns and line.resets_at:
            # Nearly always: what `key` gives, without its tuple.
            book = self._books.get((line.book, line.window, line.resets_at))
            return book.get(line.subject, EMPTY) if book is not None else EMPTY
        budget, subject, start, end = self.key(line)
        book = self._books.get((budget, start, end))
        account = book.get(subject) if book is not None else None
        if account is None:
            return EMPTY
        if not end:
            if 0 < account.touched_at <= line.at - line.terms.idle_ns and not account.holds:
                self._begin_anew(budget, subject, account, line.at)
        elif not start:
            assert isinstance(account, RollingAccount)
            account.roll(line.at)
        return account

    def entries(self, at: int = 0) -> Iterator[tuple[AccountKey, Account]]:
        """Every account that is known, as it stands at `at`."""
        for (budget, start, end), book in self._books.items():
            for subject, account in book.items():
                if isinstance(account, RollingAccount):
                    account.roll(at)
                yield (budget, subject, start, end), account

    def place(
        self, attempt: str, lines: Sequence[Line], nanos: int, tokens: int, output: int = 0, calls: int = 0
    ) -> tuple[Reserved, ...] | Again:
        """Holds the amounts on every line. The caller has checked that they fit; a line that does not is a defect."""
        if attempt in self.holds or attempt in self._ended or attempt in self._ended_before:
            return self._placed_again(attempt, lines, (nanos, tokens, output, calls))
        parts, accounts, anew = [], [], self._anew
        for line in lines:
            account, limits, subject, window = self.account(line), line.limits, line.subject, line.window
            if account is EMPTY:
                account = self.open(line.key)
            assert limits.tokens is None or account.settled_tokens + account.held_tokens + tokens <= limits.tokens
            assert limits.nanos is None or not nanos or account.settled_nanos + account.held_nanos + nanos <= limits.nanos
            if anew and not window:
                window = anew.get((self.names.now(line.book), subject), 0)
            part = Reserved(line.book, subject, window, nanos, tokens, output, calls, line.terms.rolls_ns, line.resets_at)
            account.hold(part)
            account.touched_at = line.at
            parts.append(part)
            accounts.append(account)
        reserved = tuple(parts)
        if reserved:
            self.holds[attempt] = Hold(reserved, tuple(accounts))
        return reserved

    def restore(self, attempt: str, reserved: Iterable[Reserved]) -> None:
        """Puts back a hold that an earlier process left open. It may exceed a limit that was lowered since."""
        kept = tuple(reserved)
        for part in kept:
            self._in_newest_life(part)
        accounts = tuple([self.open(key_of(part)) for part in kept])
        for part, account in zip(kept, accounts, strict=True):
            account.hold(part)
        if kept:
            self.holds[attempt] = Hold(kept, accounts)

    def put_back(self, part: Reserved, touched_at: int) -> None:
        """Puts back what an earlier process settled. Of a lifetime that began anew only the newest part counts."""
        if self._in_newest_life(part):
            account = self.open(key_of(part))
            account.touched_at = max(account.touched_at, touched_at)
            account.put_back(part)
        else:
            self.forgotten.append(Forgotten(part.budget, part.subject, part.window))

    def _in_newest_life(self, part: Reserved) -> bool:
        """False if the part is of a lifetime that was over before. One that is newer than what is known ends that."""
        if part.rolls_ns or part.ends_at:
            return True
        budget, subject, *_ = key = self.now(key_of(part))
        before = self._anew.get((budget, subject), 0)
        if part.window > before:
            account = self.open(key)
            if account.touched_at:
                self.forgotten.append(Forgotten(part.budget, part.subject, before))
            account.begin_anew()
            self._anew[budget, subject] = part.window
        return part.window >= before

    def release(self, attempt: str, settled: Iterable[Reserved] = (), at: int = 0) -> tuple[Reserved, ...] | Again | Literal["unknown"]:
        """Ends a hold, once: its parts are no longer held, and what was `settled` counts for good. Gives the hold's parts."""
        spent = tuple(settled)
        hold = self.holds.pop(attempt, None)
        if hold is None:
            known = self._ended.get(attempt) or self._ended_before.get(attempt)
            if known is None:
                return "unknown"
            return "same" if ended(known.accounts, took(known), spent) == known else "different"
        # A receipt repeats the parts of its hold, in their order.
        for part, used_of_it, account in zip(hold.parts, spent or repeat(None), hold.accounts, strict=False):
            assert used_of_it is None or (used_of_it.subject == part.subject and used_of_it.budget == part.budget)
            account.end(part, used_of_it)
            account.touched_at = at or account.touched_at
        if len(self._ended) >= ENDED_KEPT:
            self._ended_before, self._ended = self._ended, {}
        self._ended[attempt] = ended(hold.accounts, hold.parts[0], spent)
        return hold.parts

    def key(self, line: Line) -> AccountKey:
        """The account of a line, by the name that the budget has now."""
        return self.now(line.key)

    def now(self, key: AccountKey) -> AccountKey:
        """A key by the name that its budget has now."""
        return (self.names.now(key[0]), *key[1:]) if self.names.changed else key

    def open(self, key: AccountKey) -> Account:
        """The account of `key`, made if it is new."""
        budget, subject, start, end = self.now(key)
        book = self._books.get((budget, start, end))
        if book is None:
            book = self._books[budget, start, end] = {}
        account = book.get(subject)
        if account is None:
            rolls = not start and end
            account = book[subject] = RollingAccount(rolls_ns=end) if rolls else Account()
        return account

    def knows(self, key: AccountKey) -> bool:
        """Whether there is an account of `key`."""
        budget, subject, start, end = self.now(key)
        return subject in self._books.get((budget, start, end), ())

    def frees_at(self, line: Line, unit: str, limit: int, needed: int) -> int:
        """When the amount fits on the line, if nothing else is held meanwhile: the end of its window, or of enough slices of it."""
        account = self.account(line)
        if not isinstance(account, RollingAccount):
            return 0 if line.terms.rolls_ns else line.resets_at
        return account.frees_at(unit, used(account, unit) + needed - limit)

    def rename(self, was: str, name: str) -> None:
        """From now on what stands and what will stand on the budget `was` stands on `name`, and counts there."""
        for old, new in self.names.rename(was, name, [book[0] for book in self._books]):
            for start, end in [key[1:] for key in self._books if key[0] == old]:
                for subject, account in self._books.pop((old, start, end)).items():
                    self._move(account, (new, subject, start, end))
            for subject in [key[1] for key in self._anew if key[0] == old]:
                self._anew[new, subject] = max(self._anew.pop((old, subject)), self._anew.get((new, subject), 0))

    def _move(self, account: Account, key: AccountKey) -> None:
        budget, subject, start, end = key
        there = self._books.setdefault((budget, start, end), {}).setdefault(subject, account)
        if there is account:
            return
        there.waiting += account.waiting
        there.touched_at = max(there.touched_at, account.touched_at)
        if isinstance(there, RollingAccount) and isinstance(account, RollingAccount):
            there.take_slices(account)
        else:
            there.add(account)
        for attempt, hold in self.holds.items():
            if any(one is account for one in hold.accounts):
                self.holds[attempt] = Hold(hold.parts, tuple([there if one is account else one for one in hold.accounts]))

    def _begin_anew(self, budget: str, subject: str, account: Account, at: int) -> None:
        """The subject was idle for so long that it is forgotten: what it had settled, in memory and in the store."""
        self.forgotten.append(Forgotten(budget, subject, self._anew.get((budget, subject), 0)))
        self._anew[budget, subject] = at
        account.begin_anew()
        account.touched_at = at
        if self.grants:
            self.grants.forget_subject(budget, subject)

    def _placed_again(self, attempt: str, lines: Sequence[Line], amounts: tuple[int, int, int, int]) -> Again:
        known = self.holds.get(attempt) or self._ended.get(attempt) or self._ended_before.get(attempt)
        assert known is not None
        part = known.parts[0] if isinstance(known, Hold) else took(known)
        if (part.nanos, part.tokens, part.output_tokens, part.invocations) != amounts or len(known.accounts) != len(lines):
            return "different"
        return "same" if all(self.account(line) is one for line, one in zip(lines, known.accounts, strict=True)) else "different"

    def forget_ended(self, now: int, idle: Mapping[str, int] | None = None) -> None:
        """Drops the accounts of windows that have ended, and the grants for them; what was settled in them is in the store. Of the others
        it looks at some each time: slices that have rolled out, and subjects without a window that were idle for as long as `idle` says
        of their budget."""
        self.grants.forget_ended(now)
        for book in [book for book in self._books if book[1] and book[2] <= now]:
            self._drop(book, list(islice(self._books[book], 10 * LOOKED_AT)))
        if not self._looking_at:
            self._looking_at = [(book, subject) for book, subjects in self._books.items() if not book[1] for subject in subjects]
        ahead, self._looking_at = self._looking_at[-LOOKED_AT:], self._looking_at[:-LOOKED_AT]
        for book, subject in ahead:
            account = self._books.get(book, {}).get(subject)
            if isinstance(account, RollingAccount):
                account.roll(now)
                if not account.slices:
                    self._drop(book, [subject])
            elif account is not None and not account.busy and account.touched_at + _idle_ns(idle, book[0]) <= now:
                # Where somebody only waited, nothing is over that could begin anew.
                if account.touched_at:
                    self._begin_anew(book[0], subject, account, now)
                self._drop(book, [subject])

    def forgotten_in_store(self, gone: Iterable[Forgotten]) -> None:
        """The rows of these are gone: a subject that is not back yet may begin like a new one."""
        for one in gone:
            if one.subject not in self._books.get((one.budget, 0, 0), {}):
                self._anew.pop((one.budget, one.subject), None)

    def forget(self, keys: Iterable[AccountKey]) -> None:
        """Drops accounts that nobody will ask for again (ended invocations), unless something is still held."""
        for budget, subject, start, end in map(self.now, keys):
            self._drop((budget, start, end), [subject])

    def _drop(self, book: tuple[str, int, int], subjects: Sequence[str]) -> None:
        accounts = self._books.get(book)
        if accounts is None:
            return
        for subject in subjects:
            account = accounts.get(subject)
            if account is not None and not account.busy:
                del accounts[subject]
                if not book[2] and self.grants:
                    self.grants.forget_subject(book[0], subject)
        if not accounts:
            del self._books[book]


def _idle_ns(idle: Mapping[str, int] | None, book: str) -> int:
    return (idle or {}).get(book.partition("#")[0], IDLE_NS)
